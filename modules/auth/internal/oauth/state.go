// Package oauth signs people in by the redirect flow (OAuth 2.0 with PKCE): apps in a browser, and admins of the back office.
package oauth

import (
	"time"

	"github.com/google/uuid"
)

// StateKind says what a state waits for.
type StateKind string

// The kinds of states.
const (
	StateApp   StateKind = "app"   // the provider's callback of an app's sign-in
	StateAdmin StateKind = "admin" // the provider's callback of an admin's sign-in
	StateCode  StateKind = "code"  // the app, which exchanges our authorization code
)

const (
	stateTTL = 10 * time.Minute // at the provider
	codeTTL  = 2 * time.Minute  // from the callback to POST /v1/auth/token
)

// State is where a redirect flow stands. Its key is the hash of a secret that travels through the browser; it is used once.
type State struct {
	Hash          []byte `gorm:"primaryKey"`
	Kind          StateKind
	Provider      string
	RedirectURI   string
	AppState      string
	CodeChallenge string
	Nonce         string
	UserID        *uuid.UUID // of an authorization code: who signed in
	Browser       string     // that began it, by its lasting cookie
	Binding       []byte     // hash of the cookie by which the browser that began it is known; nil: any browser may go on
	ExpiresAt     time.Time
}

// TableName names the table.
func (State) TableName() string { return "oauth_states" }
