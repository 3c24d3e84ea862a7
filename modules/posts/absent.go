package posts

import (
	"context"

	"github.com/google/uuid"
)

// Absent is the Reader and the Tastes while posts is off: there are no posts.
type Absent struct{}

// Visible returns none.
func (Absent) Visible(context.Context, uuid.UUID, []uuid.UUID) (map[uuid.UUID]Post, error) {
	return map[uuid.UUID]Post{}, nil
}

// Alike returns nobody.
func (Absent) Alike(context.Context, uuid.UUID, int) (map[uuid.UUID]int64, error) {
	return map[uuid.UUID]int64{}, nil
}
