package cancellation

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store finds orders whose time is up.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// sweepSlack is how long after its reservation the sweep looks for an order: its own job comes first.
const sweepSlack = 30 * time.Second

// ReservationEnded reads orders whose reservation ended at least slack ago and that still wait for their payment, without those
// whose payment the bank is at work on.
func (s *Store) ReservationEnded(ctx context.Context, slack time.Duration, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM orders o WHERE status = 'pending_payment' AND reserved_until < now() - make_interval(secs => ?)
		AND (reserved_until < now() - make_interval(secs => ?)
			OR NOT EXISTS (SELECT FROM payments p WHERE p.order_id = o.id AND p.status = 'processing'))
		ORDER BY reserved_until LIMIT ?`, slack.Seconds(), processingGrace.Seconds(), limit).Scan(&ids).Error
	return ids, err
}

// HoldingCartOf reads orders whose reservation has ended and that hold what a person's cart asks for, the longest first.
func (s *Store) HoldingCartOf(ctx context.Context, user uuid.UUID, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT id FROM orders o WHERE status = 'pending_payment' AND reserved_until < now()
		AND EXISTS (SELECT FROM order_items i JOIN cart_items c USING (variant_id) WHERE i.order_id = o.id AND c.user_id = ?)
		ORDER BY reserved_until LIMIT ?`, user, limit).Scan(&ids).Error
	return ids, err
}
