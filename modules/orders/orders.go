// Package orders sells: cart, checkout, payment, orders and their fulfilment, without a lost or doubled cent.
package orders

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/money"
)

var (
	// ErrNotFound: no such order, or somebody else's.
	ErrNotFound = fault.NotFound("orders.not_found", "There is no such order.")
	// ErrCartChanged: the cart's lines are not those of cart_version.
	ErrCartChanged = fault.Conflict("orders.cart_changed", "The cart has changed. Look at it again.")
	// ErrPriceChanged: prices are not those of cart_version.
	ErrPriceChanged = fault.Conflict("orders.price_changed", "A price has changed. Look at the cart again.")
	// ErrWrongState: the order is not in a state that allows this.
	ErrWrongState = fault.Conflict("orders.wrong_state", "The order is not in a state that allows this.")
)

// Receipt is an order as its receipt shows it.
type Receipt struct {
	Number   string
	Lines    []ReceiptLine
	Subtotal money.Money
	Shipping money.Money
	Discount money.Money
	Tax      money.Money // contained in Total
	Total    money.Money
}

// ReceiptLine is one line of a receipt.
type ReceiptLine struct {
	Name     string
	SKU      string
	Quantity int64
	Total    money.Money
}

// Purchases says what people have bought.
type Purchases interface {
	// Bought returns the lines of a person's orders with the product of which pieces were shipped and not given back, oldest first.
	Bought(ctx context.Context, user, product uuid.UUID) ([]uuid.UUID, error)
	// Undone returns which of the lines came to nothing: the order was called off or wholly refunded, or every piece was given back.
	Undone(ctx context.Context, lines []uuid.UUID) ([]uuid.UUID, error)
}

// Reader looks orders up.
type Reader interface {
	// Receipt returns an order's receipt, or ErrNotFound.
	Receipt(ctx context.Context, order uuid.UUID) (Receipt, error)
	// Expired returns which of the orders nobody paid in time: not those that were paid late.
	Expired(ctx context.Context, orders []uuid.UUID) (map[uuid.UUID]bool, error)
}
