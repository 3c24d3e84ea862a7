package dispute

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store reads and writes disputes.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// Find reads a dispute by the provider's id; found is false where there is none.
func (s *Store) Find(ctx context.Context, providers string) (d Dispute, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM disputes WHERE provider_dispute_id = ?`, providers).Scan(&d).Error
	return d, d.ID != uuid.Nil, err
}

// Insert writes a new dispute.
func (s *Store) Insert(ctx context.Context, d *Dispute) error { return s.db.Conn(ctx).Create(d).Error }

// Close writes how a dispute was decided.
func (s *Store) Close(ctx context.Context, d *Dispute) error {
	return s.db.Conn(ctx).Exec(`UPDATE disputes SET status = ?, closed_at = now() WHERE id = ?`, d.Status, d.ID).Error
}

// Open reads the provider's ids of disputes that are not decided, the oldest first.
func (s *Store) Open(ctx context.Context) (ids []string, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT provider_dispute_id FROM disputes WHERE status = 'open' ORDER BY opened_at LIMIT 1000`).Scan(&ids).Error
	return ids, err
}
