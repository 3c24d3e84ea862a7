package refund

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
)

// HTTP serves refunds.
type HTTP struct{ refunds *Service }

func NewHTTP(s *Service) *HTTP { return &HTTP{refunds: s} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/refund", Name: "refund-order", Summary: "Refunds lines of an order, an amount, or all that is left",
		Status: http.StatusCreated, Roles: []string{identity.RoleAdmin}, Fresh: true, Key: httpserver.KeyRequired,
	}, h.create)
}

func (h *HTTP) create(ctx context.Context, in *struct {
	order.Path
	Body struct {
		Lines   []order.ItemQuantity `json:"lines,omitempty" minItems:"1" maxItems:"50" nullable:"false"`
		Amount  *money.Money         `json:"amount,omitempty" doc:"without lines and amount: all that is left"`
		Restock *bool                `json:"restock,omitempty" doc:"given with lines of which some pieces were shipped: those are refunded, and are back and can be sold again, or not; absent: pieces that were not shipped come first"`
		Reason  string               `json:"reason" minLength:"1" maxLength:"500" example:"arrived broken"`
	}
}) (*httpserver.Answer[response], error) {
	id, err := in.OrderID()
	if err != nil {
		return nil, err
	}
	r, err := h.refunds.Refund(ctx, id, Request{
		Lines: in.Body.Lines, Amount: in.Body.Amount, Restock: in.Body.Restock, Reason: in.Body.Reason, By: identity.From(ctx).UserID,
	})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[response]{Location: "/v1/orders/" + id.String(), Body: toResponse(r)}, nil
}

type response struct {
	ID        uuid.UUID   `json:"id"`
	OrderID   uuid.UUID   `json:"order_id"`
	Amount    money.Money `json:"amount"`
	Reason    string      `json:"reason"`
	Status    Status      `json:"status" enum:"pending,processing,succeeded,failed"`
	Failure   string      `json:"failure,omitempty" doc:"the provider's word for why it failed" example:"expired_or_canceled_card"`
	CreatedAt time.Time   `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (response) SchemaName() string { return "Refund" }

func toResponse(r *Refund) response {
	return response{r.ID, r.OrderID, money.Of(r.Amount, r.Currency), r.Reason, r.Status, r.Failure, r.CreatedAt}
}
