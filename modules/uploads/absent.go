package uploads

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/photo"
)

// Absent is the Library and the Importer while uploads is off: nothing can be claimed, and there are no photos.
type Absent struct{}

// Claim returns ErrOff unless nothing is asked for.
func (Absent) Claim(_ context.Context, c Claim) error {
	if len(c.Uploads) == 0 {
		return nil
	}
	return ErrOff
}

// Release does nothing.
func (Absent) Release(context.Context, []uuid.UUID) error { return nil }

// SetAudience does nothing.
func (Absent) SetAudience(context.Context, []uuid.UUID, Audience) error { return nil }

// Photos returns none.
func (Absent) Photos(context.Context, []uuid.UUID) (map[uuid.UUID]photo.Photo, error) {
	return map[uuid.UUID]photo.Photo{}, nil
}

// Palettes returns none.
func (Absent) Palettes(context.Context, []uuid.UUID) (map[uuid.UUID][]Tone, error) {
	return map[uuid.UUID][]Tone{}, nil
}

// Import fetches nothing: there never will be a photo with the id that it returns.
func (Absent) Import(context.Context, uuid.UUID, string) (uuid.UUID, error) {
	return uuid.NewV7()
}
