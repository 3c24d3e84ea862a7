package orders

import "github.com/google/uuid"

// Moved is what every event of an order says.
type Moved struct {
	OrderID uuid.UUID `json:"order_id"`
	UserID  uuid.UUID `json:"user_id"`
	Number  string    `json:"number"`
}

// Placed: the order waits for its payment; its stock is reserved.
type Placed struct{ Moved }

// EventName is the event's name on the wire.
func (Placed) EventName() string { return "orders.placed.v1" }

// Paid: the money was captured.
type Paid struct{ Moved }

// EventName is the event's name on the wire.
func (Paid) EventName() string { return "orders.paid.v1" }

// Shipped: everything, or another part of it, is on its way.
type Shipped struct {
	Moved
	Carrier        string `json:"carrier"`
	TrackingNumber string `json:"tracking_number"`
}

// EventName is the event's name on the wire.
func (Shipped) EventName() string { return "orders.shipped.v1" }

// Delivered: it has arrived.
type Delivered struct{ Moved }

// EventName is the event's name on the wire.
func (Delivered) EventName() string { return "orders.delivered.v1" }

// Cancelled: it was called off before shipment.
type Cancelled struct{ Moved }

// EventName is the event's name on the wire.
func (Cancelled) EventName() string { return "orders.cancelled.v1" }

// Expired: nobody paid in time.
type Expired struct{ Moved }

// EventName is the event's name on the wire.
func (Expired) EventName() string { return "orders.expired.v1" }

// Refunded: money went back: Amount minor units of Currency.
type Refunded struct {
	Moved
	RefundID uuid.UUID `json:"refund_id"`
	Amount   int64     `json:"amount"`
	Currency string    `json:"currency"`
}

// EventName is the event's name on the wire.
func (Refunded) EventName() string { return "orders.refunded.v1" }
