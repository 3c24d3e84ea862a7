// Package signin exchanges an ID token for a session.
package signin

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/idtoken"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
)

// Service signs people in by the ID tokens that apps bring.
type Service struct {
	idTokens   *idtoken.Verifier
	identities *identity.Service
	sessions   *session.Service
	throttle   *throttle.Throttle
}

// NewService needs what verifies an ID token, finds whose it is, opens the session and bounds failures.
func NewService(idTokens *idtoken.Verifier, identities *identity.Service, sessions *session.Service, limits *throttle.Throttle) *Service {
	return &Service{idTokens: idTokens, identities: identities, sessions: sessions, throttle: limits}
}

// SignIn exchanges credentials for a session's tokens. Who comes for the first time is signed up. Errors: auth.ErrInvalidIDToken
// for every fault of the token or its nonce, users.ErrSuspended, auth.ErrProviderOff, auth.ErrProviderDown,
// auth.ErrTooManyFailures.
func (s *Service) SignIn(ctx context.Context, c idtoken.Credentials, d session.Device, from throttle.Origin) (tokens session.Tokens, err error) {
	err = s.throttle.Guard(ctx, from.Address, func() error {
		claims, providerToken, err := s.idTokens.Verify(ctx, c)
		if err != nil {
			return err
		}
		return s.throttle.GuardAccount(ctx, claims.Provider+":"+claims.Subject, func() error {
			opened, roles, err := s.open(ctx, claims, providerToken, d, from.Place)
			if err != nil {
				return err
			}
			tokens, err = s.sessions.Issue(ctx, opened, roles)
			return err
		})
	})
	return tokens, err
}

// open consumes the nonce, finds or signs up the user and opens a session, all in one transaction.
func (s *Service) open(ctx context.Context, claims provider.Claims, providerToken string, d session.Device, place string) (opened session.Session,
	roles []string, err error) {
	err = s.identities.InTx(ctx, func(ctx context.Context) error {
		if err := s.idTokens.ConsumeNonce(ctx, claims); err != nil {
			return err
		}
		var user uuid.UUID
		if user, err = s.identities.Resolve(ctx, claims, providerToken); err != nil {
			return err
		}
		opened, roles, err = s.sessions.Open(ctx, user, claims.Provider, d, place)
		return err
	})
	return opened, roles, err
}
