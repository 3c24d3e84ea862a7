package delivery

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
)

// recheckBatch is how many notifications one transaction asks about.
const recheckBatch = 500

// recheck is the task that asks about the rest of a scope.
type recheck struct {
	Scope notification.Scope `json:"scope"`
	After uuid.UUID          `json:"after"`
}

// TaskName is the task's name on the wire.
func (recheck) TaskName() string { return "notifications.recheck" }

// Recheck asks whether the notifications of a scope have their cause, and withdraws or reinstates them, in the transaction open in
// ctx; a task goes on where they are many. Nobody is told anything. Idempotent.
func (s *Service) Recheck(ctx context.Context, scope notification.Scope) error {
	return s.recheck(ctx, recheck{Scope: scope})
}

func (s *Service) recheck(ctx context.Context, task recheck) error {
	found, err := s.store.LockScope(ctx, task.Scope, task.After, recheckBatch)
	if err != nil {
		return err
	}
	verdicts, err := s.relevance.Causes(ctx, found)
	if err != nil {
		return err
	}
	if err := s.settle(ctx, found, verdicts); err != nil || len(found) < recheckBatch {
		return err
	}
	task.After = found[len(found)-1].ID
	return s.outbox.Enqueue(ctx, task)
}

// How long withdrawn notifications are remembered, and how many one statement removes.
const (
	withdrawnFor = 90 * day
	pruneBatch   = 1000
	pruneEvery   = 24 * time.Hour
)

// Prune removes what was withdrawn long ago, in batches.
func (s *Service) Prune(ctx context.Context) error {
	for more := true; more; {
		var err error
		if more, err = s.store.Prune(ctx, withdrawnFor, pruneBatch); err != nil {
			return err
		}
	}
	return nil
}
