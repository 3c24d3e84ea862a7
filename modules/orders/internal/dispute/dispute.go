// Package dispute follows payments that customers ask their banks to take back.
package dispute

import (
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/payment"
)

// Dispute is a row of disputes. Amount is minor units of Currency.
type Dispute struct {
	ID                uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID           uuid.UUID
	PaymentID         uuid.UUID
	ProviderDisputeID string
	Amount            int64
	Currency          string
	Status            order.DisputeStatus
	OpenedAt          time.Time
	ClosedAt          *time.Time
}

// transitions is every step a dispute can take. One that was won can come again; what was lost is booked, and people look at it.
var transitions = map[order.DisputeStatus][]order.DisputeStatus{
	order.DisputeOpen: {order.DisputeWon, order.DisputeLost},
	order.DisputeWon:  {order.DisputeLost},
	order.DisputeLost: {},
}

func (d Dispute) may(to order.DisputeStatus) bool { return slices.Contains(transitions[d.Status], to) }

// statusOf is the status that the provider's means.
var statusOf = map[payment.DisputeStatus]order.DisputeStatus{
	payment.DisputeOpen: order.DisputeOpen, payment.DisputeWon: order.DisputeWon, payment.DisputeLost: order.DisputeLost,
}

// Agrees reports whether our books have a dispute as the provider has it.
func (d Dispute) Agrees(found payment.Dispute) bool { return d.Status == statusOf[found.Status] }
