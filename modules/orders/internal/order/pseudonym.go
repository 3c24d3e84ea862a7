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
