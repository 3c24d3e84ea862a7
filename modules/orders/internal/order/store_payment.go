package order

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

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
	done := s.db.Conn(ctx).Exec(`INSERT INTO payment_events (provider, event_id, type, intent_id, live, at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO NOTHING`, provider, e.ID, e.Type, e.IntentID, e.Live, e.At)
	return done.RowsAffected == 1, faults.Translate(done.Error, nil)
}

// InsertRefund sets an amount aside from what was captured and writes the refund. More than is left is errRefundTooMuch, by
// constraint as well. made is false where the cause has been refunded before.
func (s *Store) InsertRefund(ctx context.Context, r *Refund) (made bool, err error) {
	done := s.db.Conn(ctx).Clauses(clause.OnConflict{OnConstraint: "refunds_cause", DoNothing: true}).Create(r)
	if done.Error != nil || done.RowsAffected == 0 {
		return false, faults.Translate(done.Error, nil)
	}
	set := s.db.Conn(ctx).Exec(`UPDATE payments SET refunded = refunded + ? WHERE id = ? AND refunded + ? <= captured`, r.Amount, r.PaymentID, r.Amount)
	if set.Error == nil && set.RowsAffected == 0 {
		return false, errRefundTooMuch
	}
	return true, faults.Translate(set.Error, nil)
}

// Refund reads a refund; none is the database's error, since ids come from our own tasks.
func (s *Store) Refund(ctx context.Context, id uuid.UUID) (r Refund, err error) {
	err = s.db.Conn(ctx).Take(&r, "id = ?", id).Error
	return r, faults.Translate(err, nil)
}

// Intent reads the intent that an attempt was captured by.
func (s *Store) Intent(ctx context.Context, attempt uuid.UUID) (id string, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT intent_id FROM payments WHERE id = ?`, attempt).Scan(&id).Error
	return id, faults.Translate(err, nil)
}

// SettleRefund moves a pending refund on and reports whether this call did; a failed one gives its amount back to what is left.
func (s *Store) SettleRefund(ctx context.Context, r *Refund) (bool, error) {
	done := s.db.Conn(ctx).Exec(`UPDATE refunds SET status = ?, provider_refund_id = ?, settled_at = now() WHERE id = ? AND status = 'pending'`,
		r.Status, r.ProviderRefundID, r.ID)
	if done.Error != nil || done.RowsAffected == 0 || r.Status != refundFailed {
		return done.RowsAffected == 1, faults.Translate(done.Error, nil)
	}
	return true, faults.Translate(s.db.Conn(ctx).Exec(`UPDATE payments SET refunded = refunded - ? WHERE id = ?`, r.Amount, r.PaymentID).Error, nil)
}

// PaidBack is what was captured for an order and what of it has gone back.
func (s *Store) PaidBack(ctx context.Context, order uuid.UUID) (captured, refunded int64, err error) {
	var sums struct{ Captured, Refunded int64 }
	err = s.db.Conn(ctx).Raw(`SELECT coalesce((SELECT sum(captured) FROM payments WHERE order_id = ?), 0) AS captured,
		coalesce((SELECT sum(amount) FROM refunds WHERE order_id = ? AND status = 'succeeded'), 0) AS refunded`, order, order).Scan(&sums).Error
	return sums.Captured, sums.Refunded, faults.Translate(err, nil)
}

// PendingRefunds reads refunds that have waited for the provider for a while, the longest first.
func (s *Store) PendingRefunds(ctx context.Context, quiet time.Duration, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM refunds WHERE status = 'pending' AND created_at < now() - make_interval(secs => ?)
		ORDER BY created_at LIMIT ?`, quiet.Seconds(), limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}
