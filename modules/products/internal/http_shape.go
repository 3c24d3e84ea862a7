package internal

import (
	"time"

	"github.com/google/uuid"

	"atrium/platform/money"
	"atrium/platform/page"
	"atrium/platform/photo"
)

type productResponse struct {
	ID          uuid.UUID         `json:"id"`
	Slug        string            `json:"slug" example:"arc-floor-lamp"`
	Name        string            `json:"name" example:"Arc floor lamp"`
	Brand       string            `json:"brand" example:"Nordlys"`
	Description string            `json:"description"`
	Category    string            `json:"category" example:"lighting"`
	Tags        []string          `json:"tags"`
	Materials   []string          `json:"materials" example:"[\"oak\"]"`
	Dimensions  *Dimensions       `json:"dimensions" doc:"null where unknown"`
	WeightG     *int              `json:"weight_g" doc:"grams; null where unknown"`
	Photos      []photo.Photo     `json:"photos"`
	Variants    []variantResponse `json:"variants"`
	Rating      *ratingResponse   `json:"rating" doc:"null while nobody has rated it"`
	Version     int64             `json:"version"`
}

type ratingResponse struct {
	Average float64 `json:"average" example:"4.5"`
	Count   int64   `json:"count"`
}

type variantResponse struct {
	ID        uuid.UUID         `json:"id"`
	SKU       string            `json:"sku" example:"ARC-BRASS"`
	Name      string            `json:"name" example:"Brass"`
	Options   map[string]string `json:"options"`
	Price     money.Money       `json:"price"`
	CompareAt *money.Money      `json:"compare_at_price"`
	Sale      *saleResponse     `json:"sale" doc:"null unless price is that of a sale; editors also see one that is still to come"`
	Lowest    *money.Money      `json:"lowest_price_30d" doc:"the lowest price of the 30 days before the present one; null where that is the first"`
	Available int64             `json:"available" doc:"pieces that can be bought now"`
	Version   int64             `json:"version"`
}

type levelResponse struct {
	OnHand    int64 `json:"on_hand"`
	Reserved  int64 `json:"reserved"`
	Available int64 `json:"available"`
}

type listResponse struct {
	page.List[productResponse]
	Facets facetsResponse `json:"facets"`
}

// facetsResponse counts what all filters together let through.
type facetsResponse struct {
	Total       int64         `json:"total" doc:"how many match"`
	Categories  []facetBucket `json:"categories"`
	Brands      []facetBucket `json:"brands"`
	Colors      []facetBucket `json:"colors"`
	Materials   []facetBucket `json:"materials"`
	Price       *facetRange   `json:"price" doc:"null where nothing has a price"`
	InStock     int64         `json:"in_stock"`
	Approximate bool          `json:"approximate" doc:"more match than are counted: counts are lower bounds"`
}

type facetBucket struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

type facetRange struct {
	Min int64 `json:"min" doc:"minor units"`
	Max int64 `json:"max" doc:"minor units"`
}

type categoryResponse struct {
	Slug       string  `json:"slug" example:"lighting"`
	ParentSlug *string `json:"parent" doc:"slug of the category above; null at the top"`
	Name       string  `json:"name" example:"Lighting"`
	Position   int     `json:"position" doc:"among its neighbours" example:"1"`
	Version    int64   `json:"version" example:"1"`
}

func toCategory(c Category) categoryResponse { return categoryResponse(c) }

type suggestionResponse struct {
	Type string  `json:"type" enum:"category,brand,product"`
	Text string  `json:"text"`
	Slug *string `json:"slug" doc:"null for a brand"`
}

func toProduct(p *Product, photos map[uuid.UUID]photo.Photo) productResponse {
	body := productResponse{
		ID: p.ID, Slug: p.Slug, Name: p.Name, Brand: p.Brand, Description: p.Description, Category: p.CategorySlug,
		Tags: p.Tags, Materials: p.Materials, Dimensions: p.dimensions(), WeightG: p.WeightG, Version: p.Version,
		Photos: make([]photo.Photo, 0, len(p.Photos)), Variants: make([]variantResponse, 0, len(p.Variants)),
	}
	if p.Rating != nil {
		body.Rating = &ratingResponse{Average: float64(p.Rating.Sum) / float64(p.Rating.Count), Count: p.Rating.Count}
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

// briefly is how lists show a product: without palettes.
func briefly(p *Product, photos map[uuid.UUID]photo.Photo) productResponse {
	item := toProduct(p, photos)
	for i := range item.Photos {
		item.Photos[i] = item.Photos[i].Brief()
	}
	return item
}

type saleResponse struct {
	Price    money.Money `json:"price"`
	StartsAt *time.Time  `json:"starts_at" doc:"null: it has begun"`
	EndsAt   *time.Time  `json:"ends_at" doc:"null: until further notice"`
}

// toVariant shows a variant to everybody.
func toVariant(v Variant) variantResponse {
	body := toOwnVariant(v)
	if v.SaleAmount == nil || v.Asked != *v.SaleAmount {
		body.Sale = nil
	}
	return body
}

// toOwnVariant shows a variant to its editor.
func toOwnVariant(v Variant) variantResponse {
	body := variantResponse{
		ID: v.ID, SKU: v.SKU, Name: v.Name, Options: v.Options, Price: v.Price(), CompareAt: v.CompareAt(),
		Lowest: v.amount(v.LowestBefore), Available: v.Available(), Version: v.Version,
	}
	if sale := v.Sale(); sale != nil {
		body.Sale = &saleResponse{sale.Price, sale.From, sale.Until}
	}
	return body
}

func toFacets(buckets []Bucket) facetsResponse {
	facets := facetsResponse{Categories: []facetBucket{}, Brands: []facetBucket{}, Colors: []facetBucket{}, Materials: []facetBucket{}}
	for _, b := range buckets {
		one := facetBucket{b.Value, b.Count}
		switch b.Kind {
		case "category":
			facets.Categories = append(facets.Categories, one)
		case "brand":
			facets.Brands = append(facets.Brands, one)
		case "color":
			facets.Colors = append(facets.Colors, one)
		case "material":
			facets.Materials = append(facets.Materials, one)
		case "in_stock":
			facets.InStock = b.Count
		case "price":
			facets.Total = b.Count
			if b.Low != nil && b.High != nil {
				facets.Price = &facetRange{*b.Low, *b.High}
			}
		}
	}
	facets.Approximate = facets.Total > maxCounted
	return facets
}
