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

// Reprice brings up to date what follows from the prices of products' variants: when the price asked changes next, and the
// lowest price of each product, in the currency of its first variant: amounts of different currencies are not compared. The caller has locked the products.
func (s *Store) Reprice(ctx context.Context, products ...uuid.UUID) error {
	conn := s.db.Conn(ctx)
	err := conn.Exec(`UPDATE product_variants SET price_edge = CASE WHEN sale_amount IS NOT NULL THEN
			least(CASE WHEN sale_from > now() THEN sale_from END, CASE WHEN sale_until > now() THEN sale_until END) END
		WHERE product_id = ANY(?) AND deleted_at IS NULL AND (sale_amount IS NOT NULL OR price_edge IS NOT NULL)`, database.Array(products)).Error
	if err != nil {
		return err
	}
	return conn.Exec(`UPDATE products p SET price_amount = low.amount, price_currency = low.price_currency FROM (
		SELECT DISTINCT ON (v.product_id) v.product_id, price_now(v) AS amount, v.price_currency
		FROM (SELECT *, first_value(price_currency) OVER (PARTITION BY product_id ORDER BY id) AS own FROM product_variants WHERE product_id = ANY(?) AND deleted_at IS NULL) o
		JOIN product_variants v ON v.id = o.id ORDER BY v.product_id, v.price_currency <> o.own, price_now(v), v.id) low WHERE p.id = low.product_id`,
		database.Array(products)).Error
}

// WriteHistory writes the price that each variant is offered at from now on into the history, and those to come, where its sale begins
// and ends. What was to come before is deleted.
func (s *Store) WriteHistory(ctx context.Context, variants ...uuid.UUID) error {
	conn := s.db.Conn(ctx)
	if err := conn.Exec(`DELETE FROM price_history WHERE variant_id = ANY(?) AND changed_at > now()`, database.Array(variants)).Error; err != nil {
		return err
	}
	var moments []struct {
		VariantID uuid.UUID
		Amount    int64
		Currency  string
		ChangedAt string
	}
	err := conn.Raw(`SELECT v.id AS variant_id, m.amount, v.price_currency AS currency, m.changed_at::text FROM product_variants v CROSS JOIN LATERAL (
			SELECT price_now(v) AS amount, now() AS changed_at
			UNION ALL SELECT v.sale_amount, v.sale_from WHERE v.sale_amount IS NOT NULL AND v.sale_from > now()
			UNION ALL SELECT v.price_amount, v.sale_until WHERE v.sale_amount IS NOT NULL AND v.sale_until > now()
		) m WHERE v.id = ANY(?) AND (m.changed_at > now() OR NOT EXISTS (
			SELECT 1 FROM (SELECT amount, currency FROM price_history WHERE variant_id = v.id ORDER BY changed_at DESC, id DESC LIMIT 1) last
			WHERE last.amount = m.amount AND last.currency = v.price_currency))
		ORDER BY v.id, m.changed_at`, database.Array(variants)).Scan(&moments).Error
	if err != nil || len(moments) == 0 {
		return err
	}
	var ids, of []uuid.UUID
	var amounts []int64
	var currencies, at []string
	for _, m := range moments {
		id, err := uuid.NewV7()
		if err != nil {
			return err
		}
		ids, of, amounts = append(ids, id), append(of, m.VariantID), append(amounts, m.Amount)
		currencies, at = append(currencies, m.Currency), append(at, m.ChangedAt)
	}
	return conn.Exec(`INSERT INTO price_history (id, variant_id, amount, currency, changed_at)
		SELECT id, variant_id, amount, currency, changed_at::timestamptz
		FROM unnest(?::uuid[], ?::uuid[], ?::bigint[], ?::text[], ?::text[]) AS m (id, variant_id, amount, currency, changed_at)`,
		database.Array(ids), database.Array(of), database.Array(amounts), database.Array(currencies), database.Array(at)).Error
}

// Due returns products one of whose prices changes about now by the clock, at most limit.
func (s *Store) Due(ctx context.Context, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT DISTINCT product_id FROM product_variants WHERE price_edge <= now() AND deleted_at IS NULL LIMIT ?`,
		limit).Scan(&ids).Error
	return ids, err
}
