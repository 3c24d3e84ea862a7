package order

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/users"
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

// Expire closes an order that nobody paid in time.
type Expire struct {
	OrderID uuid.UUID `json:"order_id"`
}

// TaskName is the task's name on the wire.
func (Expire) TaskName() string { return "orders.expire" }

// SendRefund sends a refund to the provider.
type SendRefund struct {
	RefundID uuid.UUID `json:"refund_id"`
}

// TaskName is the task's name on the wire.
func (SendRefund) TaskName() string { return "orders.refund" }

// SettleRefund settles the refund that an event of the provider was about.
type SettleRefund struct {
	ProviderRefundID string `json:"provider_refund_id"`
}

// TaskName is the task's name on the wire.
func (SettleRefund) TaskName() string { return "orders.settle_refund" }

// Handlers are the module's jobs and what it listens to.
func Handlers(s *Service) []tasks.Handler {
	critical := tasks.Queue("critical")
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SettleIntent) error {
			return s.settleIntent(ctx, t.IntentID, t.Live)
		}, critical),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Fulfil) error { return s.Fulfil(ctx, t.OrderID) }, critical),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Expire) error { return s.Expire(ctx, t.OrderID) }, critical),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SendRefund) error { return s.SendRefund(ctx, t.RefundID) }, critical),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SettleRefund) error {
			return s.settleRefund(ctx, t.ProviderRefundID)
		}, critical),
		tasks.Subscriber("orders.user_deleted", func(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
			if err := s.carts.Forget(ctx, e.UserID); err != nil {
				return err
			}
			if err := s.book.Forget(ctx, e.UserID); err != nil {
				return err
			}
			return s.Pseudonymise(ctx, e.UserID)
		}, tasks.Lasting()),
	}
}

// Schedules are the module's clockwork.
func Schedules(s *Service) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "orders.sweep", Every: s.cfg.SweepEvery, Run: s.Sweep},
		{Name: "orders.sweep_pseudonyms", Every: time.Hour, Run: s.SweepPseudonyms},
		{Name: "orders.reconcile", Every: s.cfg.ReconcileEvery, Run: s.Reconcile},
	}
}
