package post

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Purge removes a deleted post once it can no longer be restored.
type Purge struct {
	PostID uuid.UUID `json:"post_id"`
}

// TaskName is the task's name on the wire.
func (Purge) TaskName() string { return "posts.purge" }

// Handlers is the background work of posts.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Purge) error { return s.Purge(ctx, t.PostID) }, tasks.Queue("low")),
	}
}
