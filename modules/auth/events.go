package auth

import "github.com/google/uuid"

// SignedIn: a session began. NewDevice is true where the person has signed in before, but never from this installation.
type SignedIn struct {
	UserID    uuid.UUID `json:"user_id"`
	SessionID uuid.UUID `json:"session_id"`
	NewDevice bool      `json:"new_device"`
}

// EventName is the event's name on the wire.
func (SignedIn) EventName() string { return "auth.signed_in.v1" }

// SessionRevoked: a session ended before its time. With the reason "logout" its owner ended it, there or on another device.
type SessionRevoked struct {
	UserID         uuid.UUID `json:"user_id"`
	SessionID      uuid.UUID `json:"session_id"`
	InstallationID string    `json:"installation_id,omitempty"`
	Reason         string    `json:"reason"` // logout, reuse, revoked, suspended, erasure, roles, operator, provider
}

// EventName is the event's name on the wire.
func (SessionRevoked) EventName() string { return "auth.session_revoked.v1" }
