package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/users"
	"atrium/platform/tasks"
)

// Handlers are what the module does when something happened.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("auth.user_deleted", s.userDeleted, tasks.Lasting()),
		tasks.Subscriber("auth.export_requested", func(ctx context.Context, _ uuid.UUID, e users.ExportRequested) error {
			return s.log(ctx, eventExported, e.UserID, nil, e.ExportID.String())
		}),
		tasks.Job(s.GiveBack),
	}
}

// Schedules are what it does every so often.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "auth.rotate_keys", Every: time.Hour, Run: s.keys.RotateDue},
		{Name: "auth.prune", Every: time.Hour, Run: s.Prune},
	}
}

// userDeleted forgets how somebody signed in; at Apple that must be told.
func (s *Service) userDeleted(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
	if err := s.endings.RevokeAll(ctx, e.UserID, auth.Cause{Reason: "erasure"}); err != nil {
		return err
	}
	all, err := s.store.lockIdentities(ctx, e.UserID)
	if err != nil {
		return err
	}
	for i := range all {
		if err := s.detach(ctx, &all[i]); err != nil {
			return err
		}
	}
	return nil
}

const (
	// refreshesFor is how long refreshes stay in the audit log: there is one every few minutes and device.
	refreshesFor = 30 * 24 * time.Hour
	// noticesFor is how long a notice of a provider is known: longer than the provider repeats it.
	noticesFor = 2 * noticeLife
)

// Prune deletes what is over. A session stays as long as the log that speaks of it.
func (s *Service) Prune(ctx context.Context) error {
	now := s.now()
	old := now.Add(-s.cfg.AuditFor)
	for _, over := range []struct {
		table, condition string
		at               time.Time
	}{
		{"nonces", "expires_at < ?", now},
		{"oauth_states", "expires_at < ?", now},
		{"revocations", "expires_at < ?", now},
		{"sessions", "expires_at < ?", old},
		{"provider_notices", "heard_at < ?", now.Add(-noticesFor)},
		{"auth_audit", "event = '" + eventRefreshed + "' AND at < ?", now.Add(-refreshesFor)},
		{"auth_audit", "at < ?", old},
	} {
		if err := s.store.prune(ctx, over.table, over.condition, over.at); err != nil {
			return err
		}
	}
	return nil
}
