package export

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// assemble is the task that makes one archive.
type assemble struct {
	ExportID uuid.UUID `json:"export_id"`
}

// TaskName is the task's name on the wire.
func (assemble) TaskName() string { return "users.export" }

// Handlers are the capability's tasks.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t assemble) error { return s.Assemble(ctx, t.ExportID) },
			tasks.Queue("low"), tasks.Timeout(15*time.Minute), tasks.MaxRetry(5)),
	}
}

// Schedules are the capability's clockwork.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "users.prune_exports", Every: 10 * time.Minute, Run: s.Prune}}
}
