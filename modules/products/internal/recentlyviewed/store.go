// Package recentlyviewed is the products that a person looked at last.
package recentlyviewed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Store keeps what people looked at.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Record remembers that a person looked at a product; of all those, the latest most.
func (s *Store) Record(ctx context.Context, user, product uuid.UUID, most int) error {
	conn := s.db.Conn(ctx)
	err := conn.Exec(`INSERT INTO recently_viewed (user_id, product_id, viewed_at) VALUES (?, ?, clock_timestamp())
		ON CONFLICT (user_id, product_id) DO UPDATE SET viewed_at = excluded.viewed_at`, user, product).Error
	if err != nil {
		return err
	}
	return conn.Exec(`DELETE FROM recently_viewed WHERE user_id = ? AND product_id IN (
		SELECT product_id FROM recently_viewed WHERE user_id = ? ORDER BY viewed_at DESC, product_id DESC OFFSET ?)`, user, user, most).Error
}

// Position is one line of the list; cursors are sealed from it.
type Position struct {
	ProductID uuid.UUID `json:"p"`
	ViewedAt  time.Time `json:"t"`
}

// Page reads products on sale that a person looked at, latest first, after the position given (zero: from the top).
func (s *Store) Page(ctx context.Context, user uuid.UUID, after Position, limit int) ([]Position, error) {
	if after.ViewedAt.IsZero() {
		after.ViewedAt = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	var rows []Position
	err := s.db.Conn(ctx).Raw(`SELECT r.product_id, r.viewed_at FROM recently_viewed r
		JOIN products p ON p.id = r.product_id AND p.deleted_at IS NULL AND `+product.OnSale+`
		WHERE r.user_id = ? AND (r.viewed_at, r.product_id) < (?, ?) ORDER BY r.viewed_at DESC, r.product_id DESC LIMIT ?`,
		user, after.ViewedAt, after.ProductID, limit).Scan(&rows).Error
	return rows, err
}

// DeleteOf clears what a person looked at.
func (s *Store) DeleteOf(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM recently_viewed WHERE user_id = ?`, user).Error
}
