package identity

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/platform/tasks"
)

// Handlers are the package's tasks.
func Handlers(s *Service) []tasks.Handler { return []tasks.Handler{tasks.Job(s.RevokeToken)} }

// revokeToken is the task that revokes the provider's token of a removed identity.
type revokeToken struct {
	IdentityID uuid.UUID `json:"identity_id"`
}

// TaskName is the task's name on the wire.
func (revokeToken) TaskName() string { return "auth.give_token_back" }

// RevokeToken revokes the token at the provider and deletes the identity. Idempotent.
func (s *Service) RevokeToken(ctx context.Context, _ uuid.UUID, t revokeToken) error {
	removed, err := s.store.identityByID(ctx, t.IdentityID)
	if errors.Is(err, auth.ErrIdentityNotFound) {
		return nil // done before
	}
	if err != nil {
		return err
	}
	token, err := s.master.Open(tokenPurpose, removed.ID[:], removed.ProviderToken)
	if err != nil {
		return err
	}
	p, err := s.providers.Named(removed.Provider)
	if err != nil {
		return err
	}
	if err := p.Revoke(ctx, removed.ProviderClient, string(token)); err != nil {
		return err
	}
	return s.store.deleteIdentity(ctx, removed.ID)
}
