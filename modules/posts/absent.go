package posts

import (
	"context"

	"github.com/google/uuid"
)

// Absent is the Reader, the Counts, the Tastes and the Wishes while posts is off: there are no posts.
type Absent struct{}

// Visible returns none.
func (Absent) Visible(context.Context, uuid.UUID, []uuid.UUID) (map[uuid.UUID]Post, error) {
	return map[uuid.UUID]Post{}, nil
}

// CountByAuthor returns none of anybody.
func (Absent) CountByAuthor(context.Context, []uuid.UUID) (map[uuid.UUID]ByVisibility, error) {
	return map[uuid.UUID]ByVisibility{}, nil
}

// Alike returns nobody.
func (Absent) Alike(context.Context, uuid.UUID, int) (map[uuid.UUID]int64, error) {
	return map[uuid.UUID]int64{}, nil
}

// Wishers returns nobody.
func (Absent) Wishers(context.Context, uuid.UUID, uuid.UUID, int) ([]uuid.UUID, uuid.UUID, error) {
	return nil, uuid.Nil, nil
}
