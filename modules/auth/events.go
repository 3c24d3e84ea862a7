package auth

import "github.com/google/uuid"

// SignedIn: a session was opened. NewDevice: the user has signed in before, but never from this installation, or from one that
// cannot be told.
type SignedIn struct {
	UserID    uuid.UUID `json:"user_id"`
	SessionID uuid.UUID `json:"session_id"`
	NewDevice bool      `json:"new_device"`
}

// EventName is the event's name on the wire.
func (SignedIn) EventName() string { return "auth.signed_in.v1" }

// SessionRevoked: a session ended before it expired. The reasons are the Reason constants: with ReasonLogout and ReasonRevoked
// its owner ended it. With ReasonReplaced it is not published: the installation goes on.
type SessionRevoked struct {
	UserID         uuid.UUID `json:"user_id"`
	SessionID      uuid.UUID `json:"session_id"`
	InstallationID string    `json:"installation_id,omitempty"`
	Reason         string    `json:"reason"`
}

// EventName is the event's name on the wire.
func (SessionRevoked) EventName() string { return "auth.session_revoked.v1" }
