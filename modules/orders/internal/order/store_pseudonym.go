package order

import (
	"context"

	"github.com/google/uuid"
)

// markForPseudonym remembers which orders were an erased person's.
func (s *Store) markForPseudonym(ctx context.Context, user uuid.UUID) error {
	return faults.Translate(s.db.Conn(ctx).Exec("UPDATE orders SET scrub_address = true WHERE user_id = ?", user).Error, nil)
}

// pseudonymise leaves of the address what taxes depend on, in those of the marked orders that nobody will send anything for.
func (s *Store) pseudonymise(ctx context.Context) error {
	err := s.db.Conn(ctx).Exec(`
		UPDATE orders SET scrub_address = false, address = jsonb_build_object(
			'name', 'Deleted member', 'line1', '', 'city', '', 'postal_code', '', 'country', address->>'country')
		WHERE scrub_address AND status IN ('delivered', 'cancelled', 'expired', 'refunded')`).Error
	return faults.Translate(err, nil)
}
