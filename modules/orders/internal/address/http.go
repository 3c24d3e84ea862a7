package address

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP is the address book's routes.
type HTTP struct {
	book    *Service
	cursors *page.Signer
}

func NewHTTP(book *Service, cursors *page.Signer) *HTTP {
	return &HTTP{book: book, cursors: cursors}
}

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/me/addresses", Name: "list-addresses", Summary: "Lists the caller's addresses, newest first",
	}, h.list)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/me/addresses", Name: "create-address", Summary: "Creates an address", Status: http.StatusCreated,
	}, h.create)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/me/addresses/{id}", Name: "get-address", Summary: "Returns one of the caller's addresses",
	}, h.read)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPatch, Path: "/me/addresses/{id}", Name: "edit-address", Summary: "Changes an address",
	}, h.edit)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodDelete, Path: "/me/addresses/{id}", Name: "delete-address", Summary: "Deletes an address", Status: http.StatusNoContent,
	}, h.delete)
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[addressResponse]], error) {
	user := identity.From(ctx).UserID
	scope := page.Scope("orders.addresses", user)
	var below uuid.UUID
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &below); err != nil {
		return nil, err
	}
	rows, err := h.book.Page(ctx, user, below, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows, toAddress, func(a Address) any { return a.ID })), nil
}

func (h *HTTP) create(ctx context.Context, in *struct{ Body addressBody }) (*httpserver.Answer[addressResponse], error) {
	a, err := h.book.Create(ctx, identity.From(ctx).UserID, in.Body.Snapshot, in.Body.IsDefault)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[addressResponse]{
		ETag: etag.Format(a.Version), Location: "/v1/me/addresses/" + a.ID.String(), Body: toAddress(a),
	}, nil
}

func (h *HTTP) read(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Answer[addressResponse], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	a, err := h.book.Read(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[addressResponse]{ETag: etag.Format(a.Version), Body: toAddress(a)}, nil
}

func (h *HTTP) edit(ctx context.Context, in *httpserver.Edit[Change]) (*httpserver.Answer[addressResponse], error) {
	id, match, err := in.Target(errNotFound)
	if err != nil {
		return nil, err
	}
	a, err := h.book.Edit(ctx, identity.From(ctx).UserID, id, match, in.Body)
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[addressResponse]{ETag: etag.Format(a.Version), Body: toAddress(a)}, nil
}

func (h *HTTP) delete(ctx context.Context, in *struct {
	ID string `path:"id"`
}) (*httpserver.Empty, error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return nil, h.book.Delete(ctx, identity.From(ctx).UserID, id)
}

type addressBody struct {
	Snapshot
	IsDefault bool `json:"is_default,omitempty" doc:"the first address is the default in any case"`
}

// SchemaName is its name in the OpenAPI document.
func (addressBody) SchemaName() string { return "CreateAddressRequest" }

type addressResponse struct {
	ID uuid.UUID `json:"id"`
	Snapshot
	IsDefault bool  `json:"is_default"`
	Version   int64 `json:"version"`
}

// SchemaName is its name in the OpenAPI document.
func (addressResponse) SchemaName() string { return "Address" }

func toAddress(a Address) addressResponse {
	return addressResponse{a.ID, a.Snapshot, a.IsDefault, a.Version}
}
