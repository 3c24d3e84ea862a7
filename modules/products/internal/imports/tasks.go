package imports

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Run goes on with an import.
type Run struct {
	ImportID uuid.UUID `json:"import_id"`
}

// TaskName is the task's name on the wire.
func (Run) TaskName() string { return "products.import" }

// Handlers are the module's own task.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Run) error { return s.Run(ctx, t.ImportID) }, tasks.Queue("low"), tasks.Timeout(2*time.Minute)),
	}
}

// Schedules deletes what is old.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "products.clean_imports", Every: time.Hour, Run: s.Clean}}
}
