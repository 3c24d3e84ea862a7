package review

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/platform/tasks"
)

// Handlers let reviews fall with the purchases that they are of.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("products.order_refunded", func(ctx context.Context, _ uuid.UUID, e orders.Refunded) error { return s.DropUndone(ctx, e.UserID) }),
		tasks.Subscriber("products.order_cancelled", func(ctx context.Context, _ uuid.UUID, e orders.Cancelled) error { return s.DropUndone(ctx, e.UserID) }),
	}
}

// Schedules look once a day for what no event has told of.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "products.drop_undone_reviews", Every: 24 * time.Hour, Run: s.DropAllUndone}}
}
