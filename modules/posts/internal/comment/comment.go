// Package comment is what people say below posts: comments and one level of replies.
package comment

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/text"
)

// maxText bounds a comment, in characters as people see them.
const maxText = 1000

// Comment is a row of post_comments.
type Comment struct {
	ID        uuid.UUID `gorm:"primaryKey"`
	PostID    uuid.UUID
	AuthorID  uuid.UUID
	ParentID  *uuid.UUID
	Text      string
	CreatedAt time.Time `gorm:"autoCreateTime:false;default:now()"`
	EditedAt  *time.Time
	DeletedAt *time.Time
	Pinned    bool `gorm:"->;-:migration"` // leads the first page; only there
	Hidden    bool `gorm:"-"`              // from the viewer: only its place is shown
}

// TableName is the table's name.
func (Comment) TableName() string { return "post_comments" }

// spot is the comment's place in the list: what a cursor holds.
type spot struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// spot returns the comment's place. The pinned one leads: everything comes after it.
func (c Comment) spot() spot {
	if c.Pinned {
		return spot{}
	}
	return spot{At: c.CreatedAt, ID: c.ID}
}

// writers returns who wrote the rows.
func writers(rows []Comment) []uuid.UUID {
	ids := make([]uuid.UUID, len(rows))
	for i, c := range rows {
		ids[i] = c.AuthorID
	}
	return ids
}

// reply is that somebody replied to a comment.
type reply struct{ ParentID, AuthorID uuid.UUID }

// The bounds of an author's filter.
const (
	maxFilter = 200
	maxWord   = 50
)

var errNoWord = errors.New("has neither letters nor digits")

// cleanFilter returns the words as they are kept, each once, or posts.ErrInvalid.
func cleanFilter(list []string) ([]string, error) {
	if len(list) > maxFilter {
		return nil, posts.ErrInvalid.At("/body/words", fmt.Sprintf("are more than %d", maxFilter))
	}
	kept := []string{}
	for i, word := range list {
		word, err := text.Line(word, maxWord)
		if err == nil && !text.HasWords(word) {
			err = errNoWord
		}
		if err != nil {
			return nil, posts.ErrInvalid.At(fmt.Sprintf("/body/words/%d", i), err.Error())
		}
		if !slices.Contains(kept, word) {
			kept = append(kept, word)
		}
	}
	return kept, nil
}

// clean returns the text as it is kept, or posts.ErrInvalid.
func clean(written string) (string, error) {
	err := text.Clean(posts.ErrInvalid, text.Input{Pointer: "/body/text", Text: &written, Limit: maxText, Required: true, Block: true})
	return written, err
}
