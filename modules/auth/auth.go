// Package auth signs people in and keeps their sessions: ID tokens of Google and Apple, short-lived access tokens, rotating
// refresh tokens and immediate revocation.
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
	Google       Google        `koanf:"google"`
	Apple        Apple         `koanf:"apple"`
	RedirectURIs []string      `koanf:"redirect_uris"` // that the redirect flow may lead to, compared exactly
	AccessTTL    time.Duration `koanf:"access_ttl" validate:"min=1m,max=15m"`
	AdminTTL     time.Duration `koanf:"admin_ttl" validate:"min=1m,max=5m"` // of the access tokens of admins
	RefreshTTL   time.Duration `koanf:"refresh_ttl" validate:"min=1h"`      // how long a session lives unused
	AuditFor     time.Duration `koanf:"audit_for" validate:"min=24h"`       // how long the audit log and ended sessions are kept
	AppealURL    string        `koanf:"appeal_url" validate:"required"`     // of the appeal against a suspension; {public_url} stands for the API's own URL
	Throttle     Throttle      `koanf:"throttle"`
}

// Google configures signing in with Google; an empty issuer switches it off.
type Google struct {
	Issuer       string      `koanf:"issuer" validate:"omitempty,url"`
	ClientIDs    []string    `koanf:"client_ids"`    // whose ID tokens are accepted
	WebClientID  string      `koanf:"web_client_id"` // of the redirect flow and the back office
	ClientSecret secret.Text `koanf:"client_secret"`
}

// Apple configures signing in with Apple; an empty issuer switches it off.
type Apple struct {
	Issuer      string      `koanf:"issuer" validate:"omitempty,url"`
	ClientIDs   []string    `koanf:"client_ids"`    // whose ID tokens are accepted; the first is the app's
	WebClientID string      `koanf:"web_client_id"` // of the redirect flow
	TeamID      string      `koanf:"team_id"`
	KeyID       string      `koanf:"key_id"`
	PrivateKey  secret.Text `koanf:"private_key"` // PEM, PKCS #8, P-256: signs the client secrets
}

// Throttle bounds failed sign-ins per minute. Successes are not counted.
type Throttle struct {
	PerAddress int `koanf:"per_address" validate:"min=1"`
	PerAccount int `koanf:"per_account" validate:"min=1"`
}

var (
	// ErrInvalidToken is every fault of an access token, without detail for the caller.
	ErrInvalidToken = fault.New(fault.KindUnauthenticated, "auth.invalid_token", "The access token is not valid.")
	// ErrInvalidIDToken is every fault of an ID token or its nonce, without detail for the caller.
	ErrInvalidIDToken = fault.New(fault.KindUnauthenticated, "auth.invalid_id_token", "The sign-in could not be verified.")
	// ErrRefreshReused: a refresh token was used again although its successor has arrived. The session is ended.
	ErrRefreshReused = fault.New(fault.KindUnauthenticated, "auth.refresh_reused", "This session has ended. Please sign in again.")
	// ErrInvalidRefresh: not a refresh token of an active session.
	ErrInvalidRefresh = fault.New(fault.KindUnauthenticated, "auth.invalid_refresh_token", "This session has ended. Please sign in again.")
	// ErrInvalidNotification: what came to the webhook is not a notification of the provider to us.
	ErrInvalidNotification = fault.New(fault.KindMalformed, "auth.invalid_notice", "This notice cannot be verified.")
	// ErrOff: auth is switched off.
	ErrOff = fault.Unavailable("auth.off", "Signing in is switched off.")
	// ErrRedirectNotAllowed: the redirect flow may not lead there.
	ErrRedirectNotAllowed = fault.New(fault.KindMalformed, "auth.redirect_not_allowed", "This redirect_uri is not on the list.")
	// ErrState: a state of the redirect flow that is unknown, used or expired.
	ErrState = fault.New(fault.KindMalformed, "auth.oauth_state_invalid", "This sign-in has ended or was used. Please start again.")
	// ErrInvalidCode: a code of the redirect flow that is unknown, used or expired, or whose verifier does not fit.
	ErrInvalidCode = fault.New(fault.KindMalformed, "auth.invalid_code", "This code cannot be used. Please start again.")
	// ErrProviderOff: this installation has no such provider.
	ErrProviderOff = fault.NotFound("auth.provider_off", "This way of signing in is not offered.")
	// ErrProviderDown: the provider does not answer, or not as it should.
	ErrProviderDown = fault.Unavailable("auth.provider_down", "This way of signing in does not answer at the moment.")
	// ErrTooManyFailures: too many failed sign-ins from one address or for one account.
	ErrTooManyFailures = fault.New(fault.KindTooMany, "auth.too_many_failures", "Too many failed sign-ins. Wait a little.")
	// ErrSessionNotFound: no such session, or somebody else's.
	ErrSessionNotFound = fault.NotFound("auth.session_not_found", "There is no such session.")
	// ErrIdentityNotFound: no such identity, or somebody else's.
	ErrIdentityNotFound = fault.NotFound("auth.identity_not_found", "There is no such identity.")
	// ErrLastIdentity: the account's only identity cannot be unlinked, since nobody could sign in any more.
	ErrLastIdentity = fault.Conflict("auth.last_identity", "This is the only way to sign in to the account.")
	// ErrKeyNotFound: no signing key has that id.
	ErrKeyNotFound = fault.NotFound("auth.key_not_found", "There is no such signing key.")
	// ErrIdentityTaken: the identity belongs to another account.
	ErrIdentityTaken = fault.Conflict("auth.identity_taken", "This identity belongs to another account.")
)

