package internal

import (
	"context"
	"strings"
	"time"

	"github.com/google/uuid"
)

// What the audit log notes.
const (
	eventSignedIn     = "signed_in"
	eventRefreshed    = "refreshed"
	eventEnded        = "ended" // a session; the detail says why
	eventLinked       = "linked"
	eventUnlinked     = "unlinked"
	eventRolesChanged = "roles_changed"
	eventExported     = "export_requested" // of all that somebody has with us
)

// entry is a line of the audit log. Detail holds no personal data.
type entry struct {
	ID        uuid.UUID `gorm:"primaryKey"` // of version 7: entries are read in its order
	At        time.Time
	UserID    uuid.UUID  // whom it is about
	ActorID   *uuid.UUID // who did it, where that is somebody else
	SessionID *uuid.UUID
	Event     string
	Detail    string
}

// TableName is auth_audit.
func (entry) TableName() string { return "auth_audit" }

// actor is who did something, where that is not the person it was done to.
func actor(by, to uuid.UUID) *uuid.UUID {
	if by == uuid.Nil || by == to {
		return nil
	}
	return &by
}

// rolesText is how the log spells roles.
func rolesText(roles []string) string { return strings.Join(roles, " ") }

// auditFilter chooses lines of the log; what is empty chooses all.
type auditFilter struct {
	User  uuid.UUID
	Event string
}

// Audit lists lines of the log, the newest first.
func (s *Service) Audit(ctx context.Context, f auditFilter, before uuid.UUID, limit int) ([]entry, error) {
	return s.store.entries(ctx, f, before, limit)
}
