package order

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/page"
)

func (h *HTTP) registerAdmin(r *httpserver.Router) {
	admins := []string{identity.RoleAdmin}
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/admin/orders", Name: "list-all-orders", Summary: "List orders, newest first", Roles: admins,
	}, h.listAll)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/ship", Name: "ship-order", Summary: "Note that a parcel is on its way",
		Status: http.StatusOK, Roles: admins,
	}, h.ship)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/deliver", Name: "deliver-order", Summary: "Note that everything has arrived",
		Status: http.StatusOK, Roles: admins,
	}, h.deliver)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/orders/{id}/refund", Name: "refund-order", Summary: "Give money back: lines, an amount, or all that is left",
		Status: http.StatusCreated, Roles: admins, Fresh: true, Key: httpserver.KeyRequired,
	}, h.refund)
}

func (h *HTTP) listAll(ctx context.Context, in *struct {
	page.Query
	Status Status `query:"status" enum:"pending_payment,paid,partially_shipped,shipped,delivered,cancelled,expired,refunded,partially_refunded,review"`
}) (*httpserver.Answer[page.List[orderResponse]], error) {
	scope := page.Scope("orders.all", identity.From(ctx).UserID, string(in.Status))
	return h.page(ctx, in.Query, scope, Selection{Status: in.Status})
}

func (h *HTTP) ship(ctx context.Context, in *struct {
	Path
	Body struct {
		Lines          []Portion `json:"lines,omitempty" maxItems:"50" nullable:"false" doc:"absent: all that is left"`
		Carrier        string    `json:"carrier" minLength:"1" maxLength:"100" example:"DHL"`
		TrackingNumber string    `json:"tracking_number" minLength:"1" maxLength:"100" example:"JJD000390007"`
	}
}) (*httpserver.Answer[orderResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return answerAdmin(h.service.Ship(ctx, id, Parcel(in.Body)))
}

func (h *HTTP) deliver(ctx context.Context, in *Path) (*httpserver.Answer[orderResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	return answerAdmin(h.service.Deliver(ctx, id))
}

func (h *HTTP) refund(ctx context.Context, in *struct {
	Path
	Body struct {
		Lines   []Portion    `json:"lines,omitempty" maxItems:"50" nullable:"false"`
		Amount  *money.Money `json:"amount,omitempty" doc:"without lines and amount: all that is left"`
		Restock bool         `json:"restock,omitempty" doc:"with lines that were shipped: they are back and can be sold again"`
		Reason  string       `json:"reason" minLength:"1" maxLength:"500" example:"arrived broken"`
	}
}) (*httpserver.Answer[refundResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	r, err := h.service.Refund(ctx, id, Claim{
		Lines: in.Body.Lines, Amount: in.Body.Amount, Restock: in.Body.Restock, Reason: in.Body.Reason, By: identity.From(ctx).UserID,
	})
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[refundResponse]{Location: "/v1/orders/" + id.String(), Body: toRefund(r)}, nil
}

func answerAdmin(o *Order, err error) (*httpserver.Answer[orderResponse], error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[orderResponse]{ETag: etag.Format(o.Version), Body: toOrder(o, false)}, nil
}

type refundResponse struct {
	ID        uuid.UUID    `json:"id"`
	OrderID   uuid.UUID    `json:"order_id"`
	Amount    money.Money  `json:"amount"`
	Reason    string       `json:"reason"`
	Status    RefundStatus `json:"status" enum:"pending,processing,succeeded,failed"`
	Failure   string       `json:"failure,omitempty" doc:"the provider's word for why it failed" example:"expired_or_canceled_card"`
	CreatedAt time.Time    `json:"created_at"`
}

func toRefund(r *Refund) refundResponse {
	return refundResponse{r.ID, r.OrderID, money.Of(r.Amount, r.Currency), r.Reason, r.Status, r.Failure, r.CreatedAt}
}
