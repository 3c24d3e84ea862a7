// Package render is products and variants as the API shows them.
package render

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/modules/uploads"
	"atrium/platform/money"
	"atrium/platform/photo"
)

// Renderer shows products with their photos. Safe for concurrent use.
type Renderer struct{ library uploads.Library }

// NewRenderer needs the library that photos are in.
func NewRenderer(library uploads.Library) *Renderer { return &Renderer{library: library} }

// Full returns products as they are shown alone, in the same order.
func (r *Renderer) Full(ctx context.Context, rows ...*product.Product) ([]Product, error) {
	return r.render(ctx, rows, toProduct)
}

// Brief returns products as lists show them, without the palettes of photos, in the same order.
func (r *Renderer) Brief(ctx context.Context, rows ...*product.Product) ([]Product, error) {
	return r.render(ctx, rows, toBrief)
}

func (r *Renderer) render(ctx context.Context, rows []*product.Product, show func(*product.Product, map[uuid.UUID]photo.Photo) Product) ([]Product, error) {
	var ids []uuid.UUID
	for _, p := range rows {
		ids = append(ids, p.Photos...)
	}
	photos := map[uuid.UUID]photo.Photo{}
	if len(ids) > 0 {
		var err error
		if photos, err = r.library.Photos(ctx, ids); err != nil {
			return nil, err
		}
	}
	shown := make([]Product, len(rows))
	for i, p := range rows {
		shown[i] = show(p, photos)
	}
	return shown, nil
}

// Product is a product with its variants.
type Product struct {
	ID          uuid.UUID           `json:"id"`
	Slug        string              `json:"slug" example:"arc-floor-lamp"`
	Name        string              `json:"name" example:"Arc floor lamp"`
	Brand       string              `json:"brand" example:"Nordlys"`
	Description string              `json:"description"`
	Category    string              `json:"category" example:"lighting"`
	Tags        []string            `json:"tags"`
	Materials   []string            `json:"materials" example:"[\"oak\"]"`
	Dimensions  *product.Dimensions `json:"dimensions" doc:"null where unknown"`
	WeightG     *int                `json:"weight_g" doc:"grams; null where unknown"`
	Photos      []photo.Photo       `json:"photos"`
	Variants    []Variant           `json:"variants"`
	Rating      *Rating             `json:"rating" doc:"null while nobody has rated it"`
	Version     int64               `json:"version"`
}

// SchemaName is its name in the OpenAPI document.
func (Product) SchemaName() string { return "Product" }

// Rating is what buyers think of a product.
type Rating struct {
	Average float64 `json:"average" example:"4.5"`
	Count   int64   `json:"count"`
}

// SchemaName is its name in the OpenAPI document.
func (Rating) SchemaName() string { return "Rating" }

// Variant is a variant with its price and stock of the moment.
type Variant struct {
	ID        uuid.UUID         `json:"id"`
	SKU       string            `json:"sku" example:"ARC-BRASS"`
	Name      string            `json:"name" example:"Brass"`
	Options   map[string]string `json:"options"`
	Price     money.Money       `json:"price"`
	CompareAt *money.Money      `json:"compare_at_price"`
	Sale      *Sale             `json:"sale" doc:"null unless price is that of a sale; editors also see one that is still to come"`
	Lowest    *money.Money      `json:"lowest_price_30d" doc:"the lowest price of the 30 days before the present one; null where that is the first"`
	Available int64             `json:"available" doc:"pieces that can be bought now"`
	Version   int64             `json:"version"`
}

// SchemaName is its name in the OpenAPI document.
func (Variant) SchemaName() string { return "ProductVariant" }

// Sale is a lower price for a while.
type Sale struct {
	Price    money.Money `json:"price"`
	StartsAt *time.Time  `json:"starts_at" doc:"null: it has begun"`
	EndsAt   *time.Time  `json:"ends_at" doc:"null: until further notice"`
}

// SchemaName is its name in the OpenAPI document.
func (Sale) SchemaName() string { return "Sale" }

func toProduct(p *product.Product, photos map[uuid.UUID]photo.Photo) Product {
	body := Product{
		ID: p.ID, Slug: p.Slug, Name: p.Name, Brand: p.Brand, Description: p.Description, Category: p.CategorySlug,
		Tags: p.Tags, Materials: p.Materials, Dimensions: p.Measures(), WeightG: p.WeightG, Version: p.Version,
		Photos: make([]photo.Photo, 0, len(p.Photos)), Variants: make([]Variant, 0, len(p.Variants)),
	}
	if p.Rating != nil {
		body.Rating = &Rating{Average: float64(p.Rating.Sum) / float64(p.Rating.Count), Count: p.Rating.Count}
	}
	for _, id := range p.Photos {
		if shown, ok := photos[id]; ok {
			body.Photos = append(body.Photos, shown)
		}
	}
	for _, v := range p.Variants {
		body.Variants = append(body.Variants, toVariant(v))
	}
	return body
}

// toBrief is how lists show a product: without palettes.
func toBrief(p *product.Product, photos map[uuid.UUID]photo.Photo) Product {
	item := toProduct(p, photos)
	for i := range item.Photos {
		item.Photos[i] = item.Photos[i].Brief()
	}
	return item
}

// toVariant shows a variant to everybody.
func toVariant(v product.Variant) Variant {
	body := ToOwnVariant(v)
	if v.SaleAmount == nil || v.Asked != *v.SaleAmount {
		body.Sale = nil
	}
	return body
}

// ToOwnVariant shows a variant to its editor.
func ToOwnVariant(v product.Variant) Variant {
	body := Variant{
		ID: v.ID, SKU: v.SKU, Name: v.Name, Options: v.Options, Price: v.Price(), CompareAt: v.CompareAt(),
		Lowest: v.Lowest(), Available: v.Available(), Version: v.Version,
	}
	if sale := v.Sale(); sale != nil {
		body.Sale = &Sale{sale.Price, sale.From, sale.Until}
	}
	return body
}
