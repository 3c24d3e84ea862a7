package order

import (
	"context"

	"github.com/google/uuid"
)

// Pseudonymise begins to take a person who was erased out of their orders, in the transaction open in ctx. The orders stay, for
// the tax office asks for them for years, with an id that leads to nobody. What is still on its way needs its address until it ends.
func (s *Service) Pseudonymise(ctx context.Context, user uuid.UUID) error {
	if err := s.store.markForPseudonym(ctx, user); err != nil {
		return err
	}
	return s.store.pseudonymise(ctx)
}

// SweepPseudonyms takes erased people out of orders that have ended since.
func (s *Service) SweepPseudonyms(ctx context.Context) error { return s.store.pseudonymise(ctx) }

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
