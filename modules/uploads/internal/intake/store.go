package intake

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/database"
)

// Store finds uploads that are being taken in.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// ofOwner returns an upload of the owner that is not released, or uploads.ErrNotFound.
func (s *Store) ofOwner(ctx context.Context, owner, id uuid.UUID) (*upload.Upload, error) {
	var u upload.Upload
	err := s.db.Conn(ctx).Where("id = ? AND owner_id = ? AND released_at IS NULL", id, owner).Take(&u).Error
	return &u, database.OrNotFound(err, uploads.ErrNotFound)
}

// byQuarantineKey returns the upload that a file in quarantine belongs to, or uploads.ErrNotFound.
func (s *Store) byQuarantineKey(ctx context.Context, key string) (*upload.Upload, error) {
	var u upload.Upload
	err := s.db.Conn(ctx).Where("quarantine_key = ? AND released_at IS NULL", key).Take(&u).Error
	return &u, database.OrNotFound(err, uploads.ErrNotFound)
}

// startProcessing moves a pending upload on, and reports whether it was this call that did.
func (s *Store) startProcessing(ctx context.Context, id uuid.UUID, width, height int) (bool, error) {
	done := s.db.Conn(ctx).Exec(`UPDATE uploads SET status = 'processing', width = ?, height = ?
		WHERE id = ? AND status = 'pending' AND released_at IS NULL`, width, height, id)
	return done.RowsAffected > 0, done.Error
}
