// Package products is the catalogue: products with their variants, prices and stock, and the search over them.
package products

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/photo"
)

var (
	// ErrNotFound: no such product, or one that is not on sale.
	ErrNotFound = fault.NotFound("products.not_found", "There is no such product.")
	// ErrInsufficientStock: at least one line asks for more than there is; its detail shortages lists
	// {variant_id, requested, available}.
	ErrInsufficientStock = fault.Conflict("orders.insufficient_stock", "There is not enough in stock.")
	// ErrOff answers while the module is off.
	ErrOff = fault.Unavailable("products.off", "The shop is switched off.")
)

// Config is the products section of the configuration.
type Config struct {
	Currency string `koanf:"currency" validate:"required,len=3,uppercase"` // prices are compared in, where neither the request nor the viewer names one
	Viewed   int    `koanf:"recently_viewed" validate:"min=1,max=1000"`    // how many products that a person looked at are remembered
	Searches int64  `koanf:"searches_at_once" validate:"min=1,max=1000"`   // how many of this process may ask the database at a time; others wait
}

// Ref is a product in short, as pins, carts and orders show it: the API's ProductRef. Price is the lowest of its variants.
type Ref struct {
	ID    uuid.UUID    `json:"id"`
	Slug  string       `json:"slug"`
	Name  string       `json:"name"`
	Price *money.Money `json:"price"`
	Photo *photo.Photo `json:"photo"`
	Brand string       `json:"-"`
}

// SchemaName is its name in the OpenAPI document.
func (Ref) SchemaName() string { return "ProductRef" }

// Offer is a variant as the till sees it, now.
type Offer struct {
	VariantID uuid.UUID
	Product   Ref
	SKU       string
	Name      string // of the variant
	Price     money.Money
	Available int64 // on hand minus reserved; never negative
	OnSale    bool  // false: discontinued, draft or deleted
}

// Line is a quantity of a variant.
type Line struct {
	VariantID uuid.UUID
	Quantity  int64
}

// Catalogue looks products up.
type Catalogue interface {
	// Refs returns products in short; drafts and deleted ones are absent. Cached.
	Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]Ref, error)
	// Offers returns variants with the price and stock of this very moment; deleted ones are absent. Never cached.
	// In a transaction they come without photos, whose cache is not PostgreSQL's.
	Offers(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]Offer, error)
	// Variants returns the variants of products that are on sale, cheapest first, with price and stock of this moment.
	Variants(ctx context.Context, products []uuid.UUID) (map[uuid.UUID][]Offer, error)
	// Alternatives returns, for each of the products (deleted ones too), up to n others that can be bought now and come closest to it: of
	// the same category and currency, those around its price, the most alike by name first.
	Alternatives(ctx context.Context, products []uuid.UUID, n int) (map[uuid.UUID][]Ref, error)
	// Resolve finds a product that is on sale by id or slug (old slugs too), or returns ErrNotFound.
	Resolve(ctx context.Context, idOrSlug string) (uuid.UUID, error)
}

// Stock moves stock, in the transaction open in ctx. Every movement is written to a ledger whose sum is the level.
// reference is the order it belongs to; doing the same movement twice for one reference is the caller's to prevent.
type Stock interface {
	// Reserve sets stock aside: one conditional update per variant, in id order, with summed demand; ErrInsufficientStock if any is short.
	Reserve(ctx context.Context, reference uuid.UUID, lines []Line) error
	// Release gives reserved stock back.
	Release(ctx context.Context, reference uuid.UUID, lines []Line) error
	// Sell turns reserved stock into sold stock.
	Sell(ctx context.Context, reference uuid.UUID, lines []Line) error
	// Restock takes sold stock back.
	Restock(ctx context.Context, reference uuid.UUID, lines []Line) error
}
