package recentlyviewed

import (
	"context"
	"net/http"

	"atrium/modules/products"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves what the caller looked at.
type HTTP struct {
	service *Service
	cursors *page.Signer
}

// NewHTTP needs the signer that seals cursors.
func NewHTTP(service *Service, cursors *page.Signer) *HTTP {
	return &HTTP{service: service, cursors: cursors}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/me/recently-viewed", Name: "list-recently-viewed",
		Summary: "Lists the products that the caller viewed, latest first"}, h.list)
	httpserver.Handle(r, httpserver.Route{Method: http.MethodDelete, Path: "/me/recently-viewed", Name: "clear-recently-viewed", Status: http.StatusNoContent,
		Summary: "Clears the products that the caller viewed"}, h.clear)
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[products.Ref]], error) {
	user := identity.From(ctx).UserID
	scope := page.Scope("products.recently_viewed", user)
	var after Position
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &after); err != nil {
		return nil, err
	}
	rows, refs, err := h.service.Page(ctx, user, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows,
		func(p Position) products.Ref { return refs[p.ProductID] }, func(p Position) any { return p })), nil
}

func (h *HTTP) clear(ctx context.Context, _ *struct{}) (*httpserver.Empty, error) {
	return httpserver.NoContent(h.service.Clear(ctx, identity.From(ctx).UserID))
}
