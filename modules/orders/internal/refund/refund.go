// Package refund gives money back: sets it aside, sends it through the provider, and notes what came of it.
package refund

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/payment"
)

var (
	errShape = fault.Invalid("orders.refund_shape", "Give lines or an amount, not both.",
		fault.Field{Pointer: "/body/amount", Detail: "must be absent where lines are given"})
	errCurrency = fault.Invalid("orders.refund_currency", "The order was paid in another currency.",
		fault.Field{Pointer: "/body/amount/currency", Detail: "must be the order's"})
	errAmount = fault.Invalid("orders.refund_amount", "This amount cannot be refunded.",
		fault.Field{Pointer: "/body/amount/amount", Detail: "must be above 0"})
)

// Status is where a refund stands.
type Status string

// The states of a refund, drawn in docs/order-states.md.
const (
	Pending    Status = "pending"    // asked for
	Processing Status = "processing" // the provider has taken it on
	Succeeded  Status = "succeeded"
	Failed     Status = "failed" // the money is still, or again, with us
)

// transitions is every step a refund can take. Banks send back even what had succeeded.
var transitions = map[Status][]Status{
	Pending:    {Processing, Succeeded, Failed},
	Processing: {Succeeded, Failed},
	Succeeded:  {Failed},
	Failed:     {},
}

func (s Status) may(to Status) bool { return slices.Contains(transitions[s], to) }

// statusOf is the status that the provider's means.
var statusOf = map[payment.RefundStatus]Status{
	payment.RefundPending: Processing, payment.RefundSucceeded: Succeeded, payment.RefundFailed: Failed,
}

// Refund is money on its way back, or there. Amount is minor units of Currency.
type Refund struct {
	ID               uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID          uuid.UUID
	PaymentID        uuid.UUID
	Cause            string // unique: what is refunded once has a cause of its own
	Amount           int64
	Currency         string
	Reason           string
	Status           Status
	ProviderRefundID *string
	Failure          string
	CreatedBy        *uuid.UUID
	Waits            bool // until the bank has decided a dispute; then it is not at the provider
	Renewed          int  // how often it was asked for anew, after the provider had refused it for good
	CheckedAt        time.Time
	CreatedAt        time.Time
	SettledAt        *time.Time
}

// remainderCause begins the cause of refunds of all that is left of a payment.
const remainderCause = "payment "

// remainder reports whether the whole of a payment goes back that the order does not need.
func (r Refund) remainder() bool { return strings.HasPrefix(r.Cause, remainderCause) }

// key is the idempotency key that the refund is asked for with: a provider repeats what it once answered to a key.
func (r Refund) key() string {
	if r.Renewed == 0 {
		return r.ID.String()
	}
	return r.ID.String() + "-" + strconv.Itoa(r.Renewed)
}

// Agrees reports whether our books have a refund as the provider has it.
func (r Refund) Agrees(found payment.Refund) bool {
	return r.Status == statusOf[found.Status] && r.Amount == found.Amount.Amount && r.Currency == found.Amount.Currency
}

// Request is what an admin asks to refund: some lines, or an amount, or (neither) all that is left. Pieces that were not shipped
// come first and go on the shelf again; where Restock is given the pieces are shipped ones, which do so if it is true.
type Request struct {
	Lines   []order.ItemQuantity
	Amount  *money.Money
	Restock *bool
	Reason  string
	By      uuid.UUID
}
