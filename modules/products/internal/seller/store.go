package seller

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store keeps product_sellers: how those stand who offer something.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Sells reports whether a person has products.
func (s *Store) Sells(ctx context.Context, id uuid.UUID) (sells bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT 1 FROM products WHERE seller_id = ? AND deleted_at IS NULL)`, id).Scan(&sells).Error
	return sells, err
}

// Lock keeps the row of a seller for this transaction, and reads whether they are noted as suspended.
func (s *Store) Lock(ctx context.Context, id uuid.UUID) (suspended bool, err error) {
	err = s.db.Conn(ctx).Raw(`INSERT INTO product_sellers AS s (seller_id, suspended) VALUES (?, false)
		ON CONFLICT (seller_id) DO UPDATE SET suspended = s.suspended RETURNING suspended`, id).Scan(&suspended).Error
	return suspended, err
}

// SetSuspended notes whether a seller is suspended.
func (s *Store) SetSuspended(ctx context.Context, id uuid.UUID, suspended bool) error {
	return s.db.Conn(ctx).Exec(`UPDATE product_sellers SET suspended = ? WHERE seller_id = ?`, suspended, id).Error
}

// Sellers reads who has products, ascending, after one.
func (s *Store) Sellers(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT DISTINCT seller_id FROM products WHERE deleted_at IS NULL AND seller_id > ? ORDER BY seller_id LIMIT ?`,
		after, limit).Scan(&ids).Error
	return ids, err
}

// ProductsOf reads ids of a seller's products, ascending, after one.
func (s *Store) ProductsOf(ctx context.Context, seller, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM products WHERE seller_id = ? AND deleted_at IS NULL AND id > ? ORDER BY id LIMIT ?`,
		seller, after, limit).Scan(&ids).Error
	return ids, err
}
