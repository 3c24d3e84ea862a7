package checkout

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

// HTTP serves checkout and payment.
type HTTP struct{ checkout *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{checkout: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/checkout", Name: "create-order", Outside: true, Summary: "Creates an order from the caller's cart",
		Status: http.StatusCreated, Key: httpserver.KeyRequired,
	}, h.create)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/cart/quote", Name: "quote-cart", Summary: "Tells what the caller's cart would cost; nothing is taken",
		Status: http.StatusOK, Key: httpserver.KeyIgnored,
	}, h.quote)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/orders/{id}/payment", Name: "settle-payment", Outside: true, Summary: "Checks the payment of an order with the provider and settles it",
		Status: http.StatusOK, Key: httpserver.KeyRequired,
	}, h.pay)
}

func (h *HTTP) create(ctx context.Context, in *struct {
	Body struct {
		CartVersion string    `json:"cart_version" maxLength:"4096" doc:"version of the cart as it was shown"`
		AddressID   uuid.UUID `json:"address_id"`
		Coupon      string    `json:"coupon,omitempty" maxLength:"60" example:"SPRING10"`
	}
}) (*httpserver.Answer[order.Response], error) {
	answer, err := order.AnswerOwner(h.checkout.Checkout(ctx, identity.From(ctx).UserID, Request(in.Body)))
	if err == nil {
		answer.Location = "/v1/orders/" + answer.Body.ID.String()
	}
	return answer, err
}

func (h *HTTP) pay(ctx context.Context, in *order.Path) (*httpserver.Answer[order.PaymentResponse], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	return order.AnswerPayment(h.checkout.Pay(ctx, identity.From(ctx).UserID, id))
}
