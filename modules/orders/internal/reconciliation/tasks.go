package reconciliation

import (
	"atrium/modules/orders"
	"atrium/platform/tasks"
)

// Schedules are when it is looked and compared.
func Schedules(s *Service, cfg orders.Config) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "orders.sweep", Every: cfg.SweepEvery, Run: s.Sweep},
		{Name: "orders.reconcile", Every: cfg.ReconcileEvery, Run: s.Reconcile},
	}
}
