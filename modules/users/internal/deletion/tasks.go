package deletion

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Handlers are the tasks of deletions.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t mailLinks) error { return s.MailLinks(ctx, t.RequestID) }),
		tasks.Subscriber("users.user_deleted", s.RecordEvent, tasks.Lasting()),
	}
}

// Schedules are the periodic tasks of deletions.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "users.erase", Every: time.Minute, Run: s.EraseDue},
		{Name: "users.watch_erasures", Every: time.Minute, Run: s.UpdateProgress},
		{Name: "users.prune_deletion_requests", Every: time.Hour, Run: s.store.pruneRequests},
		{Name: "users.prune_kept_handles", Every: time.Hour, Run: s.users.PruneKeptHandles},
	}
}
