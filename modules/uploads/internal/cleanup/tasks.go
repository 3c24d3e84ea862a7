package cleanup

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/library"
	"atrium/platform/tasks"
)

// Handlers runs library.Erase.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t library.Erase) error { return s.Erase(ctx, t.UploadIDs) },
			tasks.Queue("low"), tasks.Timeout(time.Minute)),
	}
}

// Schedules runs the sweep.
func Schedules(cfg uploads.Config, s *Service) []tasks.Schedule {
	return []tasks.Schedule{{
		Name: "uploads.sweep", Every: 5 * time.Minute,
		Run: func(ctx context.Context) error { return s.Sweep(ctx, cfg.Orphans) },
	}}
}
