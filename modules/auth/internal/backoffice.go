package internal

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/provider"
	"atrium/platform/fault"
	"atrium/platform/identity"
)

// The back office's pages have a session of their own, by cookie: SameSite=Strict, eight hours, for admins alone.

const adminCallback = "/admin/callback"

// errNoAccess says no more than that.
var errNoAccess = fault.NotFound("auth.no_access", "There is nothing here.")

// DepartAdmin begins an admin's sign-in. The state goes into a cookie of the browser too, so that nobody can be signed in
// as somebody else by a link.
func (s *Service) DepartAdmin(ctx context.Context) (target, state string, err error) {
	return s.sendAway(ctx, step{Kind: kindAdmin, Provider: provider.Google}, s.publicURL+adminCallback)
}

// ReturnAdmin ends it and returns the cookie's value. errNoAccess for everybody who is not an admin already.
func (s *Service) ReturnAdmin(ctx context.Context, cookie string, form url.Values, from origin) (secret string, err error) {
	err = s.throttle.guard(ctx, from.Address, func() error {
		secret, err = s.returnAdmin(ctx, cookie, form, from.Place)
		return err
	})
	return secret, err
}

func (s *Service) returnAdmin(ctx context.Context, cookie string, form url.Values, place string) (string, error) {
	if subtle.ConstantTimeCompare([]byte(cookie), []byte(form.Get("state"))) != 1 {
		return "", auth.ErrState
	}
	st, err := s.takeState(ctx, kindAdmin, provider.Google, form.Get("state"))
	if err != nil {
		return "", err
	}
	person, _, err := s.arrive(ctx, st, s.publicURL+adminCallback, form)
	if err != nil {
		return "", err
	}
	secret, hash := newSecret()
	return secret, s.db.InTx(ctx, func(ctx context.Context) error {
		found, err := s.store.identity(ctx, person.Provider, person.Subject)
		if err != nil {
			return err
		}
		if found == nil {
			return errNoAccess
		}
		if _, err := s.adminStanding(ctx, found.UserID); err != nil {
			return err
		}
		opened := newSession(kindAdmin, found.UserID, person.Provider, device{Name: "Back office", Platform: "web"}, s.now(), adminLife)
		opened.CookieHash, opened.Place = hash, place
		if err := s.store.insertSession(ctx, &opened); err != nil {
			return err
		}
		return s.log(ctx, eventSignedIn, found.UserID, &opened.ID, kindAdmin)
	})
}

func (s *Service) adminStanding(ctx context.Context, user uuid.UUID) ([]string, error) {
	standing, err := s.accounts.Standing(ctx, user)
	if err != nil {
		return nil, err
	}
	who := identity.Principal{Roles: standing.Roles}
	if standing.Suspended || standing.Deleted || standing.EraseAt != nil || !who.Has(identity.RoleAdmin) {
		return nil, errNoAccess
	}
	return standing.Roles, nil
}

// FromCookie implements auth.Admins.
func (s *Service) FromCookie(ctx context.Context, cookie string) (identity.Principal, error) {
	if cookie == "" {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	found, err := s.store.byCookie(ctx, hashOf(cookie))
	if err != nil {
		return identity.Principal{}, err
	}
	if !found.alive(s.now()) || found.Kind != kindAdmin {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	roles, err := s.adminStanding(ctx, found.UserID)
	if fault.KindOf(err) == fault.KindNotFound {
		return identity.Principal{}, auth.ErrInvalidToken.Because(err)
	}
	return identity.Principal{UserID: found.UserID, SessionID: found.ID, Roles: roles, SignedIn: found.SignedInAt}, err
}

// SignOutAdmin ends the session behind a cookie. Where there is none, that is no error.
func (s *Service) SignOutAdmin(ctx context.Context, cookie string) error {
	found, err := s.store.byCookie(ctx, hashOf(cookie))
	if err != nil {
		if errors.Is(err, auth.ErrInvalidToken) {
			return nil
		}
		return err
	}
	return s.endings.end(ctx, found.ID, nil, endedByLogout)
}
