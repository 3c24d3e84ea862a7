package refund

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

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

// Handlers are the refunds' jobs.
func Handlers(s *Service) []tasks.Handler {
	critical := tasks.Queue("critical")
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SendRefund) error { return s.send(ctx, t.RefundID) }, critical),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SettleRefund) error {
			return s.settleByID(ctx, t.ProviderRefundID)
		}, critical),
	}
}
