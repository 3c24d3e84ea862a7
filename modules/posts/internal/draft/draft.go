// Package draft keeps what authors have not published yet: saved again and again while they write, published once, now or later.
package draft

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/post"
)

const (
	maxDrafts = 100                  // of one author
	furthest  = 365 * 24 * time.Hour // ahead that a publication can be planned
)

// Draft is a row of post_drafts.
type Draft struct {
	ID        uuid.UUID
	AuthorID  uuid.UUID
	Version   int64
	Said      post.Draft `gorm:"serializer:json"`
	PublishAt *time.Time
	Problem   *string
	PostID    *uuid.UUID
	CreatedAt time.Time
	UpdatedAt time.Time
}

// spot is the draft's place in the list: what a cursor holds.
type spot struct {
	At time.Time `json:"t"`
	ID uuid.UUID `json:"i"`
}

// photos returns the photos that the draft holds.
func (d Draft) photos() []uuid.UUID { return post.PhotoIDs(d.Said.Photos) }

// content returns the draft as a post's content, for what is shown of its photos.
func (d Draft) content() *content.Content {
	return &content.Content{ID: d.ID, AuthorID: d.AuthorID, Photos: d.Said.Photos}
}

// says reports whether the draft was saved with just this, and nothing has come in the way of publishing it since.
func (d Draft) says(said post.Draft) bool {
	return d.Version > 0 && d.Problem == nil && d.Said.Equal(said)
}

// dueAt reports whether this very moment is the one that the publication is planned for.
func (d Draft) dueAt(at time.Time) bool { return d.PublishAt != nil && d.PublishAt.Equal(at) }
