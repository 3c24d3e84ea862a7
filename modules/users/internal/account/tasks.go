package account

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Handlers are the tasks of accounts.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t acceptPending) error {
			return s.AcceptAllPending(ctx, t.UserID)
		},
			tasks.Timeout(10*time.Minute)),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t mailFormerAddress) error {
			return s.MailFormerAddress(ctx, t.ChangeID)
		}),
	}
}

// Schedules are the periodic tasks of accounts.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "users.prune_former_addresses", Every: time.Hour, Run: s.store.pruneEmailChanges}}
}
