package order

import "github.com/google/uuid"

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
	Returned  int64 `gorm:"->"` // of Shipped: pieces that were received of returns
	Restocked int64 // of Shipped: pieces that came back and are on the shelf again
}

// TableName is where items live.
func (Item) TableName() string { return "order_items" }

// ToShip is how many pieces still have to go out.
func (i Item) ToShip() int64 { return i.Quantity - i.Shipped - i.Withdrawn }

// WithCustomer is how many shipped pieces are not refunded.
func (i Item) WithCustomer() int64 { return i.Shipped - (i.Refunded - i.Withdrawn) }

// Withdraw counts pieces that were not shipped as refunded: they never will be.
func (i *Item) Withdraw(quantity int64) {
	i.Refunded += quantity
	i.Withdrawn += quantity
}

// Restock counts up to quantity shipped pieces as back on the shelf, and returns how many of them are new there.
func (i *Item) Restock(quantity int64) int64 {
	quantity = min(quantity, i.Shipped-i.Restocked)
	i.Restocked += quantity
	return quantity
}

// RefundAmount is what is refunded for quantity further pieces: the line's price net of its discount, shared so that all pieces
// together give exactly the whole, however they are split up.
func (i Item) RefundAmount(quantity int64) int64 {
	net := i.LineTotal - i.Discount
	return net*(i.Refunded+quantity)/i.Quantity - net*i.Refunded/i.Quantity
}

// ItemQuantity is a number of pieces of an order's line.
type ItemQuantity struct {
	ItemID   uuid.UUID `json:"item_id"`
	Quantity int64     `json:"quantity" minimum:"1" maximum:"999"`
}

// SchemaName is its name in the OpenAPI document.
func (ItemQuantity) SchemaName() string { return "OrderItemQuantity" }
