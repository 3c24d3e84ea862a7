// Package auth signs people in and keeps their sessions: ID tokens of Google and Apple, short access tokens,
// rotating refresh tokens, and revocation that bites at once.
package auth

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/identity"
	"atrium/platform/secret"
)

// Config is the section "auth" of the configuration.
type Config struct {
	MasterKey    secret.Text   `koanf:"master_key" validate:"required"` // base64 of at least 32 random bytes; all keys come from it
	Google       Google        `koanf:"google"`
	Apple        Apple         `koanf:"apple"`
	RedirectURIs []string      `koanf:"redirect_uris"` // where the redirect flow may lead back to, compared exactly
	AccessTTL    time.Duration `koanf:"access_ttl" validate:"min=1m,max=15m"`
	AdminTTL     time.Duration `koanf:"admin_ttl" validate:"min=1m,max=5m"` // of the access tokens of admins
	RefreshTTL   time.Duration `koanf:"refresh_ttl" validate:"min=1h"`      // how long a session lives unused
	AuditFor     time.Duration `koanf:"audit_for" validate:"min=24h"`       // how long the audit log and ended sessions are kept
	AppealURL    string        `koanf:"appeal_url" validate:"required"`     // where suspended people object; {public_url} stands for the API's own URL
	Throttle     Throttle      `koanf:"throttle"`
}

// Google says how people sign in with Google; an empty issuer: not at all.
type Google struct {
	Issuer       string      `koanf:"issuer" validate:"omitempty,url"`
	ClientIDs    []string    `koanf:"client_ids"`    // whose ID tokens are accepted
	WebClientID  string      `koanf:"web_client_id"` // of the redirect flow and the back office
	ClientSecret secret.Text `koanf:"client_secret"`
}

// Apple says how people sign in with Apple; an empty issuer: not at all.
type Apple struct {
	Issuer      string      `koanf:"issuer" validate:"omitempty,url"`
	ClientIDs   []string    `koanf:"client_ids"`    // whose ID tokens are accepted; the first is the app's
	WebClientID string      `koanf:"web_client_id"` // of the redirect flow
	TeamID      string      `koanf:"team_id"`
	KeyID       string      `koanf:"key_id"`
	PrivateKey  secret.Text `koanf:"private_key"` // PEM, PKCS #8, P-256: signs the client secrets
}

// Throttle bounds failed sign-ins a minute; those that succeed are not counted.
type Throttle struct {
	PerAddress int `koanf:"per_address" validate:"min=1"`
	PerAccount int `koanf:"per_account" validate:"min=1"`
}

var (
	// ErrInvalidToken is every fault of an access token: one code, no detail.
	ErrInvalidToken = fault.New(fault.KindUnauthenticated, "auth.invalid_token", "The access token is not valid.")
	// ErrInvalidIDToken is every fault of an ID token or its nonce: one code, no detail.
	ErrInvalidIDToken = fault.New(fault.KindUnauthenticated, "auth.invalid_id_token", "The sign-in could not be verified.")
	// ErrRefreshReused: a refresh token that was used long ago; the session is over.
	ErrRefreshReused = fault.New(fault.KindUnauthenticated, "auth.refresh_reused", "This session has ended. Please sign in again.")
	// ErrInvalidRefresh: not a refresh token of a living session.
	ErrInvalidRefresh = fault.New(fault.KindUnauthenticated, "auth.invalid_refresh_token", "This session has ended. Please sign in again.")
	// ErrInvalidNotice: what came to the webhook is not a provider's notice to us.
	ErrInvalidNotice = fault.New(fault.KindMalformed, "auth.invalid_notice", "This notice cannot be verified.")
	// ErrOff: auth is switched off.
	ErrOff = fault.Unavailable("auth.off", "Signing in is switched off.")
	// ErrRedirectNotAllowed: the redirect flow may not lead there.
	ErrRedirectNotAllowed = fault.New(fault.KindMalformed, "auth.redirect_not_allowed", "This redirect_uri is not on the list.")
	// ErrState: a state of the redirect flow that is unknown, used or too old.
	ErrState = fault.New(fault.KindMalformed, "auth.oauth_state_invalid", "This sign-in has ended or was used. Please start again.")
	// ErrInvalidCode: a code of the redirect flow that is unknown, used or too old, or comes with another verifier.
	ErrInvalidCode = fault.New(fault.KindMalformed, "auth.invalid_code", "This code cannot be used. Please start again.")
	// ErrProviderOff: this installation has no such provider.
	ErrProviderOff = fault.NotFound("auth.provider_off", "This way of signing in is not offered.")
	// ErrProviderDown: the provider's keys or tokens cannot be fetched now.
	ErrProviderDown = fault.Unavailable("auth.provider_down", "This way of signing in does not answer at the moment.")
	// ErrTooManyFailures: too many failed sign-ins from one address or for one account.
	ErrTooManyFailures = fault.New(fault.KindTooMany, "auth.too_many_failures", "Too many failed sign-ins. Wait a little.")
	// ErrSessionNotFound: no such session, or somebody else's.
	ErrSessionNotFound = fault.NotFound("auth.session_not_found", "There is no such session.")
	// ErrIdentityNotFound: no such identity, or somebody else's.
	ErrIdentityNotFound = fault.NotFound("auth.identity_not_found", "There is no such identity.")
	// ErrLastIdentity: without it nobody could sign in to the account any more.
	ErrLastIdentity = fault.Conflict("auth.last_identity", "This is the only way to sign in to the account.")
	// ErrIdentityTaken: the identity belongs to another account.
	ErrIdentityTaken = fault.Conflict("auth.identity_taken", "This identity belongs to another account.")
)

// Verifier turns access tokens into people, without a network or database round trip.
type Verifier interface {
	// Authenticate returns the person behind a valid token of a living session, else ErrInvalidToken.
	Authenticate(ctx context.Context, token string) (identity.Principal, error)
}

// Cause says who wants a change, and why, for the audit log.
type Cause struct {
	By     uuid.UUID // uuid.Nil: nobody who is signed in (the command line, a schedule)
	Reason string    // suspended, erasure
}

// Sessions is for modules that decide who may be signed in, and as what. Its calls join the transaction open in ctx, so that
// a locked account never has a living session; they bite here at the commit, elsewhere within 5 s, with or without Redis.
type Sessions interface {
	// RevokeAll ends every session of the user.
	RevokeAll(ctx context.Context, user uuid.UUID, cause Cause) error
	// RolesChanged makes the user's access tokens worthless, so that refreshing brings the new roles; whoever is no admin any
	// more loses the back office too.
	RolesChanged(ctx context.Context, user uuid.UUID, roles []string, by uuid.UUID) error
}

// Operator is for the command line.
type Operator interface {
	// RotateKeys makes a new signing key, used by every instance once all have loaded it; the old ones verify until their last
	// token has expired. It returns the new key's id.
	RotateKeys(ctx context.Context) (kid string, err error)
	// RevokeEverything ends every session of the user, and returns how many there were.
	RevokeEverything(ctx context.Context, user uuid.UUID) (int, error)
}

// CookieName is the name of the back office's cookie. Where the public URL is https it is pinned to this host.
func CookieName(publicURL string) string {
	if strings.HasPrefix(publicURL, "https://") {
		return "__Host-atrium_admin"
	}
	return "atrium_admin"
}

// Admins lets the back office's pages know who is asking: sign-in with a cookie instead of a token.
type Admins interface {
	// FromCookie returns the admin behind a cookie value, or ErrInvalidToken.
	FromCookie(ctx context.Context, cookie string) (identity.Principal, error)
}
