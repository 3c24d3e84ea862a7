package processing

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/uploads/internal/upload"
	"atrium/platform/background"
	"atrium/platform/sandbox"
	"atrium/platform/tasks"
)

// Services says at a process's start whether programs that decode pictures are confined here as docs/adr/0066 has it.
func Services(s *Service) []background.Service {
	return []background.Service{{Name: "uploads.sandbox", Prepare: s.checkSandbox, Run: background.UntilStopped}}
}

func (s *Service) checkSandbox(ctx context.Context) error {
	switch err := sandbox.Check(ctx); {
	case errors.Is(err, sandbox.ErrIncomplete):
		s.log.Warn("pictures are decoded by programs that this system does not confine fully", zap.Error(err))
	case err != nil:
		s.log.Error("pictures cannot be decoded: no program can be started in a sandbox", zap.Error(err))
	}
	return nil
}

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
