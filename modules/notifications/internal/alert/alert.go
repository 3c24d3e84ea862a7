// Package alert notifies people that a product which they would like to have costs less or is back in stock: a product on one of
// their boards, or pinned in a room that they saved.
package alert

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/delivery"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/notifications/internal/relevance"
	"atrium/modules/posts"
	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// Service alerts wishers. Each event is told once, and only while it holds.
type Service struct {
	db        *database.DB
	outbox    *outbox.Outbox
	wishes    posts.Wishes
	catalogue products.Catalogue
	delivery  *delivery.Service
}

// NewService finds wishers by wishes.
func NewService(db *database.DB, box *outbox.Outbox, wishes posts.Wishes, catalogue products.Catalogue, deliveries *delivery.Service) *Service {
	return &Service{db: db, outbox: box, wishes: wishes, catalogue: catalogue, delivery: deliveries}
}

// Handlers are the package's subscriptions and its task.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("notifications.product_repriced", s.repriced),
		tasks.Subscriber("notifications.product_back_in_stock", s.backInStock),
		tasks.Job(s.Alert),
	}
}

// batchSize is the number of wishers that one task notifies.
const batchSize = 200

// Task notifies the next wishers of one event.
type Task struct {
	EventID   uuid.UUID          `json:"event_id"`
	ProductID uuid.UUID          `json:"product_id"`
	Type      notification.Type  `json:"type"`
	Facts     notification.Facts `json:"facts"`
	After     uuid.UUID          `json:"after"` // the wisher notified last
}

// TaskName is the task's name on the wire.
func (Task) TaskName() string { return "notifications.alert" }

func (s *Service) repriced(ctx context.Context, event uuid.UUID, e products.Repriced) error {
	if !e.Dropped() {
		return nil
	}
	return s.outbox.Enqueue(ctx, Task{EventID: event, ProductID: e.ProductID, Type: notification.PriceDropped, Facts: notification.Facts{Was: &e.Was, Price: &e.Now}})
}

func (s *Service) backInStock(ctx context.Context, event uuid.UUID, e products.BackInStock) error {
	return s.outbox.Enqueue(ctx, Task{EventID: event, ProductID: e.ProductID, Type: notification.BackInStock})
}

// Alert notifies the next wishers and leaves the rest to another task. Idempotent.
func (s *Service) Alert(ctx context.Context, _ uuid.UUID, task Task) error {
	about := notification.Notification{Type: task.Type, SubjectType: notification.SubjectProduct, SubjectID: task.ProductID, CauseID: task.EventID, Facts: task.Facts}
	offers, err := s.catalogue.Variants(ctx, []uuid.UUID{task.ProductID})
	if err != nil || !relevance.AlertHolds(about, offers[task.ProductID]) {
		return err
	}
	about.Facts.Product = offers[task.ProductID][0].Product.Name
	people, last, err := s.wishes.Wishers(ctx, task.ProductID, task.After, batchSize)
	if err != nil {
		return err
	}
	all := make([]notification.Notification, len(people))
	for i, person := range people {
		all[i] = about
		all[i].RecipientID = person
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.delivery.NotifyLatest(ctx, all...); err != nil {
			return err
		}
		if last == uuid.Nil {
			return nil
		}
		task.After = last
		return s.outbox.Enqueue(ctx, task)
	})
}
