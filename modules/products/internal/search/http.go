package search

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/render"
	"atrium/modules/products/internal/terms"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves searches.
type HTTP struct {
	service  *Service
	renderer *render.Renderer
	cursors  *page.Signer
}

// NewHTTP needs the signer that seals cursors.
func NewHTTP(service *Service, renderer *render.Renderer, cursors *page.Signer) *HTTP {
	return &HTTP{service: service, renderer: renderer, cursors: cursors}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/products", Name: "list-products", Access: httpserver.Open,
		Summary: "Finds products, with facets"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/search/suggest", Name: "suggest-searches", Access: httpserver.Open,
		Summary: "Suggests how to go on with a half-typed search"}, h.suggest)
}

// listRequest is what GET /products takes.
type listRequest struct {
	page.Query
	Q         string `query:"q" maxLength:"200" example:"oak chair" doc:"words to find, literally; slips of the finger are forgiven"`
	Category  string `query:"category" maxLength:"60" example:"lighting" doc:"slug; its branches are included"`
	Brand     string `query:"brand" maxLength:"120" example:"Nordlys"`
	Color     string `query:"color" maxLength:"60" example:"brass" doc:"the option color of a variant"`
	Material  string `query:"material" maxLength:"60" example:"oak"`
	Currency  string `query:"currency" pattern:"^[A-Z]{3}$" example:"EUR" doc:"only what is offered in it; absent: prices are compared in the viewer's, else in the shop's own"`
	MinPrice  string `query:"min_price" pattern:"^[0-9]{1,18}$" example:"5000" doc:"minor units; the lowest price asked for the product now counts"`
	MaxPrice  string `query:"max_price" pattern:"^[0-9]{1,18}$" example:"150000" doc:"minor units"`
	MaxWidth  string `query:"max_width_mm" pattern:"^[0-9]{1,9}$" example:"1200" doc:"what has no such measure is not found"`
	MaxDepth  string `query:"max_depth_mm" pattern:"^[0-9]{1,9}$" example:"600"`
	MaxHeight string `query:"max_height_mm" pattern:"^[0-9]{1,9}$" example:"2000"`
	InStock   bool   `query:"in_stock" doc:"true: only what can be bought now"`
	Sort      string `query:"sort" enum:"relevance,newest,price_asc,price_desc" doc:"default: relevance with q, else newest. By relevance a list ends after 5,000 products"`
}

func (in *listRequest) filter() Filter {
	f := Filter{
		Brand: strings.TrimSpace(in.Brand), Color: strings.TrimSpace(in.Color), Material: strings.TrimSpace(in.Material),
		Currency: in.Currency, Exact: in.Currency != "", MinPrice: amount(in.MinPrice), MaxPrice: amount(in.MaxPrice),
		MaxWidth: amount(in.MaxWidth), MaxDepth: amount(in.MaxDepth), MaxHeight: amount(in.MaxHeight), InStock: in.InStock, Sort: in.Sort,
	}
	if f.Sort == "" {
		f.Sort = sortNewest
		if in.Q != "" {
			f.Sort = sortRelevance
		}
	}
	return f
}

func (in *listRequest) scope(viewer uuid.UUID, f Filter) string {
	return page.Scope("products", viewer, in.Q, in.Category, terms.Key(f.Brand), f.Color, f.Material, f.Currency, strconv.FormatBool(f.Exact), in.MinPrice, in.MaxPrice,
		in.MaxWidth, in.MaxDepth, in.MaxHeight, strconv.FormatBool(f.InStock), f.Sort)
}

// amount reads digits that the pattern has checked; none is nil.
func amount(digits string) *int64 {
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return nil
	}
	return &n
}

