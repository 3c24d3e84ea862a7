package order

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/payment"
)

// InsertPayment writes another attempt.
func (s *Store) InsertPayment(ctx context.Context, p *Payment) error {
	return faults.Translate(s.db.Conn(ctx).Create(p).Error, nil)
}

// SetPayment writes how an attempt stands.
func (s *Store) SetPayment(ctx context.Context, p Payment) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE payments SET status = ?, captured = ?, checked_at = now() WHERE id = ?`,
		p.Status, p.Captured, p.ID).Error, nil)
}

// Looked notes that the provider was asked about an attempt, whatever it said.
func (s *Store) Looked(ctx context.Context, attempt uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE payments SET checked_at = now() WHERE id = ?`, attempt).Error, nil)
}

// PaymentOf reads the attempt that an intent belongs to; found is false where there is none.
func (s *Store) PaymentOf(ctx context.Context, provider, intentID string) (p Payment, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM payments WHERE provider = ? AND intent_id = ?`, provider, intentID).Scan(&p).Error
	return p, p.ID != uuid.Nil, faults.Translate(err, nil)
}

// Unsettled reads orders with a payment that the provider was not asked about for a while, the longest first.
func (s *Store) Unsettled(ctx context.Context, quiet time.Duration, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT order_id FROM payments WHERE status IN ('open', 'processing') AND intent_id IS NOT NULL
		AND checked_at < now() - make_interval(secs => ?) ORDER BY checked_at LIMIT ?`, quiet.Seconds(), limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}

// InsertEvent writes an event of the provider into the ledger and reports whether it was new.
func (s *Store) InsertEvent(ctx context.Context, provider string, e payment.Event) (bool, error) {
	done := s.db.Conn(ctx).Exec(`INSERT INTO payment_events (provider, event_id, type, intent_id, refund_id, live, at)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, provider, e.ID, e.Type, e.IntentID, e.RefundID, e.Live, e.At)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}
