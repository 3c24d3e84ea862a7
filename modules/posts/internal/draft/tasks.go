package draft

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Publish publishes a draft at the moment that it was planned for. One that comes for another moment does nothing.
type Publish struct {
	DraftID  uuid.UUID `json:"draft_id"`
	AuthorID uuid.UUID `json:"author_id"`
	At       time.Time `json:"at"`
}

// TaskName is the task's name on the wire.
func (Publish) TaskName() string { return "posts.publish_draft" }

// Handlers is the background work of drafts.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Publish) error { return s.Due(ctx, t) }),
	}
}
