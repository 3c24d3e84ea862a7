package returns

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

// HTTP serves returns.
type HTTP struct {
	returns *Service
	cursors *page.Signer
}

func NewHTTP(s *Service, cursors *page.Signer) *HTTP { return &HTTP{s, cursors} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	admins := []string{identity.RoleAdmin}
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/orders/{id}/returns", Name: "request-return", Summary: "Requests the return of items of an order",
		Status: http.StatusCreated,
	}, h.request)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/orders/{id}/returns", Name: "list-order-returns", Summary: "Lists the returns of one of the caller's orders, newest first",
	}, h.listOfOrder)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/admin/returns", Name: "list-returns", Summary: "Lists everybody's returns, newest first", Roles: admins,
	}, h.list)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/returns/{id}/approve", Name: "approve-return", Summary: "Approves a return, so that the customer may send it",
		Status: http.StatusOK, Roles: admins,
	}, h.approve)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/returns/{id}/reject", Name: "reject-return", Summary: "Rejects a return",
		Status: http.StatusOK, Roles: admins,
	}, h.reject)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/returns/{id}/receive", Name: "receive-return", Summary: "Records that a return has arrived, and refunds it",
		Status: http.StatusOK, Roles: admins, Fresh: true, Key: httpserver.KeyRequired,
	}, h.receive)
}

func (h *HTTP) request(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Lines  []order.ItemQuantity `json:"lines" minItems:"1" maxItems:"50" nullable:"false"`
		Reason string               `json:"reason" minLength:"1" maxLength:"1000" example:"too large for the room"`
	}
}) (*httpserver.Answer[response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	made, err := answer(h.returns.Request(ctx, identity.From(ctx).UserID, id, in.Body.Lines, in.Body.Reason))
	if err == nil {
		made.Location = "/v1/orders/" + id.String() + "/returns"
	}
	return made, err
}

func (h *HTTP) listOfOrder(ctx context.Context, in *struct {
	order.Path
	page.Query
}) (*httpserver.Answer[page.List[response]], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	user := identity.From(ctx).UserID
	return h.page(in.Query, page.Scope("orders.returns", user, id.String()), Selection{Order: id}, func(sel Selection) ([]*Return, error) {
		return h.returns.PageOf(ctx, user, sel)
	})
}

func (h *HTTP) list(ctx context.Context, in *struct {
	page.Query
	Status Status `query:"status" enum:"requested,approved,rejected,received"`
}) (*httpserver.Answer[page.List[response]], error) {
	scope := page.Scope("orders.returns.all", identity.From(ctx).UserID, string(in.Status))
	return h.page(in.Query, scope, Selection{Status: in.Status}, func(sel Selection) ([]*Return, error) { return h.returns.Page(ctx, sel) })
}

func (h *HTTP) page(in page.Query, scope string, sel Selection, read func(Selection) ([]*Return, error)) (*httpserver.Answer[page.List[response]], error) {
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &sel.Below); err != nil {
		return nil, err
	}
	sel.Limit = in.Limit + 1
	rows, err := read(sel)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows, toResponse, func(r *Return) any { return r.ID })), nil
}

func (h *HTTP) approve(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Note string `json:"note,omitempty" maxLength:"1000" example:"Please use the label in your mail."`
	}
}) (*httpserver.Answer[response], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return answer(h.returns.Decide(ctx, id, true, in.Body.Note))
}

func (h *HTTP) reject(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" example:"It was made to measure."`
	}
}) (*httpserver.Answer[response], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return answer(h.returns.Decide(ctx, id, false, in.Body.Note))
}

func (h *HTTP) receive(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Restock bool `json:"restock" doc:"whether it can be sold again" example:"true"`
	}
}) (*httpserver.Answer[response], error) {
	id, err := httpserver.PathID(in.ID, errNotFound)
	if err != nil {
		return nil, err
	}
	return answer(h.returns.Receive(ctx, id, in.Body.Restock, identity.From(ctx).UserID))
}

func answer(r *Return, err error) (*httpserver.Answer[response], error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[response]{ETag: etag.Format(r.Version), Body: toResponse(r)}, nil
}

type response struct {
	ID        uuid.UUID            `json:"id"`
	OrderID   uuid.UUID            `json:"order_id"`
	Status    Status               `json:"status" enum:"requested,approved,rejected,received" doc:"received: its refund is on the way"`
	Lines     []order.ItemQuantity `json:"lines"`
	Reason    string               `json:"reason" example:"too large for the room"`
	Note      string               `json:"note" doc:"the shop's words to the customer"`
	RefundID  *uuid.UUID           `json:"refund_id"`
	Version   int64                `json:"version"`
	CreatedAt time.Time            `json:"created_at"`
	UpdatedAt time.Time            `json:"updated_at"`
}

// SchemaName is its name in the OpenAPI document.
func (response) SchemaName() string { return "OrderReturn" }

func toResponse(r *Return) response {
	return response{r.ID, r.OrderID, r.Status, r.Lines, r.Reason, r.Note, r.RefundID, r.Version, r.CreatedAt, r.UpdatedAt}
}
