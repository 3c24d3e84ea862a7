package processing

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads/internal/upload"
	"atrium/platform/tasks"
)

// Handlers runs upload.MakeVariants, and upload.MakeLargeVariants beside it.
func Handlers(s *Service) []tasks.Handler {
	bounds := func(queue string) []tasks.Option {
		return []tasks.Option{tasks.Queue(queue), tasks.Timeout(5 * time.Minute), tasks.MaxRetry(10)}
	}
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t upload.MakeVariants) error {
			return s.MakeVariants(ctx, t.UploadID)
		}, bounds("media")...),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t upload.MakeLargeVariants) error {
			return s.MakeVariants(ctx, t.UploadID)
		}, bounds("media_large")...),
	}
}
