// Package product is what a product and its variants are: the rows, their rules, and how the rest of the module reads and locks them.
package product

import (
	"time"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/fault"
	"atrium/platform/money"
)

var (
	// ErrVariantNotFound: no such variant, or one of a product that the editor may not change.
	ErrVariantNotFound = fault.NotFound("products.variant_not_found", "There is no such variant.")
	// ErrSlugTaken: another product has the slug, or had it before.
	ErrSlugTaken = fault.Conflict("products.slug_taken", "Another product has this slug.")
	// ErrSKUTaken: another variant has the SKU.
	ErrSKUTaken = fault.Conflict("products.sku_taken", "Another variant has this SKU.")
	// ErrCompareAt: the price to show crossed out is not above the price, or in another currency.
	ErrCompareAt = fault.Invalid("products.compare_at_price", "The price to compare with does not fit.",
		fault.Field{Pointer: "/body/compare_at_price", Detail: "must be above price and in its currency"})
	errPrice = fault.Invalid("products.invalid_price", "This price cannot be asked.",
		fault.Field{Pointer: "/body/price/amount", Detail: "must be between 0 and 1000000000000"})
	errCurrency = fault.Invalid("products.invalid_currency", "There is no such currency.",
		fault.Field{Pointer: "/body/price/currency", Detail: "must be a code of ISO 4217"})
	// ErrSale: the price of a sale is not below the usual one, or in another currency.
	ErrSale = fault.Invalid("products.invalid_sale", "This is no sale.",
		fault.Field{Pointer: "/body/sale/price", Detail: "must be below price and in its currency"})
	errSaleWindow = fault.Invalid("products.invalid_sale", "This is no sale.",
		fault.Field{Pointer: "/body/sale/ends_at", Detail: "must be after starts_at"})
	// ErrInvalidSlug: not a slug, or one that would be taken for an id.
	ErrInvalidSlug = fault.Invalid("products.invalid_slug", "This slug cannot be used.",
		fault.Field{Pointer: "/body/slug", Detail: "must be lower case letters and digits in groups joined by hyphens, and no id"})
)

// The states of a product. A draft is seen by its seller and by admins only.
const (
	StatusDraft  = "draft"
	StatusActive = "active"
)

// Dimensions are outer measures in millimetres.
type Dimensions struct {
	WidthMM  *int `json:"width_mm" required:"false" minimum:"1" maximum:"100000" nullable:"true" example:"420"`
	DepthMM  *int `json:"depth_mm" required:"false" minimum:"1" maximum:"100000" nullable:"true" example:"420"`
	HeightMM *int `json:"height_mm" required:"false" minimum:"1" maximum:"100000" nullable:"true" example:"1550"`
}

// Product is a row of products with what belongs to it. Its price is the lowest of its variants.
type Product struct {
	ID            uuid.UUID `gorm:"type:uuid;primaryKey"`
	SellerID      uuid.UUID
	Slug          string
	Name          string
	Brand         string
	Description   string
	CategorySlug  string
	Status        string
	WidthMM       *int `gorm:"column:width_mm"`
	DepthMM       *int `gorm:"column:depth_mm"`
	HeightMM      *int `gorm:"column:height_mm"`
	WeightG       *int `gorm:"column:weight_g"`
	PriceAmount   *int64
	PriceCurrency *string
	Version       int64
	CreatedAt     time.Time
	UpdatedAt     time.Time
	DeletedAt     *time.Time

	Tags      []string    `gorm:"-"`
	Materials []string    `gorm:"-"`
	Photos    []uuid.UUID `gorm:"-"`
	Variants  []Variant   `gorm:"-"`
	Rating    *Rating     `gorm:"-"`
	Suspended bool        `gorm:"-"`                               // its seller is
	Parts     *parts      `gorm:"column:parts;serializer:json;->"` // how one query brings those above
}

// parts is the rows that belong to a product, as one query reads them.
type parts struct {
	Tags      []string    `json:"tags"`
	Materials []string    `json:"materials"`
	Photos    []uuid.UUID `json:"photos"`
	Variants  []Variant   `json:"variants"`
	Rating    *Rating     `json:"rating"`
	Suspended bool        `json:"suspended"`
}

// Rating is what those who bought a product think of it: how many, and the sum of their points.
type Rating struct {
	Count int64 `json:"count"`
	Sum   int64 `json:"sum"`
}

// unpack moves the parts to their fields; absent lists are empty ones.
func (p *Product) unpack() {
	p.Tags, p.Materials = append([]string{}, p.Parts.Tags...), append([]string{}, p.Parts.Materials...)
	p.Photos, p.Variants = append([]uuid.UUID{}, p.Parts.Photos...), append([]Variant{}, p.Parts.Variants...)
	p.Rating, p.Suspended = p.Parts.Rating, p.Parts.Suspended
	p.Parts = nil
}

// SetDimensions sets the outer measures; nil: unknown.
func (p *Product) SetDimensions(d *Dimensions) {
	if d == nil {
		d = &Dimensions{}
	}
	p.WidthMM, p.DepthMM, p.HeightMM = d.WidthMM, d.DepthMM, d.HeightMM
}

// Measures returns the outer measures, or nil where none is known.
func (p *Product) Measures() *Dimensions {
	if p.WidthMM == nil && p.DepthMM == nil && p.HeightMM == nil {
		return nil
	}
	return &Dimensions{p.WidthMM, p.DepthMM, p.HeightMM}
}

// OnSale reports whether everybody may see and buy the product: it is active, and its seller is not suspended.
func (p *Product) OnSale() bool { return p.Status == StatusActive && !p.Suspended }

// VisibleTo reports whether the editor may see the product: everybody sees what is on sale, the rest only those who may edit it.
func (p *Product) VisibleTo(e Editor) bool { return p.OnSale() || e.MayEdit(p) }

// Price is the lowest price of the variants; nil without any.
func (p *Product) Price() *money.Money {
	if p.PriceAmount == nil || p.PriceCurrency == nil {
		return nil
	}
	m := money.Of(*p.PriceAmount, *p.PriceCurrency)
	return &m
}

// Ref is the product in short, without its photo.
func (p *Product) Ref() products.Ref {
	return products.Ref{ID: p.ID, Slug: p.Slug, Name: p.Name, Price: p.Price()}
}

// Editor is a person who changes the catalogue: an admin any product, a seller their own.
type Editor struct {
	ID    uuid.UUID
	Admin bool
}

// MayEdit reports whether the editor may change the product.
func (e Editor) MayEdit(p *Product) bool { return e.Admin || e.ID == p.SellerID }
