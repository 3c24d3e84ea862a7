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
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t mailDeletion) error { return p.MailDeletion(ctx, t.RequestID) }),
		tasks.Subscriber("users.user_deleted", p.Announced, tasks.Lasting()),
	}
}

// Schedules are the module's clockwork.
func Schedules(p *People, g *Graph, r *Reconciler) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "users.reconcile", Every: 6 * time.Hour, Run: r.Reconcile},
		{Name: "users.erase", Every: time.Minute, Run: func(ctx context.Context) error { return p.EraseDue(ctx, g) }},
		{Name: "users.watch_erasures", Every: time.Minute, Run: p.WatchErasures},
		{Name: "users.prune_deletion_requests", Every: time.Hour, Run: p.store.pruneDeletionRequests},
		{Name: "users.prune_mutes", Every: time.Hour, Run: p.store.pruneMutes},
	}
}
