// Package personaldata keeps the module's promises about personal data: how long it is kept, its export and its erasure.
package personaldata

import (
	"context"
	"time"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/platform/database"
)

const (
	// refreshRetention is how long refreshes stay in the audit log: every device writes one every few minutes.
	refreshRetention = 30 * 24 * time.Hour
	// notificationRetention is how long the ids of notifications are kept: longer than the provider repeats one.
	notificationRetention = 2 * provider.NotificationMaxAge
)

// Service prunes and erases.
type Service struct {
	store      store
	revoker    *session.Revoker
	identities *identity.Service
	log        *audit.Log
	retention  time.Duration // of the audit log and of ended sessions
	now        func() time.Time
}

// NewService keeps the audit log and ended sessions for as long as the configuration says.
func NewService(cfg auth.Config, db *database.DB, revoker *session.Revoker, identities *identity.Service, log *audit.Log, now func() time.Time) *Service {
	return &Service{store: store{db}, revoker: revoker, identities: identities, log: log, retention: cfg.AuditFor, now: now}
}

// Prune deletes what has expired. A session stays as long as the audit log that names it.
func (s *Service) Prune(ctx context.Context) error {
	now := s.now()
	old := now.Add(-s.retention)
	for _, expired := range []struct {
		table, condition string
		before           time.Time
	}{
		{"nonces", "expires_at < ?", now},
		{"oauth_states", "expires_at < ?", now},
		{"revocations", "expires_at < ?", now},
		{"sessions", "expires_at < ?", old},
		{"provider_notices", "heard_at < ?", now.Add(-notificationRetention)},
		{"auth_audit", "event = '" + string(audit.Refreshed) + "' AND at < ?", now.Add(-refreshRetention)},
		{"auth_audit", "at < ?", old},
	} {
		if err := s.store.prune(ctx, expired.table, expired.condition, expired.before); err != nil {
			return err
		}
	}
	return nil
}
