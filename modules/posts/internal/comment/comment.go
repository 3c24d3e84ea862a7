// Package comment is what people say below posts: comments and one level of replies.
package comment

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/words"
)

// maxText bounds a comment, in characters as people see them.
const maxText = 1000

// Comment is a row of post_comments.
type Comment struct {
	ID             uuid.UUID `gorm:"primaryKey"`
	PostID         uuid.UUID
	AuthorID       uuid.UUID
	ParentID       *uuid.UUID
	Text           string
	CreatedAt      time.Time `gorm:"autoCreateTime:false;default:now()"`
	EditedAt       *time.Time
	DeletedAt      *time.Time
	ParentAuthorID *uuid.UUID `gorm:"->;-:migration"` // who wrote the living comment that this replies to; only in lists
}

// TableName is the table's name.
func (Comment) TableName() string { return "post_comments" }

// spot is the comment's place in the list: what a cursor holds.
type spot struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// writers returns the people whom the viewer meets in the rows.
func writers(rows []Comment) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(rows))
	for _, c := range rows {
		ids = append(ids, c.AuthorID)
		if c.ParentAuthorID != nil {
			ids = append(ids, *c.ParentAuthorID)
		}
	}
	return ids
}

// tidy returns the text as it is kept, or posts.ErrInvalid.
func tidy(text string) (string, error) {
	tidied, wrong := words.Tidy(text, maxText)
	if tidied == "" && wrong == "" {
		wrong = "is empty"
	}
	if wrong != "" {
		return "", posts.ErrInvalid.At("/body/text", wrong)
	}
	return tidied, nil
}
