package processing

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/imaging"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/database"
)

// Store counts tries and finishes uploads.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// countTry counts a decoding before it begins, so that one that kills the worker counts as well.
func (s *Store) countTry(ctx context.Context, id uuid.UUID) (tries int, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE uploads SET tries = tries + 1 WHERE id = ? RETURNING tries`, id).Scan(&tries).Error
	return tries, err
}

// uncountTry takes a try back that the picture got through, or is not to blame for.
func (s *Store) uncountTry(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE uploads SET tries = tries - 1 WHERE id = ? AND tries > 0`, id).Error
}

// finish makes an upload a photo, and reports whether it was this call that did.
func (s *Store) finish(ctx context.Context, u *upload.Upload, v imaging.Variants) (bool, error) {
	done := s.db.Conn(ctx).Exec(`UPDATE uploads SET status = 'ready', width = ?, height = ?, blurhash = ?, palette = ?, sizes = ?, ended_at = now()
		WHERE id = ? AND status = 'processing' AND released_at IS NULL`,
		v.Width, v.Height, v.Blurhash, inJSON(v.Palette), inJSON(v.Sizes), u.ID)
	return done.RowsAffected > 0, done.Error
}

// inJSON writes a list for a jsonb column.
func inJSON[T any](list []T) string {
	b, err := json.Marshal(list)
	if err != nil {
		panic("uploads: " + err.Error()) // swatches and numbers always can be written
	}
	return string(b)
}
