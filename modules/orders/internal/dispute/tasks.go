package dispute

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/tasks"
)

// SettleDispute settles the dispute that an event of the provider was about.
type SettleDispute struct {
	ProviderDisputeID string `json:"provider_dispute_id"`
}

// TaskName is the task's name on the wire.
func (SettleDispute) TaskName() string { return "orders.settle_dispute" }

// Handlers are the disputes' job.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t SettleDispute) error {
			return s.SettleByID(ctx, t.ProviderDisputeID)
		}, tasks.Queue("critical")),
	}
}
