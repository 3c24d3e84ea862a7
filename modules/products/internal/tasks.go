package internal

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/users"
	"atrium/platform/tasks"
)

// Handlers are what the module listens to.
func Handlers(store *Store) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("products.user_deleted", func(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
			return store.ForgetViewed(ctx, e.UserID)
		}, tasks.Lasting()),
	}
}
