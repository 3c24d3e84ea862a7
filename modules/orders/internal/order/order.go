// Package order turns a cart into an order, an order into money, and money into parcels, or back.
package order

import (
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/products"
	"atrium/platform/fault"
	"atrium/platform/money"
)

var (
	errRefundTooMuch = fault.Conflict("orders.refund_exceeds", "That is more than is left to refund.")
	errRefundShape   = fault.Invalid("orders.refund_shape", "Give lines or an amount, not both.",
		fault.Field{Pointer: "/body/amount", Detail: "must be absent where lines are given"})
	errRefundCurrency = fault.Invalid("orders.refund_currency", "The order was paid in another currency.",
		fault.Field{Pointer: "/body/amount/currency", Detail: "must be the order's"})
	errRefundAmount = fault.Invalid("orders.refund_amount", "This amount cannot be refunded.",
		fault.Field{Pointer: "/body/amount/amount", Detail: "must be above 0"})
	errShipment     = fault.Conflict("orders.nothing_to_ship", "There is not that much left to ship.")
	errLine         = fault.Invalid("orders.unknown_line", "A line is not of this order.")
	errNumberTaken  = fault.Conflict("orders.number_taken", "This order number is taken.")
	errNothingToPay = fault.Conflict("orders.nothing_to_pay", "There is nothing to pay for this order any more.")
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
	PartiallyRefunded: {PartiallyShipped, Shipped, Delivered, PartiallyRefunded, Refunded, Cancelled},
	PartiallyShipped:  {PartiallyShipped, Shipped, PartiallyRefunded, Refunded},
	Shipped:           {Delivered, PartiallyRefunded, Refunded},
	Delivered:         {PartiallyRefunded, Refunded},
	Review:            {PartiallyRefunded, Refunded},
	Cancelled:         {},
	Refunded:          {},
}

func (s Status) may(to Status) bool { return slices.Contains(transitions[s], to) }

// overdue reports whether the order's reservation has ended without a payment.
func (o *Order) overdue(now time.Time) bool {
	return o.Status == PendingPayment && now.After(o.ReservedUntil)
}

// over reports whether nobody is to pay for the order any more.
func (s Status) over() bool { return s == Expired || s == Cancelled }

// bought reports whether the pieces are the customer's, whatever was given back for them since.
func (s Status) bought() bool {
	return slices.Contains([]Status{Paid, PartiallyShipped, Shipped, Delivered, PartiallyRefunded, Refunded}, s)
}

// Where an order's pieces are. Each step is taken once, under the lock of the order's row.
const (
	stockReserved = "reserved" // set aside
	stockSold     = "sold"     // the order's
	stockReturned = "returned" // back on the shelf
)

// Order is a row of orders with what belongs to it.
type Order struct {
	ID            uuid.UUID `gorm:"type:uuid;primaryKey"`
	Number        string
	UserID        uuid.UUID
	Status        Status
	Stock         string
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

	Items   []Item  `gorm:"-"`
	Payment Payment `gorm:"-"` // the attempt that was captured, else the latest
	History []Entry `gorm:"-"`
}

// Item is a line of an order: what was bought, as it was called and priced then.
type Item struct {
	ID        uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID   uuid.UUID
	VariantID uuid.UUID
	ProductID uuid.UUID
	Name      string
	SKU       string `gorm:"column:sku"`
	Quantity  int64
	UnitPrice int64
	LineTotal int64
	Discount  int64
	Shipped   int64
	Refunded  int64
	Withdrawn int64 // of Refunded: pieces that were not shipped and never will be
	Restocked int64 // of Shipped: pieces that came back and are on the shelf again
}

// TableName is where items live.
func (Item) TableName() string { return "order_items" }

// toShip is how many pieces still have to go out.
func (i Item) toShip() int64 { return i.Quantity - i.Shipped - i.Withdrawn }

// worth is what quantity further pieces give back when they are refunded: the line's price net of its discount, shared so that
// all pieces together give back exactly the whole, however they are split up.
func (i Item) worth(quantity int64) int64 {
	net := i.LineTotal - i.Discount
	return net*(i.Refunded+quantity)/i.Quantity - net*i.Refunded/i.Quantity
}

// Payment is one attempt at paying an order. Refunded counts what was asked for, done or not.
type Payment struct {
	ID           uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID      uuid.UUID
	Attempt      int
	Provider     string
	IntentID     *string
	ClientSecret *string
	Live         bool
	Status       string
	Currency     string
	Amount       int64
	Captured     int64
	Refunded     int64
	CheckedAt    time.Time
	CreatedAt    time.Time
}

