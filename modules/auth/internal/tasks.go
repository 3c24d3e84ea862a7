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

// Prune deletes what is over.
func (s *Service) Prune(ctx context.Context) error {
	return s.store.prune(ctx, s.now(), s.now().Add(-s.cfg.AuditFor))
}
