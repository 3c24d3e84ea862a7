// Package webhook acts on what Apple tells about its accounts: server-to-server notifications of Sign in with Apple.
package webhook

import (
	"context"
	"time"

	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/platform/database"
)

// Service receives notifications.
type Service struct {
	db         *database.DB
	store      store
	providers  provider.Providers
	identities *identity.Service
	revoker    *session.Revoker
	now        func() time.Time
}

// NewService needs the identities that notifications are about and the revoker of their sessions.
func NewService(db *database.DB, providers provider.Providers, identities *identity.Service, revoker *session.Revoker, now func() time.Time) *Service {
	return &Service{db: db, store: store{db}, providers: providers, identities: identities, revoker: revoker, now: now}
}

// ReceiveApple acts on a notification of Apple, a signed JWS. It returns auth.ErrInvalidNotification, auth.ErrProviderOff or
// auth.ErrProviderDown. Idempotent. It ends only sessions that began before what it tells, since notifications come late.
func (s *Service) ReceiveApple(ctx context.Context, payload string) error {
	apple, err := s.providers.Named(provider.Apple)
	if err != nil {
		return err
	}
	received, err := apple.VerifyNotification(ctx, payload)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		fresh, err := s.store.insertNotification(ctx, provider.Apple, received.ID, s.now())
		if err != nil || !fresh {
			return err
		}
		found, err := s.identities.Lock(ctx, provider.Apple, received.Subject)
		if err != nil || found == nil {
			return err
		}
		switch received.Kind {
		case provider.ConsentRevoked:
			return s.consentRevoked(ctx, found, received.At)
		case provider.AccountDeleted:
			return s.accountDeleted(ctx, found, received.At)
		}
		return nil
	})
}

// consentRevoked ends the sessions that Apple opened. Unless the person has consented again since, our token is revoked with the
// consent. The identity stays, so that who consents again is the same user.
func (s *Service) consentRevoked(ctx context.Context, found *identity.Identity, at time.Time) error {
	again, err := s.revoker.RevokeOpenedBefore(ctx, found.UserID, found.Provider, at)
	if err != nil || again {
		return err
	}
	return s.identities.ForgetToken(ctx, found)
}

// accountDeleted ends the sessions that Apple opened and deletes the identity, which nobody can sign in by any more.
func (s *Service) accountDeleted(ctx context.Context, found *identity.Identity, at time.Time) error {
	if _, err := s.revoker.RevokeOpenedBefore(ctx, found.UserID, found.Provider, at); err != nil {
		return err
	}
	return s.identities.Delete(ctx, found, string(provider.AccountDeleted))
}
