package importer

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Fetch asks a worker to fetch a picture that is to be imported.
type Fetch struct {
	UploadID uuid.UUID `json:"upload_id"`
}

// TaskName is the task's name on the wire.
func (Fetch) TaskName() string { return "uploads.fetch" }

// Handlers runs Fetch.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Fetch) error { return s.Fetch(ctx, t.UploadID) },
			tasks.Queue("low"), tasks.Timeout(time.Minute), tasks.MaxRetry(5)),
	}
}
