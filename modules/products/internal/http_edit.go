package internal

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
)

var editors = []string{identity.RoleSeller, identity.RoleAdmin}

func (h *HTTP) registerEditing(r *httpserver.Router) {
	route := func(method, path, name, summary string, status int) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Status: status, Roles: editors}
	}
	httpserver.Handle(r, route(http.MethodPost, "/admin/products", "create-product", "Make a product", http.StatusCreated), h.create)
	httpserver.Handle(r, route(http.MethodPatch, "/admin/products/{id}", "edit-product", "Change a product", 0), h.edit)
	httpserver.Handle(r, route(http.MethodDelete, "/admin/products/{id}", "delete-product", "Take a product off the shelf for good", http.StatusNoContent), h.delete)
	httpserver.Handle(r, route(http.MethodPost, "/admin/products/{id}/variants", "create-variant", "Make a variant of a product", http.StatusCreated), h.addVariant)
	httpserver.Handle(r, route(http.MethodPatch, "/admin/variants/{id}", "edit-variant", "Change a variant", 0), h.editVariant)
	httpserver.Handle(r, route(http.MethodPost, "/admin/variants/{id}/stock", "adjust-stock", "Count pieces in or out of stock", http.StatusOK), h.adjustStock)
	h.registerCategories(r)
}

func (h *HTTP) create(ctx context.Context, in *struct{ Body productBody }) (*httpserver.Answer[productResponse], error) {
	p, err := h.service.Create(ctx, editorOf(ctx), in.Body.draft())
	if err != nil {
		return nil, err
	}
	answer, err := h.answer(ctx, p)
	if err != nil {
		return nil, err
	}
	answer.Location = "/v1/products/" + p.ID.String()
	return answer, nil
}

