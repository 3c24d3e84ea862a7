package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Handlers are the module's own tasks.
func Handlers(p *People) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t admitEverybody) error { return p.AdmitEverybody(ctx, t.UserID) },
			tasks.Timeout(10*time.Minute)),
	}
}

// Schedules are the module's clockwork.
func Schedules(p *People, g *Graph) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "users.erase", Every: time.Minute, Run: func(ctx context.Context) error { return p.EraseDue(ctx, g) }},
		{Name: "users.prune_mutes", Every: time.Hour, Run: p.store.pruneMutes},
	}
}
