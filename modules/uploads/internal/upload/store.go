package upload

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/platform/database"
)

// Store keeps uploads in PostgreSQL. It has the statements that several packages run; the others have theirs in their own stores.
// Every change of status is one conditional UPDATE, so whoever loses a race changes nothing.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Insert adds an upload.
func (s *Store) Insert(ctx context.Context, u *Upload) error {
	return s.db.Conn(ctx).Create(u).Error
}

// Find returns an upload, or uploads.ErrNotFound.
func (s *Store) Find(ctx context.Context, id uuid.UUID) (*Upload, error) {
	var u Upload
	err := s.db.Conn(ctx).Where("id = ?", id).Take(&u).Error
	return &u, database.OrNotFound(err, uploads.ErrNotFound)
}

// FindAll returns the uploads with these ids; those that are gone are absent.
func (s *Store) FindAll(ctx context.Context, ids []uuid.UUID) (rows []*Upload, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM uploads WHERE id = ANY(?)`, database.Array(ids)).Scan(&rows).Error
	return rows, err
}

// Fail ends an upload that is pending or in work; any other is left alone.
func (s *Store) Fail(ctx context.Context, id uuid.UUID, reason Reason) error {
	return s.db.Conn(ctx).Exec(`UPDATE uploads SET status = 'failed', reason = ?, ended_at = now()
		WHERE id = ? AND status IN ('pending', 'processing')`, reason, id).Error
}