// The states of a payment. The last three are final.
const (
	paymentOpen       = "open"
	paymentProcessing = "processing"
	paymentSucceeded  = "succeeded"
	paymentCancelled  = "cancelled"
	paymentReview     = "review"
)

func (p Payment) settled() bool { return p.Status == paymentSucceeded || p.Status == paymentReview }

// Entry is a line of an order's history.
type Entry struct {
	ID      uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID uuid.UUID
	At      time.Time
	Status  Status
	Note    string
}

// TableName is where the history lives.
func (Entry) TableName() string { return "order_history" }

// RefundStatus is where a refund stands.
type RefundStatus string

// The states of a refund, drawn in docs/order-states.md.
const (
	refundPending    RefundStatus = "pending"    // asked for
	refundProcessing RefundStatus = "processing" // the provider has taken it on
	refundSucceeded  RefundStatus = "succeeded"
	refundFailed     RefundStatus = "failed" // the money is still, or again, with us
)

// refundSteps is every step a refund can take. Banks send back even what had succeeded.
var refundSteps = map[RefundStatus][]RefundStatus{
	refundPending:    {refundProcessing, refundSucceeded, refundFailed},
	refundProcessing: {refundSucceeded, refundFailed},
	refundSucceeded:  {refundFailed},
	refundFailed:     {},
}

func (s RefundStatus) may(to RefundStatus) bool { return slices.Contains(refundSteps[s], to) }

// Refund is money on its way back, or there.
type Refund struct {
	ID               uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID          uuid.UUID
	PaymentID        uuid.UUID
	Cause            string
	Amount           int64
	Currency         string
	Reason           string
	Status           RefundStatus
	ProviderRefundID *string
	Failure          string
	CreatedBy        *uuid.UUID
	CheckedAt        time.Time
	CreatedAt        time.Time
	SettledAt        *time.Time
}

// surplus reports whether the whole of a payment goes back that the order does not need.
func (r Refund) surplus() bool { return strings.HasPrefix(r.Cause, surplusCause) }

const surplusCause = "payment "

// Portion is a quantity of an order's line.
type Portion struct {
	ItemID   uuid.UUID `json:"item_id"`
	Quantity int64     `json:"quantity" minimum:"1" maximum:"999"`
}

func (o *Order) money(amount int64) money.Money { return money.Of(amount, o.Currency) }

func (o *Order) moved() orders.Moved {
	return orders.Moved{OrderID: o.ID, UserID: o.UserID, Number: o.Number}
}

// lines are the pieces that the order still has.
func (o *Order) lines() []products.Line {
	lines := make([]products.Line, 0, len(o.Items))
	for _, item := range o.Items {
		if n := item.Quantity - item.Withdrawn - item.Restocked; n > 0 {
			lines = append(lines, products.Line{VariantID: item.VariantID, Quantity: n})
		}
	}
	return lines
}

// cartRows are the lines as a cart has them.
func (o *Order) cartRows() []cart.Row {
	rows := make([]cart.Row, len(o.Items))
	for i, item := range o.Items {
		rows[i] = cart.Row{
			VariantID: item.VariantID, ProductID: item.ProductID, ProductName: item.Name, Quantity: item.Quantity,
			PriceAmount: item.UnitPrice, PriceCurrency: o.Currency,
		}
	}
	return rows
}

func (o *Order) item(id uuid.UUID) *Item {
	for i := range o.Items {
		if o.Items[i].ID == id {
			return &o.Items[i]
		}
	}
	return nil
}

func (o *Order) anythingShipped() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.Shipped > 0 })
}

func (o *Order) anythingToShip() bool {
	return slices.ContainsFunc(o.Items, func(i Item) bool { return i.toShip() > 0 })
}

// numberLetters are the digits and capitals that are not mistaken for one another: 32, so that a byte maps evenly.
const numberLetters = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// newNumber makes an order number for people: random, so that it tells nobody how many orders there are.
func newNumber() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // crypto/rand never fails
	for i, b := range random {
		random[i] = numberLetters[b%32]
	}
	return "AT-" + string(random[:4]) + "-" + string(random[4:])
}

// noSuchLine points at the line of a request that is not of the order.
func noSuchLine(i int) error {
	return errLine.At("/body/lines/"+strconv.Itoa(i)+"/item_id", "is not of this order")
}
