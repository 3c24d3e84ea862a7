// Package audit keeps the log of who signed in, whose sessions ended and why, and who may do what.
package audit

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Event is what a line of the log is about.
type Event string

// The events.
const (
	SignedIn        Event = "signed_in"
	Refreshed       Event = "refreshed"
	SessionEnded    Event = "ended" // the detail says why
	Linked          Event = "linked"
	Unlinked        Event = "unlinked"
	RolesChanged    Event = "roles_changed"
	ExportRequested Event = "export_requested"
	EmailChanged    Event = "email_changed" // at the provider
)

// Entry is a line of the log. Detail holds no personal data.
type Entry struct {
	ID        uuid.UUID `gorm:"primaryKey"` // version 7: the log is read in its order
	At        time.Time
	UserID    uuid.UUID  // whom it is about
	ActorID   *uuid.UUID // who did it, where that is somebody else
	SessionID *uuid.UUID
	Event     Event
	Detail    string
}

// TableName names the table, which the entity is not called after.
func (Entry) TableName() string { return "auth_audit" }

// Actor returns who acted, or nil where nobody did or the person acted on their own account.
func Actor(by, user uuid.UUID) *uuid.UUID {
	if by == uuid.Nil || by == user {
		return nil
	}
	return &by
}

// Filter selects lines of the log. An empty field selects all.
type Filter struct {
	User  uuid.UUID
	Event Event
}

// Log writes and lists the audit log.
type Log struct {
	store store
	now   func() time.Time
}

// NewLog writes to db, in the transaction open in the context where there is one.
func NewLog(db *database.DB, now func() time.Time) *Log { return &Log{store: store{db}, now: now} }

// Record writes a line, dated now.
func (l *Log) Record(ctx context.Context, e Entry) error {
	e.ID, e.At = uuid.Must(uuid.NewV7()), l.now()
	return l.store.insert(ctx, e)
}

// List returns up to limit lines older than the line given (uuid.Nil: from the newest), the newest first.
func (l *Log) List(ctx context.Context, f Filter, before uuid.UUID, limit int) ([]Entry, error) {
	return l.store.list(ctx, f, before, limit)
}
