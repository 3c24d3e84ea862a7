package category

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/tasks"
)

// Reindex makes the products of a category findable by its name, some at a time, after one.
type Reindex struct {
	Category string    `json:"category"`
	After    uuid.UUID `json:"after"`
}

// TaskName is the task's name on the wire.
func (Reindex) TaskName() string { return "products.reindex" }

// reindexedAtOnce is how many products one task brings up to date.
const reindexedAtOnce = 100

// Handlers are the module's own task.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{tasks.Job(s.Reindex, tasks.Queue("low"))}
}

// Reindex writes the words of one batch of products anew and enqueues a task for the next.
func (s *Service) Reindex(ctx context.Context, _ uuid.UUID, task Reindex) error {
	ids, err := s.store.ProductsIn(ctx, task.Category, task.After, reindexedAtOnce)
	if err != nil || len(ids) == 0 {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		for _, id := range ids {
			p, err := s.products.Lock(ctx, id)
			if errors.Is(err, products.ErrNotFound) {
				continue
			}
			if err != nil {
				return err
			}
			if err := s.listings.WriteText(ctx, p); err != nil {
				return err
			}
		}
		s.epoch.End(ctx)
		return s.outbox.Enqueue(ctx, Reindex{Category: task.Category, After: ids[len(ids)-1]})
	})
}
