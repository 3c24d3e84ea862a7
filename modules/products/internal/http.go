package internal

import (
	"context"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP is the module's routes.
type HTTP struct {
	service *Service
	store   *Store
	cursors *page.Signer
}

// NewHTTP makes an HTTP.
func NewHTTP(service *Service, store *Store, cursors *page.Signer) *HTTP {
	return &HTTP{service: service, store: store, cursors: cursors}
}

// Register puts the routes in place.
func (h *HTTP) Register(r *httpserver.Router) {
	open := func(path, name, summary string) httpserver.Route {
		return httpserver.Route{Method: http.MethodGet, Path: path, Name: name, Summary: summary, Access: httpserver.Open}
	}
	httpserver.Handle(r, open("/products", "list-products", "Find products, with facets"), h.list)
	httpserver.Handle(r, open("/products/{product}", "read-product", "Read a product by id or slug; an old slug redirects"), h.read)
	httpserver.Handle(r, open("/categories", "list-categories", "List the categories"), h.categories)
	httpserver.Handle(r, open("/search/suggest", "suggest-searches", "Suggest how to go on with a half-typed search"), h.suggest)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/me/recently-viewed", Name: "list-recently-viewed", Summary: "List the products that I looked at, latest first",
	}, h.recentlyViewed)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodDelete, Path: "/me/recently-viewed", Name: "clear-recently-viewed", Summary: "Forget what I looked at", Status: http.StatusNoContent,
	}, h.forgetViewed)
	h.registerEditing(r)
}

func (h *HTTP) list(ctx context.Context, in *listRequest) (*httpserver.Answer[listResponse], error) {
	filter := in.filter()
	scope := in.scope(identity.From(ctx).UserID, filter)
	var after Position
	found, err := h.cursors.Open(scope, in.Cursor, &after)
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
	photos, err := h.service.Photos(ctx, slices.Collect(maps.Values(result.Products)))
	if err != nil {
		return nil, err
	}
	cut := page.Cut(h.cursors, scope, in.Limit, result.Positions, func(at Position) uuid.UUID { return at.ID }, func(at Position) any { return at })
	list := page.List[productResponse]{Items: make([]productResponse, 0, len(cut.Items)), NextCursor: cut.NextCursor}
	for _, id := range cut.Items {
		if p := result.Products[id]; p != nil { // not taken off the shelf meanwhile
			list.Items = append(list.Items, briefly(p, photos))
		}
	}
	return httpserver.OK(listResponse{List: list, Facets: toFacets(result.Facets)}), nil
}

// redirectable is a product, or the way to it.
type redirectable struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     *productResponse
}

func (h *HTTP) read(ctx context.Context, in *struct {
	Product string `path:"product" maxLength:"200" doc:"id or slug" example:"arc-floor-lamp"`
}) (*redirectable, error) {
	p, moved, err := h.service.Read(ctx, editorOf(ctx), in.Product)
	if err != nil {
		return nil, err
	}
	if moved != "" {
		return &redirectable{Status: http.StatusPermanentRedirect, Location: "/v1/products/" + url.PathEscape(moved)}, nil
	}
	photos, err := h.service.Photos(ctx, []*Product{p})
	if err != nil {
		return nil, err
	}
	body := toProduct(p, photos)
	return &redirectable{Status: http.StatusOK, ETag: etag.Format(p.Version), Body: &body}, nil
}

func (h *HTTP) categories(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[categoryResponse]], error) {
	rows, err := h.service.Categories(ctx)
	if err != nil {
		return nil, err
	}
	items := make([]categoryResponse, len(rows))
	for i, c := range rows {
		items[i] = toCategory(c)
	}
	list, err := page.Whole(*in, items)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(list), nil
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

func (h *HTTP) recentlyViewed(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[products.Ref]], error) {
	user := identity.From(ctx).UserID
	scope := page.Scope("products.recently_viewed", user)
	var after View
	if _, err := h.cursors.Open(scope, in.Cursor, &after); err != nil {
		return nil, err
	}
	rows, err := h.store.RecentlyViewed(ctx, user, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ProductID
	}
	refs, err := h.service.Refs(ctx, ids)
	if err != nil {
		return nil, err
	}
	list := page.Cut(h.cursors, scope, in.Limit, rows, func(v View) products.Ref { return refs[v.ProductID] }, func(v View) any { return v })
	return httpserver.OK(list), nil
}

func (h *HTTP) forgetViewed(ctx context.Context, _ *struct{}) (*httpserver.Empty, error) {
	return nil, h.store.ForgetViewed(ctx, identity.From(ctx).UserID)
}

// listRequest is what GET /products takes.
type listRequest struct {
	page.Query
	Q         string `query:"q" maxLength:"200" example:"oak chair" doc:"words to find, literally; slips of the finger are forgiven"`
	Category  string `query:"category" maxLength:"60" example:"lighting" doc:"slug; its branches are included"`
	Brand     string `query:"brand" maxLength:"120" example:"Nordlys"`
	Color     string `query:"color" maxLength:"60" example:"brass" doc:"the option color of a variant"`
	Material  string `query:"material" maxLength:"60" example:"oak"`
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
		Brand: key(in.Brand), Color: strings.TrimSpace(in.Color), Material: strings.TrimSpace(in.Material),
		MinPrice: amount(in.MinPrice), MaxPrice: amount(in.MaxPrice),
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
	return page.Scope("products", viewer, in.Q, in.Category, f.Brand, f.Color, f.Material, in.MinPrice, in.MaxPrice,
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

func editorOf(ctx context.Context) Editor {
	p := identity.From(ctx)
	return Editor{ID: p.UserID, Admin: p.Has(identity.RoleAdmin)}
}
