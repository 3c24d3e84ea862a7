package delivery

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Handlers are the package's tasks.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(s.SendPush), tasks.Job(s.SendMail), tasks.Job(s.SendDigest),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, task recheck) error {
			return s.db.InTx(ctx, func(ctx context.Context) error { return s.recheck(ctx, task) })
		}, tasks.Queue("low")),
	}
}

// Schedules are the package's periodic tasks.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "notifications.prune", Every: pruneEvery, Run: s.Prune}}
}
