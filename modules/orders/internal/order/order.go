// Package order holds orders: their statuses and the steps between them, their lines, the attempts to pay them, and how they are shown.
package order

import (
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/products"
	"atrium/platform/fault"
	"atrium/platform/money"
)

var (
	// ErrRefundExceeds: more is to be refunded than was paid, or than the line has.
	ErrRefundExceeds = fault.Conflict("orders.refund_exceeds", "That is more than is left to refund.")
	// ErrNothingToShip: more is to be shipped than is left.
	ErrNothingToShip = fault.Conflict("orders.nothing_to_ship", "There is not that much left to ship.")
	// ErrNumberTaken: another order has this number.
	ErrNumberTaken = fault.Conflict("orders.number_taken", "This order number is taken.")

	errLine = fault.Invalid("orders.unknown_line", "A line is not of this order.")
)

// Status is where an order stands.
type Status string

// The states, drawn in docs/order-states.md.
const (
	PendingPayment    Status = "pending_payment"
	Paid              Status = "paid"
	PartiallyShipped  Status = "partially_shipped"
	Shipped           Status = "shipped"
	Delivered         Status = "delivered"
	Cancelled         Status = "cancelled"
	Expired           Status = "expired"
	Refunded          Status = "refunded"
	PartiallyRefunded Status = "partially_refunded"
	Review            Status = "review"
)

// transitions is every step an order can take. What is not here cannot happen, in whatever order events arrive.
var transitions = map[Status][]Status{
	PendingPayment:    {Paid, Cancelled, Expired, Review},
	Expired:           {Paid, Refunded, Review}, // the money came too late
	Paid:              {PartiallyShipped, Shipped, PartiallyRefunded, Refunded, Cancelled},
	PartiallyRefunded: {PartiallyRefunded, Refunded, Cancelled},
	PartiallyShipped:  {PartiallyShipped, Shipped, PartiallyRefunded, Refunded},
	Shipped:           {Delivered, PartiallyRefunded, Refunded},
	Delivered:         {PartiallyRefunded, Refunded},
	Review:            {Paid, PartiallyRefunded, Refunded, Cancelled}, // as people decide
	Cancelled:         {},
	Refunded:          {},
}

// May reports whether an order that stands at s can take the step to another status.
func (s Status) May(to Status) bool { return slices.Contains(transitions[s], to) }

// Shippable reports whether pieces of the order may leave.
func (s Status) Shippable() bool { return s == Paid || s == PartiallyShipped || s == PartiallyRefunded }

// refunded reports whether money has gone back: the status says so from then on, and not how far the pieces got.
func (s Status) refunded() bool { return s == PartiallyRefunded || s == Refunded }

// Closed reports whether nobody is to pay for the order any more.
func (s Status) Closed() bool { return s == Expired || s == Cancelled }

// Bought reports whether the pieces are the customer's, whatever was refunded for them since.
func (s Status) Bought() bool {
	return slices.Contains([]Status{Paid, PartiallyShipped, Shipped, Delivered, PartiallyRefunded, Refunded}, s)
}

// StockStatus is where an order's pieces are. Each step is taken once, under the lock of the order's row.
type StockStatus string

// The states of an order's pieces.
const (
	StockReserved StockStatus = "reserved" // set aside
	StockSold     StockStatus = "sold"     // the order's
	StockReturned StockStatus = "returned" // back on the shelf
)

// DisputeStatus is where a dispute about an order's payment stands.
type DisputeStatus string

// The states of a dispute.
const (
	DisputeOpen DisputeStatus = "open"
	DisputeWon  DisputeStatus = "won"
	DisputeLost DisputeStatus = "lost"
)

// Order is a row of orders with what belongs to it. Amounts are minor units of Currency.
type Order struct {
	ID            uuid.UUID `gorm:"type:uuid;primaryKey"`
	Number        string
	UserID        uuid.UUID
	Status        Status
	Stock         StockStatus
	Currency      string
	Subtotal      int64
	Shipping      int64
	Tax           int64
	TaxRateBP     int64 `gorm:"column:tax_rate_bp"`
	Discount      int64
	Total         int64
	Address       address.Snapshot `gorm:"serializer:json"`
	ReservedUntil time.Time
	Version       int64
	CreatedAt     time.Time
	UpdatedAt     time.Time

	Items   []Item         `gorm:"-"`
	Payment Payment        `gorm:"-"` // the attempt that was captured, else the latest
	History []HistoryEntry `gorm:"-"`

	Promotion      *coupon.Promotion `gorm:"-"` // what took the discount off; nil for none
	Dispute        *DisputeStatus    `gorm:"-"` // an open one, else the latest; nil for none
	RefundedAmount int64             `gorm:"-"` // what has gone back
	DeliveredAt    *time.Time        `gorm:"-"` // when the last shipment arrived; nil while one is on its way
}

// Disputed reports whether a customer has asked the bank for the money, and not in vain so far.
func (o *Order) Disputed() bool { return o.Dispute != nil && *o.Dispute != DisputeWon }

// ReservationEnded reports whether the time of the order's reservation is up without a payment.
func (o *Order) ReservationEnded(now time.Time) bool {
	return o.Status == PendingPayment && now.After(o.ReservedUntil)
}

// Money is an amount in the order's currency.
func (o *Order) Money(amount int64) money.Money { return money.Of(amount, o.Currency) }

// Moved is what every event of the order says.
func (o *Order) Moved() orders.Moved {
	return orders.Moved{OrderID: o.ID, UserID: o.UserID, Number: o.Number}
}

// StockLines are the pieces that the order still has.
func (o *Order) StockLines() []products.Line {
	lines := make([]products.Line, 0, len(o.Items))
	for _, item := range o.Items {
		if n := item.Quantity - item.Withdrawn - item.Restocked; n > 0 {
			lines = append(lines, products.Line{VariantID: item.VariantID, Quantity: n})
		}
	}
	return lines
}

// Item finds the line that a request names at position i of its lines, or points at it as not of this order.
func (o *Order) Item(i int, id uuid.UUID) (*Item, error) {
	for n := range o.Items {
		if o.Items[n].ID == id {
			return &o.Items[n], nil
		}
	}
	return nil, errLine.At("/body/lines/"+strconv.Itoa(i)+"/item_id", "is not of this order")
}

// AnythingShipped reports whether any piece has left.
func (o *Order) AnythingShipped() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.Shipped > 0 })
}

// AnythingToShip reports whether any piece still has to go out.
func (o *Order) AnythingToShip() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.ToShip() > 0 })
}

// AnythingUnrefunded reports whether any piece was not refunded.
func (o *Order) AnythingUnrefunded() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.Refunded < i.Quantity })
}

// HistoryEntry is a line of an order's history.
type HistoryEntry struct {
	ID      uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID uuid.UUID
	At      time.Time
	Status  Status
	Note    string
}

// TableName is where the history lives.
func (HistoryEntry) TableName() string { return "order_history" }
