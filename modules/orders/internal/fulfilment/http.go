package fulfilment

import (
	"context"
	"net/http"

	"atrium/modules/orders/internal/order"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves shipping, for admins.
type HTTP struct{ fulfilment *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{fulfilment: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	admins := []string{identity.RoleAdmin}
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/ship", Name: "ship-order", Summary: "Records that a parcel is on its way",
		Status: http.StatusOK, Roles: admins,
	}, h.ship)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/deliver", Name: "deliver-order", Summary: "Records that everything in an order has arrived",
		Status: http.StatusOK, Roles: admins,
	}, h.deliver)
}

func (h *HTTP) ship(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Lines          []order.ItemQuantity `json:"lines,omitempty" minItems:"1" maxItems:"50" nullable:"false" doc:"absent: all that is left"`
		Carrier        string               `json:"carrier" minLength:"1" maxLength:"100" example:"DHL"`
		TrackingNumber string               `json:"tracking_number" minLength:"1" maxLength:"100" example:"JJD000390007"`
		ConfirmDispute bool                 `json:"confirm_dispute,omitempty" doc:"true: ship although the payment is disputed (else 409 orders.disputed)"`
	}
}) (*httpserver.Answer[order.Response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	return order.AnswerAdmin(h.fulfilment.Ship(ctx, id, Shipment(in.Body)))
}

func (h *HTTP) deliver(ctx context.Context, in *order.Path) (*httpserver.Answer[order.Response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	return order.AnswerAdmin(h.fulfilment.Deliver(ctx, id))
}
