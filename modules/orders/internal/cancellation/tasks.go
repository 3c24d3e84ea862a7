package cancellation

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// Expire closes an order that nobody paid in time.
type Expire struct {
	OrderID uuid.UUID `json:"order_id"`
}

// TaskName is the task's name on the wire.
func (Expire) TaskName() string { return "orders.expire" }

// Handlers are the jobs of expiry.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Expire) error { return s.Expire(ctx, t.OrderID) }, tasks.Queue("critical")),
	}
}
