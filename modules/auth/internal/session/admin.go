package session

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/audit"
	"atrium/platform/fault"
	"atrium/platform/identity"
	"atrium/platform/secret"
)

// The back office has sessions of its own: a cookie, eight hours, for admins only.

// ErrNoAccess refuses the back office without saying why.
var ErrNoAccess = fault.NotFound("auth.no_access", "There is nothing here.")

// OpenAdmin opens a session of the back office, in the transaction open in ctx, and returns the cookie's value. It returns
// ErrNoAccess for everybody who is not an active admin.
func (s *Service) OpenAdmin(ctx context.Context, user uuid.UUID, provider, place string) (cookie string, err error) {
	if _, err := s.adminRoles(ctx, user); err != nil {
		return "", err
	}
	cookie, hash := secret.NewToken()
	opened := newSession(KindAdmin, user, provider, Device{Name: "Back office", Platform: "web"}, s.now(), AdminTTL)
	opened.CookieHash, opened.Place = hash, place
	if err := s.store.insertSession(ctx, &opened); err != nil {
		return "", err
	}
	return cookie, s.log.Record(ctx, audit.Entry{UserID: user, SessionID: &opened.ID, Event: audit.SignedIn, Detail: string(KindAdmin)})
}

func (s *Service) adminRoles(ctx context.Context, user uuid.UUID) ([]string, error) {
	standing, err := s.accounts.Standing(ctx, user)
	if err != nil {
		return nil, err
	}
	who := identity.Principal{Roles: standing.Roles}
	if standing.Suspended || standing.Deleted || standing.EraseAt != nil || !who.Has(identity.RoleAdmin) {
		return nil, ErrNoAccess
	}
	return standing.Roles, nil
}

// FromCookie implements auth.Admins.
func (s *Service) FromCookie(ctx context.Context, cookie string) (identity.Principal, error) {
	if cookie == "" {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	found, err := s.store.byCookie(ctx, secret.Hash(cookie))
	if err != nil {
		return identity.Principal{}, err
	}
	if !found.active(s.now()) || found.Kind != KindAdmin {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	roles, err := s.adminRoles(ctx, found.UserID)
	if fault.KindOf(err) == fault.KindNotFound {
		return identity.Principal{}, auth.ErrInvalidToken.Because(err)
	}
	return identity.Principal{UserID: found.UserID, SessionID: found.ID, Roles: roles, SignedIn: found.SignedInAt}, err
}

// LogoutAdmin ends the session behind a cookie. Idempotent.
func (s *Service) LogoutAdmin(ctx context.Context, cookie string) error {
	found, err := s.store.byCookie(ctx, secret.Hash(cookie))
	if err != nil {
		if errors.Is(err, auth.ErrInvalidToken) {
			return nil
		}
		return err
	}
	return s.revoker.end(ctx, found.ID, nil, auth.ReasonLogout)
}
