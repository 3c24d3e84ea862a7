package bulk

import (
	"time"

	"atrium/modules/products/internal/product"
	"atrium/platform/httpserver"
)

// Row is one line of a list that is imported. What is absent stays as it is; null takes a value away.
type Row struct {
	SKU         string                         `json:"sku" minLength:"1" maxLength:"256"`
	Product     string                         `json:"product,omitempty" maxLength:"120" doc:"slug"`
	Name        *string                        `json:"name,omitempty" minLength:"1" maxLength:"8000"`
	Brand       *string                        `json:"brand,omitempty" maxLength:"4800"`
	Description *string                        `json:"description,omitempty" maxLength:"400000"`
	Category    *string                        `json:"category,omitempty" minLength:"1" maxLength:"60"`
	Tags        *[]string                      `json:"tags,omitempty" maxItems:"30"`
	Materials   *[]string                      `json:"materials,omitempty" maxItems:"30"`
	WidthMM     httpserver.Nullable[int]       `json:"width_mm,omitempty" minimum:"1" maximum:"100000"`
	DepthMM     httpserver.Nullable[int]       `json:"depth_mm,omitempty" minimum:"1" maximum:"100000"`
	HeightMM    httpserver.Nullable[int]       `json:"height_mm,omitempty" minimum:"1" maximum:"100000"`
	WeightG     httpserver.Nullable[int]       `json:"weight_g,omitempty" minimum:"1" maximum:"100000000"`
	Status      *string                        `json:"status,omitempty" enum:"draft,active"`
	Variant     *string                        `json:"variant_name,omitempty" maxLength:"8000"`
	Options     *map[string]string             `json:"options,omitempty"`
	Amount      *int64                         `json:"price_amount,omitempty" minimum:"0" maximum:"1000000000000"`
	Currency    *string                        `json:"price_currency,omitempty" pattern:"^[A-Z]{3}$"`
	CompareAt   httpserver.Nullable[int64]     `json:"compare_at_amount,omitempty" minimum:"0" maximum:"1000000000000"`
	SaleAmount  httpserver.Nullable[int64]     `json:"sale_amount,omitempty" minimum:"0" maximum:"1000000000000"`
	SaleStarts  httpserver.Nullable[time.Time] `json:"sale_starts_at,omitempty"`
	SaleEnds    httpserver.Nullable[time.Time] `json:"sale_ends_at,omitempty"`
	OnHand      *int64                         `json:"on_hand,omitempty" minimum:"0" maximum:"1000000000"`
}

// item is the row as PutAll takes it.
func (r Row) item() Item {
	return Item{
		SKU: r.SKU, Product: r.Product, Name: r.Variant, Options: r.Options, Amount: r.Amount, Currency: r.Currency,
		CompareAt: r.CompareAt.Change(), SaleAmount: r.SaleAmount.Change(), SaleFrom: r.SaleStarts.Change(), SaleUntil: r.SaleEnds.Change(),
		OnHand: r.OnHand, Width: r.WidthMM.Change(), Depth: r.DepthMM.Change(), Height: r.HeightMM.Change(),
		Change: product.Change{
			Name: r.Name, Brand: r.Brand, Description: r.Description, Category: r.Category, Status: r.Status, Tags: r.Tags, Materials: r.Materials,
			WeightG: r.WeightG.Change(),
		},
	}
}
