package internal

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products/internal/review"
	"atrium/modules/users"
	"atrium/platform/tasks"
)

// sweepEvery is how late a list may notice that a sale has begun or ended. The price that is asked follows the clock itself.
const sweepEvery = time.Second

// Schedules are the module's clockwork.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{{Name: "products.reprice", Every: sweepEvery, Run: s.RepriceDue}}
}

// Handlers are what the module listens to, and its own task.
func Handlers(service *Service, store *Store, reviews *review.Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(service.Reindex, tasks.Queue("low")),
		tasks.Subscriber("products.user_deleted", func(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
			if err := store.ForgetViewed(ctx, e.UserID); err != nil {
				return err
			}
			return reviews.Forget(ctx, e.UserID)
		}, tasks.Lasting()),
	}
}
