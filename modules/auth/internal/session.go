// Package internal keeps what package auth promises.
package internal

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
)

// The kinds of sessions.
const (
	kindApp   = "app"
	kindAdmin = "admin"
)

// Why sessions end.
const (
	endedByLogout   = "logout"
	endedByReuse    = "reuse"
	endedByOwner    = "revoked"  // from another device
	endedByRoles    = "roles"    // the back office's: no admin any more
	endedByOperator = "operator" // by the command line
	endedByProvider = "provider" // Apple says that the account there is gone, or the consent
)

const (
	// forgiveness is how long a refresh token may be used again after it was used: the answer may have been lost, or two of
	// the app's requests may have met.
	forgiveness = 30 * time.Second
	adminLife   = 8 * time.Hour
)

// session is a device on which somebody is signed in.
type session struct {
	ID             uuid.UUID `gorm:"primaryKey"`
	UserID         uuid.UUID
	Kind           string
	Provider       string
	InstallationID string
	DeviceName     string
	Platform       string
	AppVersion     string
	Place          string    // where the content network last saw it; empty: not known
	Generation     int64     // of the newest refresh token
	GeneratedAt    time.Time // when that one was made
	Confirmed      bool      // it, or an access token that came with it, was seen
	CookieHash     []byte    // of admin sessions
	SignedInAt     time.Time
	LastSeenAt     time.Time
	ExpiresAt      time.Time
	EndedAt        *time.Time
	EndReason      string
}

// TableName is sessions.
func (session) TableName() string { return "sessions" }

// device is what an app says about where it runs.
type device struct {
	InstallationID string
	Name           string
	Platform       string
	AppVersion     string
}

// origin is where a request comes from, as the edge knows it.
type origin struct {
	Address string // as limits count it
	Place   string // empty: not known
}

func newSession(kind string, user uuid.UUID, provider string, d device, now time.Time, life time.Duration) session {
	return session{
		ID: uuid.Must(uuid.NewV7()), UserID: user, Kind: kind, Provider: provider, InstallationID: d.InstallationID, DeviceName: d.Name,
		Platform: d.Platform, AppVersion: d.AppVersion, GeneratedAt: now, SignedInAt: now, LastSeenAt: now, ExpiresAt: now.Add(life),
	}
}

// alive reports whether the session can still be used.
func (s session) alive(now time.Time) bool { return s.EndedAt == nil && now.Before(s.ExpiresAt) }

func (s *session) end(reason string, now time.Time) { s.EndedAt, s.EndReason = &now, reason }

// refresh uses the refresh token of a generation. The newest one makes its child. Its parent gets that same child again,
// within the forgiveness or as long as nobody has shown to have the child. Anything further back is ErrRefreshReused:
// two hold what one should.
func (s *session) refresh(generation int64, now time.Time, life time.Duration) error {
	switch {
	case generation == s.Generation:
		s.Generation, s.GeneratedAt, s.Confirmed = s.Generation+1, now, false
	case generation == s.Generation-1 && (!s.Confirmed || now.Sub(s.GeneratedAt) <= forgiveness):
	case generation < s.Generation:
		return auth.ErrRefreshReused
	default:
		return auth.ErrInvalidRefresh // not made yet: the database was put back to an earlier time
	}
	s.LastSeenAt, s.ExpiresAt = now, now.Add(life)
	return nil
}

// known is an account at a provider that belongs to one of our people.
type known struct {
	ID             uuid.UUID `gorm:"primaryKey"`
	UserID         uuid.UUID
	Provider       string
	Subject        string
	Email          string
	EmailVerified  bool
	ProviderToken  []byte
	ProviderClient string
	CreatedAt      time.Time
}

// TableName is identities.
func (known) TableName() string { return "identities" }

// The kinds of steps of the redirect flow.
const (
	stepCode = "code" // besides kindApp and kindAdmin, which wait for the provider
)

// step is where somebody is in the redirect flow. Its key is the hash of a secret that travels through the browser.
type step struct {
	Hash          []byte `gorm:"primaryKey"`
	Kind          string
	Provider      string
	RedirectURI   string
	AppState      string
	CodeChallenge string
	Nonce         string
	UserID        *uuid.UUID
	ExpiresAt     time.Time
}

// TableName is oauth_states.
func (step) TableName() string { return "oauth_states" }

// nonce is a promise to accept one ID token.
type nonce struct {
	Hash      []byte `gorm:"primaryKey"`
	ExpiresAt time.Time
}

// TableName is nonces.
func (nonce) TableName() string { return "nonces" }
