package cancellation

import (
	"context"
	"net/http"

	"atrium/modules/orders/internal/order"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves single orders to their owners, and their cancellation.
type HTTP struct{ cancellation *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{cancellation: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/orders/{id}", Name: "get-order", Summary: "Returns one of the caller's orders",
	}, h.read)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/orders/{id}/cancel", Name: "cancel-order", Outside: true, Summary: "Cancels an order before it is shipped",
		Status: http.StatusOK, Key: httpserver.KeyRequired,
	}, h.cancel)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/cancel", Name: "cancel-order-for-shop", Outside: true, Summary: "Cancels anybody's order before it is shipped",
		Status: http.StatusOK, Roles: []string{identity.RoleAdmin}, Fresh: true, Key: httpserver.KeyRequired,
	}, h.cancelByShop)
}

func (h *HTTP) read(ctx context.Context, in *order.Path) (*httpserver.Answer[order.Response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	return order.AnswerOwner(h.cancellation.Read(ctx, identity.From(ctx).UserID, id))
}

func (h *HTTP) cancel(ctx context.Context, in *order.Path) (*httpserver.Answer[order.Response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	return order.AnswerOwner(h.cancellation.Cancel(ctx, identity.From(ctx).UserID, id))
}

func (h *HTTP) cancelByShop(ctx context.Context, in *order.Path) (*httpserver.Answer[order.Response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	return order.AnswerAdmin(h.cancellation.CancelByShop(ctx, id))
}
