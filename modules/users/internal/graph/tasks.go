package graph

import (
	"time"

	"atrium/platform/tasks"
)

// Schedules are the periodic tasks of relations.
func Schedules(s *Service, r *Reconciler) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "users.reconcile", Every: 6 * time.Hour, Run: r.Reconcile},
		{Name: "users.prune_mutes", Every: time.Hour, Run: s.store.pruneMutes},
	}
}
