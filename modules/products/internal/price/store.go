// Package price keeps the history of prices and the prices that follow from it by the clock: when sales begin and end, and what a
// product costs at least.
package price

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store writes prices and their history.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Reprice brings up to date what follows from the prices of a product's variants: when the price asked changes next, and the
// lowest price of the product. The caller has locked the product.
func (s *Store) Reprice(ctx context.Context, product uuid.UUID) error {
	conn := s.db.Conn(ctx)
	err := conn.Exec(`UPDATE product_variants SET price_edge = CASE WHEN sale_amount IS NOT NULL THEN
			least(CASE WHEN sale_from > now() THEN sale_from END, CASE WHEN sale_until > now() THEN sale_until END) END
		WHERE product_id = ? AND deleted_at IS NULL AND (sale_amount IS NOT NULL OR price_edge IS NOT NULL)`, product).Error
	if err != nil {
		return err
	}
	return conn.Exec(`UPDATE products p SET price_amount = low.amount, price_currency = low.price_currency FROM (
		SELECT price_now(v) AS amount, v.price_currency FROM product_variants v WHERE v.product_id = ? AND v.deleted_at IS NULL
		ORDER BY 1, v.id LIMIT 1) low WHERE p.id = ?`, product, product).Error
}

// WriteHistory writes the price that a variant is offered at from now on into the history, and those to come, where its sale begins
// and ends. What was to come before is deleted.
func (s *Store) WriteHistory(ctx context.Context, variant uuid.UUID) error {
	conn := s.db.Conn(ctx)
	if err := conn.Exec(`DELETE FROM price_history WHERE variant_id = ? AND changed_at > now()`, variant).Error; err != nil {
		return err
	}
	var moments []struct {
		Amount    int64
		Currency  string
		ChangedAt string
	}
	err := conn.Raw(`SELECT m.amount, v.price_currency AS currency, m.changed_at::text FROM product_variants v CROSS JOIN LATERAL (
			SELECT price_now(v) AS amount, now() AS changed_at
			UNION ALL SELECT v.sale_amount, v.sale_from WHERE v.sale_amount IS NOT NULL AND v.sale_from > now()
			UNION ALL SELECT v.price_amount, v.sale_until WHERE v.sale_amount IS NOT NULL AND v.sale_until > now()
		) m WHERE v.id = ? AND (m.changed_at > now() OR NOT EXISTS (
			SELECT 1 FROM (SELECT amount, currency FROM price_history WHERE variant_id = v.id ORDER BY changed_at DESC, id DESC LIMIT 1) last
			WHERE last.amount = m.amount AND last.currency = v.price_currency))
		ORDER BY m.changed_at`, variant).Scan(&moments).Error
	if err != nil {
		return err
	}
	for _, m := range moments {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		err = conn.Exec(`INSERT INTO price_history (id, variant_id, amount, currency, changed_at) VALUES (?, ?, ?, ?, ?::timestamptz)`,
			id, variant, m.Amount, m.Currency, m.ChangedAt).Error
		if err != nil {
			return err
		}
	}
	return nil
}

// Due returns products one of whose prices changes about now by the clock, at most limit.
func (s *Store) Due(ctx context.Context, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT DISTINCT product_id FROM product_variants WHERE price_edge <= now() AND deleted_at IS NULL LIMIT ?`,
		limit).Scan(&ids).Error
	return ids, err
}
