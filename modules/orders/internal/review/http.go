package review

import (
	"context"
	"net/http"

	"atrium/modules/orders/internal/order"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves the decisions, for admins.
type HTTP struct{ review *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{review: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/review", Name: "decide-review", Summary: "Accepts or refunds an order whose payment is not what was asked for",
		Status: http.StatusOK, Roles: []string{identity.RoleAdmin}, Fresh: true, Key: httpserver.KeyRequired,
	}, h.decide)
}

func (h *HTTP) decide(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Decision string `json:"decision" enum:"accept,refund" doc:"accept: what was paid is taken for the price; refund: it goes back, and the order is over"`
		Reason   string `json:"reason" minLength:"1" maxLength:"500" example:"the rest was paid in the shop"`
	}
}) (*httpserver.Answer[order.Response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	if in.Body.Decision == "accept" {
		return order.AnswerAdmin(h.review.Accept(ctx, id, in.Body.Reason))
	}
	return order.AnswerAdmin(h.review.Refund(ctx, id, in.Body.Reason, identity.From(ctx).UserID))
}
