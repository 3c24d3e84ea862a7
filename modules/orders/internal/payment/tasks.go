package payment

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// SettleIntent settles the payment that an event of the provider was about.
type SettleIntent struct {
	IntentID string `json:"intent_id"`
	Live     bool   `json:"live"`
}

// TaskName is the task's name on the wire.
func (SettleIntent) TaskName() string { return "orders.settle" }

// Fulfil makes the reserved stock of a paid order sold.
type Fulfil struct {
	OrderID uuid.UUID `json:"order_id"`
}

// TaskName is the task's name on the wire.
func (Fulfil) TaskName() string { return "orders.fulfil" }

// Handlers are the payments' jobs.
func Handlers(s *Service) []tasks.Handler {
	critical := tasks.Queue("critical")
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SettleIntent) error {
			return s.SettleIntent(ctx, t.IntentID, t.Live)
		}, critical),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Fulfil) error { return s.fulfil(ctx, t.OrderID) }, critical),
	}
}
