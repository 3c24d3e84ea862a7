package reconciliation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/database"
)

// Store reads what is compared, and writes down what was found.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// PaymentsByIntent reads the attempts that intents belong to, by intent.
func (s *Store) PaymentsByIntent(ctx context.Context, provider string, intents []string) (map[string]order.Payment, error) {
	var rows []order.Payment
	err := s.db.Conn(ctx).Raw(`SELECT * FROM payments WHERE provider = ? AND intent_id = ANY(?)`, provider, database.Array(intents)).Scan(&rows).Error
	byIntent := make(map[string]order.Payment, len(rows))
	for _, p := range rows {
		byIntent[*p.IntentID] = p
	}
	return byIntent, err
}

// CapturedSince reads the attempts since a time that hold money.
func (s *Store) CapturedSince(ctx context.Context, provider string, since time.Time) (rows []order.Payment, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM payments WHERE provider = ? AND created_at >= ? AND captured > 0 AND intent_id IS NOT NULL`,
		provider, since).Scan(&rows).Error
	return rows, err
}

// Unbalanced reads orders that hold other money than they are worth: a live one what it cost, without what went back;
// one that is over nothing. Those that are, or were, in review are people's already.
func (s *Store) Unbalanced(ctx context.Context) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT o.id FROM orders o
		JOIN (SELECT order_id, sum(captured) AS captured, sum(refunded) AS refunded FROM payments GROUP BY order_id) p ON p.order_id = o.id
		WHERE CASE WHEN o.status IN ('pending_payment', 'expired', 'cancelled') THEN p.captured <> p.refunded
			WHEN o.status = 'refunded' THEN p.captured <> p.refunded
			WHEN o.status = 'review' OR EXISTS (SELECT FROM payments r WHERE r.order_id = o.id AND r.status = 'review') THEN false
			ELSE p.captured - p.refunded <> o.total - coalesce((SELECT sum(r.amount) FROM refunds r
				WHERE r.order_id = o.id AND r.status <> 'failed' AND r.cause NOT LIKE 'payment %'), 0) END
		ORDER BY o.id LIMIT 1000`).Scan(&ids).Error
	return ids, err
}

// Insert writes down what a comparison found.
func (s *Store) Insert(ctx context.Context, r *Reconciliation) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	findings, err := r.findings()
	if err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`INSERT INTO payment_reconciliations (id, since, intents, refunds, mended, drift, findings)
		VALUES (?, ?, ?, ?, ?, ?, ?::jsonb)`, id, r.Since, r.Intents, r.Refunds, r.Mended, len(r.Findings), findings).Error
}