func (h *HTTP) list(ctx context.Context, in *listRequest) (*httpserver.Answer[listResponse], error) {
	filter, viewer := in.filter(), identity.From(ctx).UserID
	if !filter.Exact {
		var err error
		if filter.Currency, err = h.service.Currency(ctx, viewer); err != nil {
			return nil, err
		}
	}
	scope := in.scope(viewer, filter)
	var after Position
	found, err := h.cursors.OpenCursor(scope, in.Cursor, &after)
	if err != nil {
		return nil, err
	}
	var position *Position
	if found {
		position = &after
	}
	result, err := h.service.Search(ctx, Request{Typed: in.Q, Category: in.Category, Filter: filter, After: position, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	cut := page.Cut(h.cursors, scope, in.Limit, result.Positions, func(at Position) uuid.UUID { return at.ID }, func(at Position) any { return at })
	rows := make([]*product.Product, 0, len(cut.Items))
	for _, id := range cut.Items {
		if p := result.Products[id]; p != nil { // not deleted or hidden meanwhile
			rows = append(rows, p)
		}
	}
	items, err := h.renderer.Brief(ctx, rows...)
	if err != nil {
		return nil, err
	}
	list := page.List[render.Product]{Items: items, NextCursor: cut.NextCursor}
	return httpserver.OK(listResponse{List: list, Currency: filter.Currency, Facets: toFacets(result.Facets)}), nil
}

func (h *HTTP) suggest(ctx context.Context, in *struct {
	page.Query
	Q string `query:"q" required:"true" maxLength:"200" example:"lam" doc:"what was typed so far, literally"`
}) (*httpserver.Answer[page.List[suggestionResponse]], error) {
	rows, err := h.service.Suggest(ctx, in.Q)
	if err != nil {
		return nil, err
	}
	items := make([]suggestionResponse, len(rows))
	for i, s := range rows {
		items[i] = suggestionResponse{Type: s.Kind, Text: s.Text}
		if s.Slug != "" {
			items[i].Slug = &s.Slug
		}
	}
	list, err := page.Whole(in.Query, items)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
}

type listResponse struct {
	page.List[render.Product]
	Currency string         `json:"currency" example:"EUR" doc:"prices are compared in it"`
	Facets   facetsResponse `json:"facets"`
}

// SchemaName is its name in the OpenAPI document.
func (listResponse) SchemaName() string { return "ProductList" }

// facetsResponse counts what all filters together let through.
type facetsResponse struct {
	Total       int64         `json:"total" doc:"how many match"`
	Categories  []facetBucket `json:"categories"`
	Brands      []facetBucket `json:"brands"`
	Colors      []facetBucket `json:"colors"`
	Materials   []facetBucket `json:"materials"`
	Currencies  []facetBucket `json:"currencies"`
	Price       *facetRange   `json:"price" doc:"in currency; null where nothing has a price in it"`
	InStock     int64         `json:"in_stock"`
	Approximate bool          `json:"approximate" doc:"more match than are counted: counts are lower bounds"`
}

// SchemaName is its name in the OpenAPI document.
func (facetsResponse) SchemaName() string { return "ProductFacets" }

type facetBucket struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// SchemaName is its name in the OpenAPI document.
func (facetBucket) SchemaName() string { return "ProductFacet" }

type facetRange struct {
	Min int64 `json:"min" doc:"minor units"`
	Max int64 `json:"max" doc:"minor units"`
}

// SchemaName is its name in the OpenAPI document.
func (facetRange) SchemaName() string { return "PriceRange" }

func toFacets(buckets []Bucket) facetsResponse {
	facets := facetsResponse{Categories: []facetBucket{}, Brands: []facetBucket{}, Colors: []facetBucket{}, Materials: []facetBucket{}, Currencies: []facetBucket{}}
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
		case "currency":
			facets.Currencies = append(facets.Currencies, one)
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

type suggestionResponse struct {
	Type string  `json:"type" enum:"category,brand,product"`
	Text string  `json:"text"`
	Slug *string `json:"slug" doc:"null for a brand"`
}

// SchemaName is its name in the OpenAPI document.
func (suggestionResponse) SchemaName() string { return "SearchSuggestion" }
