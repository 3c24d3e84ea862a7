// Package session keeps sessions: it opens and lists them, refreshes their tokens, detects a refresh token's reuse, and revokes.
package session

import (
	"time"

	"github.com/google/uuid"
)

// Kind says by what a session is used.
type Kind string

// The kinds of sessions.
const (
	KindApp   Kind = "app"   // access and refresh tokens
	KindAdmin Kind = "admin" // a cookie of the back office
)

// AdminTTL is the lifetime of a back-office session.
const AdminTTL = 8 * time.Hour

// Session is a device on which somebody is signed in.
type Session struct {
	ID             uuid.UUID `gorm:"primaryKey"`
	UserID         uuid.UUID
	Kind           Kind
	Provider       string
	InstallationID string
	DeviceName     string
	Platform       string
	AppVersion     string
	Place          string    // city and country where it was last seen; empty where not known
	Generation     int64     // of the newest refresh token
	GeneratedAt    time.Time // when the newest refresh token was issued
	Confirmed      bool      // the newest refresh token, or an access token issued with it, was seen
	CookieHash     []byte    // of admin sessions
	SignedInAt     time.Time
	LastSeenAt     time.Time
	ExpiresAt      time.Time
	EndedAt        *time.Time
	EndReason      string
}

// TableName names the table.
func (Session) TableName() string { return "sessions" }

// Device is what an app says about where it runs.
type Device struct {
	InstallationID string
	Name           string
	Platform       string
	AppVersion     string
	Browser        string // in which the redirect flow ran: tells a known one where the app names no installation
}

// installation returns by what the device is known again; empty where it cannot be.
func (d Device) installation() string {
	if d.InstallationID == "" && d.Browser != "" {
		return "browser " + d.Browser
	}
	return d.InstallationID
}

func newSession(kind Kind, user uuid.UUID, provider string, d Device, now time.Time, ttl time.Duration) Session {
	return Session{
		ID: uuid.Must(uuid.NewV7()), UserID: user, Kind: kind, Provider: provider, InstallationID: d.installation(), DeviceName: d.Name,
		Platform: d.Platform, AppVersion: d.AppVersion, GeneratedAt: now, SignedInAt: now, LastSeenAt: now, ExpiresAt: now.Add(ttl),
	}
}

// active reports whether the session can still be used.
func (s *Session) active(now time.Time) bool { return s.EndedAt == nil && now.Before(s.ExpiresAt) }
