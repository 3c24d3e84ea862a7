// Package returns takes back what was shipped, and refunds it.
package returns

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/fault"
)

var (
	errNotFound = fault.NotFound("orders.return_not_found", "There is no such return.")
	errNothing  = fault.Conflict("orders.nothing_to_return", "There is not that much left to send back.")
	errTooLate  = fault.Conflict("orders.return_too_late", "It is too late to send this back.")
)

// Status is where a return stands.
type Status string

// The states of a return, drawn in docs/order-states.md. The last two are final; what was received is refunded.
const (
	Requested Status = "requested"
	Approved  Status = "approved"
	Rejected  Status = "rejected"
	Received  Status = "received"
)

// previous is the one status from which a return gets to another.
var previous = map[Status]Status{Approved: Requested, Rejected: Requested, Received: Approved}

// Return is pieces that a customer wants to send back.
type Return struct {
	ID        uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID   uuid.UUID
	UserID    uuid.UUID
	Status    Status
	Reason    string
	Note      string
	RefundID  *uuid.UUID
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time

	Lines []order.ItemQuantity `gorm:"-"`
}
