package products

import "github.com/google/uuid"

// Changed: a product's name, price, photo, stock status or visibility is another now.
type Changed struct {
	ProductID uuid.UUID `json:"product_id"`
}

// EventName is the event's name on the wire.
func (Changed) EventName() string { return "products.changed.v1" }