// Verifier verifies access tokens, without a network or database round trip.
type Verifier interface {
	// Authenticate returns the person behind a valid token of an active session, else ErrInvalidToken.
	Authenticate(ctx context.Context, token string) (identity.Principal, error)
}

// Why sessions end.
const (
	ReasonLogout    = "logout"
	ReasonReuse     = "reuse"     // of a refresh token
	ReasonRevoked   = "revoked"   // by its owner, from another device
	ReasonSuspended = "suspended" // the account
	ReasonErasure   = "erasure"   // of the account
	ReasonRoles     = "roles"     // the back office's: no admin any more
	ReasonOperator  = "operator"  // from the command line
	ReasonReplaced  = "replaced"  // by a newer session of the same person on the same installation
	ReasonProvider  = "provider"  // the account at Apple, or the consent there, is gone
)

// Cause says who ends sessions, and why, for the audit log.
type Cause struct {
	By     uuid.UUID // uuid.Nil: the command line, a task, a schedule
	Reason string    // one of the Reason constants
}

// Sessions is for modules that decide who may be signed in, and in which roles. Its calls join the transaction open in ctx, so that
// a suspended account never has an active session. They take effect on this instance at the commit and on the others within 5 s,
// with or without Redis.
type Sessions interface {
	// RevokeAll ends every session of the user.
	RevokeAll(ctx context.Context, user uuid.UUID, cause Cause) error
	// RolesChanged invalidates the user's access tokens, so that the next refresh brings the new roles. It ends the back-office
	// sessions of a user who is no admin any more.
	RolesChanged(ctx context.Context, user uuid.UUID, roles []string, by uuid.UUID) error
	// Active reports whether a session can still be used, by the database: for what was given out within it.
	Active(ctx context.Context, session uuid.UUID) (bool, error)
}

// SigningKey is a key that access tokens are signed with. The newest that is active signs.
type SigningKey struct {
	ID       string
	ActiveAt time.Time // when it begins to sign
}

// Resealed says how much Operator.Reseal has sealed anew.
type Resealed struct {
	SigningKeys, ProviderTokens int
}

// Operator is what the command line does to sessions and keys.
type Operator interface {
	// Keys returns the signing keys, the oldest first.
	Keys(ctx context.Context) ([]SigningKey, error)
	// RotateKeys creates a signing key and returns its id. It signs once every instance has loaded it; the old keys verify until
	// their last token has expired.
	RotateKeys(ctx context.Context) (kid string, err error)
	// WithdrawKey deletes a signing key, or returns ErrKeyNotFound. Within 5 s no instance accepts its tokens; the sessions go on
	// with the tokens of their next refresh.
	WithdrawKey(ctx context.Context, kid string) error
	// Reseal seals under the master key what an accepted one (keys.accept) has sealed. Idempotent.
	Reseal(ctx context.Context) (Resealed, error)
	// RevokeEverything ends every session of the user and returns how many there were.
	RevokeEverything(ctx context.Context, user uuid.UUID) (int, error)
}

// CookieName returns the name of the back office's session cookie. Where the public URL is https its prefix binds it to the host.
func CookieName(publicURL string) string {
	if strings.HasPrefix(publicURL, "https://") {
		return "__Host-atrium_admin"
	}
	return "atrium_admin"
}

// Admins verifies the cookie by which admins use the back office's pages.
type Admins interface {
	// FromCookie returns the admin behind a cookie's value, or ErrInvalidToken.
	FromCookie(ctx context.Context, cookie string) (identity.Principal, error)
}
