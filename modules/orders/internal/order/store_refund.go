package order

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"
)

// InsertRefund sets an amount aside from what was captured and writes the refund. More than is left is errRefundTooMuch, by
// constraint as well. made is false where the cause has been refunded before.
func (s *Store) InsertRefund(ctx context.Context, r *Refund) (made bool, err error) {
	r.CheckedAt = s.db.Conn(ctx).NowFunc()
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

// FindRefund reads the refund that the provider knows by an id of ours, or by one of its own; found is false where there is none.
func (s *Store) FindRefund(ctx context.Context, ours uuid.UUID, providers string) (r Refund, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM refunds WHERE id = ? OR provider_refund_id = ? LIMIT 1`, ours, providers).Scan(&r).Error
	return r, r.ID != uuid.Nil, faults.Translate(err, nil)
}

// Refunds reads an order's refunds, the newest first.
func (s *Store) Refunds(ctx context.Context, order uuid.UUID) (rows []Refund, err error) {
	err = s.db.Conn(ctx).Order("id DESC").Find(&rows, "order_id = ?", order).Error
	return rows, faults.Translate(err, nil)
}

// Intent reads the intent that an attempt was captured by.
func (s *Store) Intent(ctx context.Context, attempt uuid.UUID) (id string, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT intent_id FROM payments WHERE id = ?`, attempt).Scan(&id).Error
	return id, faults.Translate(err, nil)
}

// SetRefund writes how a refund stands; one that has failed gives its amount back to what is left.
func (s *Store) SetRefund(ctx context.Context, r *Refund) error {
	done := s.db.Conn(ctx).Exec(`UPDATE refunds SET status = ?, provider_refund_id = coalesce(provider_refund_id, ?), failure = ?,
		settled_at = now(), checked_at = now() WHERE id = ?`, r.Status, r.ProviderRefundID, r.Failure, r.ID)
	if done.Error != nil || r.Status != refundFailed {
		return faults.Translate(done.Error, nil)
	}
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE payments SET refunded = refunded - ? WHERE id = ?`, r.Amount, r.PaymentID).Error, nil)
}

// LookedAtRefund notes that the provider was asked about a refund, whatever it said.
func (s *Store) LookedAtRefund(ctx context.Context, id uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec(`UPDATE refunds SET checked_at = now() WHERE id = ?`, id).Error, nil)
}

// PaidBack is what was captured for an order and what of it has gone back.
func (s *Store) PaidBack(ctx context.Context, order uuid.UUID) (captured, refunded int64, err error) {
	var sums struct{ Captured, Refunded int64 }
	err = s.db.Conn(ctx).Raw(`SELECT coalesce((SELECT sum(captured) FROM payments WHERE order_id = ?), 0) AS captured,
		coalesce((SELECT sum(amount) FROM refunds WHERE order_id = ? AND status = 'succeeded'), 0) AS refunded`, order, order).Scan(&sums).Error
	return sums.Captured, sums.Refunded, faults.Translate(err, nil)
}

// How long a refund must have been quiet to be looked at: one that is not sent yet, and one that a bank is at work on.
const (
	unsentWait     = 10 * time.Minute
	processingWait = 6 * time.Hour
)

// UnsettledRefunds reads refunds that the provider was not asked about for a while, the longest first.
func (s *Store) UnsettledRefunds(ctx context.Context, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT id FROM refunds WHERE status IN ('pending', 'processing')
		AND checked_at < now() - make_interval(secs => CASE status WHEN 'pending' THEN ?::float8 ELSE ?::float8 END)
		ORDER BY checked_at LIMIT ?`, unsentWait.Seconds(), processingWait.Seconds(), limit).Scan(&ids).Error
	return ids, faults.Translate(err, nil)
}
