package refund

import (
	"context"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm/clause"

	"atrium/modules/orders/internal/order"
	"atrium/platform/database"
)

// Store reads and writes refunds, and what of a payment is refunded.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store {
	return &Store{db.WithConstraints(database.Constraints{"payments_refunded": order.ErrRefundExceeds})}
}

// Insert sets an amount aside from what was captured and writes the refund. More than is left is order.ErrRefundExceeds, by
// constraint as well. made is false where the cause has been refunded before.
func (s *Store) Insert(ctx context.Context, r *Refund) (made bool, err error) {
	r.CheckedAt = s.db.Conn(ctx).NowFunc()
	done := s.db.Conn(ctx).Clauses(clause.OnConflict{OnConstraint: "refunds_cause", DoNothing: true}).Create(r)
	if done.Error != nil || done.RowsAffected == 0 {
		return false, done.Error
	}
	set := s.db.Conn(ctx).Exec(`UPDATE payments SET refunded = refunded + ? WHERE id = ? AND refunded + ? <= captured`, r.Amount, r.PaymentID, r.Amount)
	if set.Error == nil && set.RowsAffected == 0 {
		return false, order.ErrRefundExceeds
	}
	return true, set.Error
}

// ByID reads a refund; none is the database's error, since ids come from our own tasks.
func (s *Store) ByID(ctx context.Context, id uuid.UUID) (r Refund, err error) {
	err = s.db.Conn(ctx).Take(&r, "id = ?", id).Error
	return r, err
}

// Find reads the refund that the provider knows by an id of ours, or by one of its own; found is false where there is none.
func (s *Store) Find(ctx context.Context, ours uuid.UUID, providers string) (r Refund, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM refunds WHERE id = ? OR provider_refund_id = ? LIMIT 1`, ours, providers).Scan(&r).Error
	return r, r.ID != uuid.Nil, err
}

// source is what a refund is taken from.
type source struct {
	IntentID string
	Disputed bool // and not decided
	Lost     bool // a dispute
}

// Source reads the intent that a payment was captured by, and how disputes of it stand.
func (s *Store) Source(ctx context.Context, payment uuid.UUID) (from source, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT intent_id,
		EXISTS (SELECT FROM disputes d WHERE d.payment_id = p.id AND d.status = 'open') AS disputed,
		EXISTS (SELECT FROM disputes d WHERE d.payment_id = p.id AND d.status = 'lost') AS lost FROM payments p WHERE id = ?`, payment).Scan(&from).Error
	return from, err
}

// Waiting reads the refunds of a payment that wait until a dispute is decided, the oldest first.
func (s *Store) Waiting(ctx context.Context, payment uuid.UUID) (waiting []Refund, err error) {
	err = s.db.Conn(ctx).Where("payment_id = ? AND status = ? AND waits", payment, Pending).Order("id").Find(&waiting).Error
	return waiting, err
}

// SetWaits writes whether a refund waits, and how often it was renewed.
func (s *Store) SetWaits(ctx context.Context, r *Refund) error {
	return s.db.Conn(ctx).Exec(`UPDATE refunds SET waits = ?, renewed = ?, checked_at = now() WHERE id = ?`, r.Waits, r.Renewed, r.ID).Error
}

// Cut makes a refund smaller, by minor units that are then left to refund again.
func (s *Store) Cut(ctx context.Context, r *Refund, by int64) error {
	r.Amount, r.Renewed = r.Amount-by, r.Renewed+1
	err := s.db.Conn(ctx).Exec(`UPDATE refunds SET amount = ?, renewed = ?, checked_at = now() WHERE id = ?`, r.Amount, r.Renewed, r.ID).Error
	if err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`UPDATE payments SET refunded = refunded - ? WHERE id = ?`, by, r.PaymentID).Error
}

// Left reads what is left to refund of a payment, in minor units, and whether a refund of it is under way.
func (s *Store) Left(ctx context.Context, payment uuid.UUID) (left int64, underWay bool, err error) {
	var row struct {
		Amount   int64
		UnderWay bool
	}
	err = s.db.Conn(ctx).Raw(`SELECT captured - refunded AS amount,
		EXISTS (SELECT FROM refunds r WHERE r.payment_id = p.id AND r.status IN ('pending', 'processing')) AS under_way FROM payments p WHERE id = ?`, payment).Scan(&row).Error
	return row.Amount, row.UnderWay, err
}

// SetStatus writes how a refund stands; one that has failed gives its amount back to what is left.
func (s *Store) SetStatus(ctx context.Context, r *Refund) error {
	done := s.db.Conn(ctx).Exec(`UPDATE refunds SET status = ?, waits = false, provider_refund_id = coalesce(provider_refund_id, ?), failure = ?,
		settled_at = now(), checked_at = now() WHERE id = ?`, r.Status, r.ProviderRefundID, r.Failure, r.ID)
	if done.Error != nil || r.Status != Failed {
		return done.Error
	}
	return s.db.Conn(ctx).Exec(`UPDATE payments SET refunded = refunded - ? WHERE id = ?`, r.Amount, r.PaymentID).Error
}

// MarkChecked notes that the provider was asked about a refund, whatever it said.
func (s *Store) MarkChecked(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE refunds SET checked_at = now() WHERE id = ?`, id).Error
}

// Sums are what was captured for an order and what of it was refunded, in minor units.
func (s *Store) Sums(ctx context.Context, order uuid.UUID) (captured, refunded int64, err error) {
	var sums struct{ Captured, Refunded int64 }
	err = s.db.Conn(ctx).Raw(`SELECT coalesce((SELECT sum(captured) FROM payments WHERE order_id = ?), 0) AS captured,
		coalesce((SELECT sum(amount) FROM refunds WHERE order_id = ? AND status = 'succeeded'), 0) AS refunded`, order, order).Scan(&sums).Error
	return sums.Captured, sums.Refunded, err
}

// RefundedUnshipped reads orders that are refunded as a whole and still hold pieces that were not shipped.
func (s *Store) RefundedUnshipped(ctx context.Context, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM orders o WHERE status = 'refunded' AND stock <> 'returned'
		AND EXISTS (SELECT FROM order_items i WHERE i.order_id = o.id AND i.shipped + i.withdrawn < i.quantity) LIMIT ?`, limit).Scan(&ids).Error
	return ids, err
}

// How long a refund must have been quiet to be asked about: one that is not sent yet, and one that a bank is at work on or that waits
// for the bank's decision.
const (
	unsentWait     = 10 * time.Minute
	processingWait = 6 * time.Hour
)

// Unsettled reads refunds that the provider was not asked about for a while, the longest first.
func (s *Store) Unsettled(ctx context.Context, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM refunds WHERE status IN ('pending', 'processing')
		AND checked_at < now() - make_interval(secs => CASE WHEN status = 'pending' AND NOT waits THEN ?::float8 ELSE ?::float8 END)
		ORDER BY checked_at LIMIT ?`, unsentWait.Seconds(), processingWait.Seconds(), limit).Scan(&ids).Error
	return ids, err
}
