package posts

import (
	"context"

	"github.com/google/uuid"
)

// Absent is the Reader, the Counts, the Tastes, the Wishes and the Activity while posts is off: there are no posts to be seen, and what people
// did with those that are kept is not known.
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

// Likes returns ErrOff.
func (Absent) Likes(context.Context, []Like) (map[Like]bool, error) { return nil, ErrOff }

// Comments returns ErrOff.
func (Absent) Comments(context.Context, []uuid.UUID) (map[uuid.UUID]Comment, error) {
	return nil, ErrOff
}

// Mentions returns ErrOff.
func (Absent) Mentions(context.Context, []uuid.UUID) (map[uuid.UUID][]uuid.UUID, error) {
	return nil, ErrOff
}
