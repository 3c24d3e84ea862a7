package catalogue

import (
	"context"
	"net/http"
	"net/url"

	"atrium/modules/products"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/render"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
)

// HTTP serves products, and their changes to editors.
type HTTP struct {
	service  *Service
	renderer *render.Renderer
}

// NewHTTP needs the renderer that every list uses, too.
func NewHTTP(service *Service, renderer *render.Renderer) *HTTP {
	return &HTTP{service: service, renderer: renderer}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/products/{product}", Name: "get-product", Access: httpserver.Open,
		Summary: "Returns a product by id or slug; an old slug redirects"}, h.read)
	route := func(method, path, name, summary string, status int) httpserver.Route {
		return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Status: status, Roles: product.EditorRoles}
	}
	httpserver.Handle(r, route(http.MethodPost, "/admin/products", "create-product", "Creates a product", http.StatusCreated), h.create)
	httpserver.Handle(r, route(http.MethodPatch, "/admin/products/{id}", "edit-product", "Changes a product", 0), h.edit)
	httpserver.Handle(r, route(http.MethodDelete, "/admin/products/{id}", "delete-product", "Deletes a product for good", http.StatusNoContent), h.delete)
	httpserver.Handle(r, route(http.MethodPost, "/admin/products/{id}/variants", "create-variant", "Creates a variant of a product", http.StatusCreated), h.addVariant)
	httpserver.Handle(r, route(http.MethodPatch, "/admin/variants/{id}", "edit-variant", "Changes a variant", 0), h.editVariant)
}

// redirectable is a product, or a redirect to its present slug.
type redirectable struct {
	Status   int
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     *render.Product
}

func (h *HTTP) read(ctx context.Context, in *struct {
	Product string `path:"product" maxLength:"200" doc:"id or slug" example:"arc-floor-lamp"`
}) (*redirectable, error) {
	p, moved, err := h.service.Read(ctx, product.EditorFrom(ctx), in.Product)
	if err != nil {
		return nil, err
	}
	if moved != "" {
		return &redirectable{Status: http.StatusPermanentRedirect, Location: "/v1/products/" + url.PathEscape(moved)}, nil
	}
	shown, err := h.renderer.Full(ctx, p)
	if err != nil {
		return nil, err
	}
	return &redirectable{Status: http.StatusOK, ETag: etag.Format(p.Version), Body: &shown[0]}, nil
}

func (h *HTTP) create(ctx context.Context, in *struct{ Body productBody }) (*httpserver.Answer[render.Product], error) {
	p, err := h.service.Create(ctx, product.EditorFrom(ctx), in.Body.draft())
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
}) (*httpserver.Answer[render.Product], error) {
	id, err := httpserver.PathID(in.ID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	p, err := h.service.Edit(ctx, product.EditorFrom(ctx), id, match, in.Body.change())
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
	return httpserver.NoContent(h.service.Delete(ctx, product.EditorFrom(ctx), id))
}

func (h *HTTP) addVariant(ctx context.Context, in *struct {
	ID   string `path:"id"`
	Body variantBody
}) (*httpserver.Answer[render.Variant], error) {
	id, err := httpserver.PathID(in.ID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	v, err := h.service.AddVariant(ctx, product.EditorFrom(ctx), id, in.Body.draft())
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[render.Variant]{
		ETag: etag.Format(v.Version), Location: "/v1/products/" + id.String(), Body: render.ToOwnVariant(v),
	}, nil
}

func (h *HTTP) editVariant(ctx context.Context, in *struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
	Body    variantPatch
}) (*httpserver.Answer[render.Variant], error) {
	id, err := httpserver.PathID(in.ID, product.ErrVariantNotFound)
	if err != nil {
		return nil, err
	}
	match, err := etag.Parse(in.IfMatch)
	if err != nil {
		return nil, err
	}
	v, err := h.service.EditVariant(ctx, product.EditorFrom(ctx), id, match, in.Body.change())
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[render.Variant]{ETag: etag.Format(v.Version), Body: render.ToOwnVariant(v)}, nil
}

func (h *HTTP) answer(ctx context.Context, p *product.Product) (*httpserver.Answer[render.Product], error) {
	shown, err := h.renderer.Full(ctx, p)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[render.Product]{ETag: etag.Format(p.Version), Body: shown[0]}, nil
}
