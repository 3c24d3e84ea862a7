package products

import (
	"github.com/google/uuid"

	"atrium/platform/money"
)

// Changed: a product's name, price, photo, stock status or visibility is another now.
type Changed struct {
	ProductID uuid.UUID `json:"product_id"`
}

// EventName is the event's name on the wire.
func (Changed) EventName() string { return "products.changed.v1" }

// Repriced: the lowest price that a product is offered at is another now, since somebody changed it or a sale began or ended.
type Repriced struct {
	ProductID uuid.UUID   `json:"product_id"`
	Was       money.Money `json:"was"`
	Now       money.Money `json:"now"`
}

// EventName is the event's name on the wire.
func (Repriced) EventName() string { return "products.repriced.v1" }

// Dropped reports whether it is cheaper now.
func (e Repriced) Dropped() bool {
	return e.Was.Currency == e.Now.Currency && e.Now.Amount < e.Was.Amount
}

// BackInStock: a product on sale that was sold out can be bought again.
type BackInStock struct {
	ProductID uuid.UUID `json:"product_id"`
}

// EventName is the event's name on the wire.
func (BackInStock) EventName() string { return "products.back_in_stock.v1" }
