package oauth

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
)

const adminCallbackPath = "/admin/callback"

// AuthorizeAdmin begins an admin's sign-in with Google. The state goes into a cookie of the browser too, so that a link cannot
// sign somebody in as another person.
func (s *Service) AuthorizeAdmin(ctx context.Context) (target, state string, err error) {
	return s.begin(ctx, State{Kind: StateAdmin, Provider: provider.Google}, s.publicURL+adminCallbackPath)
}

// CallbackAdmin takes Google's answer and returns the cookie of a session of the back office. It signs nobody up:
// session.ErrNoAccess for everybody who is not an admin already. A state other than the browser's is auth.ErrState.
func (s *Service) CallbackAdmin(ctx context.Context, stateCookie string, form url.Values, from throttle.Origin) (cookie string, err error) {
	err = s.throttle.Guard(ctx, from.Address, func() error {
		cookie, err = s.callbackAdmin(ctx, stateCookie, form, from.Place)
		return err
	})
	return cookie, err
}

func (s *Service) callbackAdmin(ctx context.Context, stateCookie string, form url.Values, place string) (cookie string, err error) {
	if subtle.ConstantTimeCompare([]byte(stateCookie), []byte(form.Get("state"))) != 1 {
		return "", auth.ErrState
	}
	st, err := s.consume(ctx, StateAdmin, provider.Google, form.Get("state"), "")
	if err != nil {
		return "", err
	}
	claims, _, err := s.exchange(ctx, st, s.publicURL+adminCallbackPath, form)
	if err != nil {
		return "", err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		user, err := s.identities.Lookup(ctx, claims)
		if errors.Is(err, auth.ErrIdentityNotFound) {
			return session.ErrNoAccess
		}
		if err != nil {
			return err
		}
		cookie, err = s.sessions.OpenAdmin(ctx, user, claims.Provider, place)
		return err
	})
	return cookie, err
}