func (h *HTTP) edit(ctx context.Context, in *struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
	Body    productPatch
}) (*httpserver.Answer[productResponse], error) {
	id, err := httpserver.PathID(in.ID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := h.service.Edit(ctx, editorOf(ctx), id, match, in.Body.change())
	if err != nil {
		return nil, err
	}
	return h.answer(ctx, p)
}

func (h *HTTP) delete(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	return nil, h.service.Delete(ctx, editorOf(ctx), id)
}

func (h *HTTP) addVariant(ctx context.Context, in *struct {
	ID   string `path:"id"`
	Body variantBody
}) (*httpserver.Answer[variantResponse], error) {
	id, err := httpserver.PathID(in.ID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	v, err := h.service.AddVariant(ctx, editorOf(ctx), id, in.Body.draft())
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[variantResponse]{
		ETag: etag.Format(v.Version), Location: "/v1/products/" + id.String(), Body: toOwnVariant(v),
	}, nil
}

func (h *HTTP) editVariant(ctx context.Context, in *struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
	Body    variantPatch
}) (*httpserver.Answer[variantResponse], error) {
	id, err := httpserver.PathID(in.ID, errVariantNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := h.service.EditVariant(ctx, editorOf(ctx), id, match, in.Body.change())
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[variantResponse]{ETag: etag.Format(v.Version), Body: toOwnVariant(v)}, nil
}

func (h *HTTP) adjustStock(ctx context.Context, in *struct {
	ID   string `path:"id"`
	Body struct {
		Delta  int64  `json:"delta" minimum:"-1000000000" maximum:"1000000000" example:"25" doc:"pieces more, or fewer where negative"`
		Reason string `json:"reason" minLength:"1" maxLength:"200" example:"delivery"`
	}
}) (*httpserver.Answer[levelResponse], error) {
	id, err := httpserver.PathID(in.ID, errVariantNotFound)
	if err != nil {
		return nil, err
	}
	level, err := h.service.AdjustStock(ctx, editorOf(ctx), id, in.Body.Delta, in.Body.Reason)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(levelResponse{level.OnHand, level.Reserved, level.available()}), nil
}

func (h *HTTP) answer(ctx context.Context, p *Product) (*httpserver.Answer[productResponse], error) {
	photos, err := h.service.Photos(ctx, []*Product{p})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[productResponse]{ETag: etag.Format(p.Version), Body: toProduct(p, photos)}, nil
}

type productBody struct {
	Name        string      `json:"name" minLength:"1" maxLength:"200" example:"Arc floor lamp"`
	Brand       string      `json:"brand,omitempty" maxLength:"120" example:"Nordlys"`
	Description string      `json:"description,omitempty" maxLength:"10000"`
	Category    string      `json:"category" minLength:"1" maxLength:"60" example:"lighting" doc:"slug"`
	Tags        []string    `json:"tags,omitempty" maxItems:"30" nullable:"false" doc:"kept in lower case"`
	Materials   []string    `json:"materials,omitempty" maxItems:"30" nullable:"false" doc:"kept in lower case" example:"[\"oak\", \"brass\"]"`
	Dimensions  *Dimensions `json:"dimensions,omitempty"`
	WeightG     *int        `json:"weight_g,omitempty" minimum:"1" maximum:"100000000" example:"4200" doc:"grams"`
	Slug        string      `json:"slug,omitempty" maxLength:"120" doc:"made from the name where absent"`
	Status      string      `json:"status,omitempty" enum:"draft,active" default:"active"`
	Photos      []uuid.UUID `json:"photos,omitempty" maxItems:"20" uniqueItems:"true" nullable:"false" doc:"upload ids"`
}

func (b productBody) draft() Draft {
	return Draft{
		Name: b.Name, Brand: b.Brand, Description: b.Description, Category: b.Category, Slug: b.Slug,
		Status: b.Status, Tags: b.Tags, Materials: b.Materials, Dimensions: b.Dimensions, WeightG: b.WeightG, Photos: b.Photos,
	}
}

type productPatch struct {
	Name        *string              `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Brand       *string              `json:"brand,omitempty" maxLength:"120"`
	Description *string              `json:"description,omitempty" maxLength:"10000"`
	Category    *string              `json:"category,omitempty" minLength:"1" maxLength:"60"`
	Tags        *[]string            `json:"tags,omitempty" maxItems:"30"`
	Materials   *[]string            `json:"materials,omitempty" maxItems:"30"`
	Dimensions  nullable[Dimensions] `json:"dimensions,omitempty" doc:"null takes them away"`
	WeightG     nullable[weight]     `json:"weight_g,omitempty" doc:"grams; null takes it away"`
	Slug        *string              `json:"slug,omitempty" minLength:"1" maxLength:"120" doc:"the old one redirects"`
	Status      *string              `json:"status,omitempty" enum:"draft,active"`
	Photos      *[]uuid.UUID         `json:"photos,omitempty" maxItems:"20" uniqueItems:"true" doc:"upload ids, in order: those that are there and new ones"`
}

func (p productPatch) change() Change {
	return Change{
		Name: p.Name, Brand: p.Brand, Description: p.Description, Category: p.Category, Slug: p.Slug, Status: p.Status,
		Tags: p.Tags, Materials: p.Materials, Dimensions: p.Dimensions.change(), WeightG: p.WeightG.change(), Photos: p.Photos,
	}
}

type variantBody struct {
	SKU       string            `json:"sku" minLength:"1" maxLength:"64" example:"ARC-BRASS"`
	Name      string            `json:"name,omitempty" maxLength:"200" example:"Brass"`
	Options   map[string]string `json:"options,omitempty" doc:"what tells the variants apart" example:"{\"color\": \"brass\"}"`
	Price     price             `json:"price" doc:"tax included"`
	CompareAt *price            `json:"compare_at_price,omitempty" doc:"the price to show crossed out"`
	Sale      *saleBody         `json:"sale,omitempty" doc:"a lower price for a while"`
}

func (b variantBody) draft() VariantDraft {
	return VariantDraft{SKU: b.SKU, Name: b.Name, Options: b.Options, Price: b.Price, CompareAt: b.CompareAt, Sale: b.Sale.sale()}
}

// saleBody is a sale that is asked for.
type saleBody struct {
	Price    price      `json:"price" doc:"tax included; below the usual price"`
	StartsAt *time.Time `json:"starts_at,omitempty" doc:"absent: at once"`
	EndsAt   *time.Time `json:"ends_at,omitempty" doc:"absent: until further notice"`
}

func (b *saleBody) sale() *Sale {
	if b == nil {
		return nil
	}
	return &Sale{Price: b.Price, From: b.StartsAt, Until: b.EndsAt}
}

type variantPatch struct {
	SKU       *string            `json:"sku,omitempty" minLength:"1" maxLength:"64"`
	Name      *string            `json:"name,omitempty" maxLength:"200"`
	Options   *map[string]string `json:"options,omitempty"`
	Price     *price             `json:"price,omitempty"`
	CompareAt nullable[price]    `json:"compare_at_price,omitempty" doc:"null takes it away"`
	Sale      nullable[saleBody] `json:"sale,omitempty" doc:"null ends it"`
}

func (p variantPatch) change() VariantChange {
	c := VariantChange{SKU: p.SKU, Name: p.Name, Options: p.Options, Price: p.Price, CompareAt: p.CompareAt.change()}
	if p.Sale.set {
		sale := p.Sale.value.sale()
		c.Sale = &sale
	}
	return c
}

// weight is in grams.
type weight = int

// price is money that is asked for.
type price = money.Money

// nullable is a value of a PATCH that may be absent (leave it), null (take it away) or there.
type nullable[T any] struct {
	set   bool
	value *T
}

// UnmarshalJSON notes that the value was there.
func (n *nullable[T]) UnmarshalJSON(raw []byte) error {
	n.set = true
	return json.Unmarshal(raw, &n.value)
}

// Schema is that of the value.
func (nullable[T]) Schema(r huma.Registry) *huma.Schema {
	return r.Schema(reflect.TypeFor[T](), true, "")
}

func (n nullable[T]) change() **T {
	if !n.set {
		return nil
	}
	return &n.value
}
