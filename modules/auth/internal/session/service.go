package session

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/plug"
)

// Service opens sessions, issues and refreshes their tokens, lists and ends them: auth.Admins.
type Service struct {
	cfg           auth.Config
	publicURL     string
	db            *database.DB
	store         store
	outbox        *outbox.Outbox
	accounts      users.Accounts
	refreshTokens refreshTokens
	access        *access.Tokens
	revoker       *Revoker
	log           *audit.Log
	throttle      *throttle.Throttle
	now           func() time.Time
}

// Deps are what the service needs.
type Deps struct {
	plug.In

	Config   auth.Config
	Web      httpserver.Config
	DB       *database.DB
	Outbox   *outbox.Outbox
	Accounts users.Accounts
	Master   *keys.Master
	Access   *access.Tokens
	Revoker  *Revoker
	Log      *audit.Log
	Throttle *throttle.Throttle
	Now      func() time.Time
}

// NewService derives refresh tokens from the master key.
func NewService(d Deps) *Service {
	return &Service{
		cfg: d.Config, publicURL: strings.TrimSuffix(d.Web.PublicURL, "/"), db: d.DB, store: store{d.DB}, outbox: d.Outbox, accounts: d.Accounts,
		refreshTokens: refreshTokens{d.Master}, access: d.Access, revoker: d.Revoker, log: d.Log, throttle: d.Throttle, now: d.Now,
	}
}

// Tokens are what an app holds of a session, and whose it is.
type Tokens struct {
	Access    string
	ExpiresIn time.Duration // of the access token
	Refresh   string
	User      users.Me
}

// Open opens a session of an app, in the transaction open in ctx, and returns it with the user's roles. It returns
// users.ErrSuspended, and auth.ErrInvalidIDToken where the account is erased. An account that waits for its erasure is restored.
// A person has one session for each installation: an older one ends, which is no news to anybody.
func (s *Service) Open(ctx context.Context, user uuid.UUID, provider string, d Device, place string) (opened Session, roles []string, err error) {
	standing, err := s.admit(ctx, user)
	if err != nil {
		return opened, nil, err
	}
	if err := s.replace(ctx, user, d.InstallationID); err != nil {
		return opened, nil, err
	}
	ever, here, err := s.store.signedInBefore(ctx, user, d.installation())
	if err != nil {
		return opened, nil, err
	}
	opened = newSession(KindApp, user, provider, d, s.now(), s.cfg.RefreshTTL)
	opened.Place = place
	if err := s.store.insertSession(ctx, &opened); err != nil {
		return opened, nil, err
	}
	err = s.log.Record(ctx, audit.Entry{UserID: user, SessionID: &opened.ID, Event: audit.SignedIn, Detail: provider})
	if err != nil {
		return opened, nil, err
	}
	return opened, standing.Roles, s.outbox.Publish(ctx, auth.SignedIn{UserID: user, SessionID: opened.ID, NewDevice: ever && !here})
}

// replace ends the person's sessions on an installation, in the transaction open in ctx, without telling anybody.
func (s *Service) replace(ctx context.Context, user uuid.UUID, installation string) error {
	if installation == "" {
		return nil
	}
	older, err := s.store.lockInstallation(ctx, user, installation)
	if err != nil {
		return err
	}
	for i := range older {
		if err := s.revoker.terminate(ctx, &older[i], auth.Cause{By: user, Reason: auth.ReasonReplaced}); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) admit(ctx context.Context, user uuid.UUID) (users.Standing, error) {
	standing, err := s.accounts.Standing(ctx, user)
	switch {
	case errors.Is(err, users.ErrNotFound) || err == nil && standing.Deleted:
		return standing, auth.ErrInvalidIDToken.Because(errors.New("the account is erased"))
	case err != nil:
		return standing, err
	case standing.Suspended:
		return standing, s.suspended()
	case standing.EraseAt != nil:
		return standing, s.accounts.Restore(ctx, user)
	}
	return standing, nil
}

// suspended is users.ErrSuspended with the address of the appeal.
func (s *Service) suspended() error {
	return users.ErrSuspended.Detail("appeal_url", strings.ReplaceAll(s.cfg.AppealURL, "{public_url}", s.publicURL))
}

// Issue returns a session's newest refresh token and a new access token. Access tokens of admins live for AdminTTL at most.
func (s *Service) Issue(ctx context.Context, of Session, roles []string) (Tokens, error) {
	ttl := s.cfg.AccessTTL
	if slices.Contains(roles, identity.RoleAdmin) {
		ttl = min(ttl, s.cfg.AdminTTL)
	}
	token, err := s.access.Issue(access.Claims{
		UserID: of.UserID, SessionID: of.ID, Generation: of.Generation, Roles: roles, AsOf: of.LastSeenAt, SignedIn: of.SignedInAt, TTL: ttl,
	})
	if err != nil {
		return Tokens{}, err
	}
	me, err := s.accounts.Me(ctx, of.UserID)
	if err != nil {
		return Tokens{}, err
	}
	return Tokens{Access: token, ExpiresIn: ttl, Refresh: s.refreshTokens.derive(of.ID, of.Generation), User: me}, nil
}

// List returns the user's active sessions, the newest first.
func (s *Service) List(ctx context.Context, user uuid.UUID) ([]Session, error) {
	return s.store.activeSessions(ctx, user, s.now())
}

// End ends one of the user's sessions, or returns auth.ErrSessionNotFound. Ending the current one is a logout.
func (s *Service) End(ctx context.Context, user, id, current uuid.UUID) error {
	reason := auth.ReasonRevoked
	if id == current {
		reason = auth.ReasonLogout
	}
	return s.revoker.end(ctx, id, &user, reason)
}

// Logout ends a session by any of its refresh tokens, or returns auth.ErrInvalidRefresh. Idempotent.
func (s *Service) Logout(ctx context.Context, refreshToken string) error {
	id, _, ok := s.refreshTokens.open(refreshToken)
	if !ok {
		return auth.ErrInvalidRefresh
	}
	err := s.revoker.end(ctx, id, nil, auth.ReasonLogout)
	if errors.Is(err, auth.ErrSessionNotFound) {
		return nil
	}
	return err
}

// LogoutAll ends all of the user's sessions.
func (s *Service) LogoutAll(ctx context.Context, user uuid.UUID) error {
	return s.revoker.RevokeAll(ctx, user, auth.Cause{By: user, Reason: auth.ReasonLogout})
}
