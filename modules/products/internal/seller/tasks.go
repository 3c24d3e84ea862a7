package seller

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/tasks"
)

// Relist brings the listings of a seller's products up to date, some at a time, after one.
type Relist struct {
	Seller uuid.UUID `json:"seller"`
	After  uuid.UUID `json:"after"`
}

// TaskName is the task's name on the wire.
func (Relist) TaskName() string { return "products.relist_seller" }

// Handlers follow who is suspended and who comes back.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("products.user_locked", func(ctx context.Context, _ uuid.UUID, e users.Locked) error { return s.Refresh(ctx, e.UserID) }),
		tasks.Subscriber("products.user_returned", func(ctx context.Context, _ uuid.UUID, e users.Returned) error { return s.Refresh(ctx, e.UserID) }),
		tasks.Job(s.Relist),
	}
}

// Schedules refreshes all sellers once a day.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "products.sellers", Every: 24 * time.Hour, Run: s.RefreshAll}}
}
