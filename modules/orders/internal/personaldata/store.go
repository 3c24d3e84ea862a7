package personaldata

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store takes people out of orders.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// Mark remembers which orders were an erased person's.
func (s *Store) Mark(ctx context.Context, user uuid.UUID) error {
	return s.db.Conn(ctx).Exec("UPDATE orders SET scrub_address = true WHERE user_id = ?", user).Error
}

// Pseudonymise leaves of the address what taxes depend on, in those of the marked orders that nobody will send anything for: they
// are over, or everything that was to be shipped has arrived, whatever was refunded.
func (s *Store) Pseudonymise(ctx context.Context) error {
	return s.db.Conn(ctx).Exec(`
		UPDATE orders SET scrub_address = false, address = jsonb_build_object(
			'name', 'Deleted member', 'line1', '', 'city', '', 'postal_code', '', 'country', address->>'country')
		WHERE scrub_address AND (status IN ('delivered', 'cancelled', 'expired', 'refunded') OR status = 'partially_refunded'
			AND NOT EXISTS (SELECT FROM order_items i WHERE i.order_id = orders.id AND i.shipped + i.withdrawn < i.quantity)
			AND NOT EXISTS (SELECT FROM shipments s WHERE s.order_id = orders.id AND s.delivered_at IS NULL))`).Error
}
