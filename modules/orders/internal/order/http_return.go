package order

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/page"
)

func (h *HTTP) registerReturns(r *httpserver.Router) {
	admins := []string{identity.RoleAdmin}
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/orders/{id}/returns", Name: "ask-to-return", Summary: "Ask to send something back",
		Status: http.StatusCreated,
	}, h.askToReturn)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/orders/{id}/returns", Name: "list-order-returns", Summary: "List the returns of one of my orders, newest first",
	}, h.listOwnReturns)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/admin/returns", Name: "list-returns", Summary: "List returns, newest first", Roles: admins,
	}, h.listReturns)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/returns/{id}/approve", Name: "approve-return", Summary: "Let the customer send it back",
		Status: http.StatusOK, Roles: admins,
	}, h.approveReturn)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/returns/{id}/reject", Name: "reject-return", Summary: "Refuse to take it back",
		Status: http.StatusOK, Roles: admins,
	}, h.rejectReturn)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/admin/returns/{id}/receive", Name: "receive-return", Summary: "Note that it is back, and refund it",
		Status: http.StatusOK, Roles: admins, Fresh: true, Key: httpserver.KeyRequired,
	}, h.receiveReturn)
}

func (h *HTTP) askToReturn(ctx context.Context, in *struct {
	Path
	Body struct {
		Lines  []Portion `json:"lines" minItems:"1" maxItems:"50" nullable:"false"`
		Reason string    `json:"reason" minLength:"1" maxLength:"1000" example:"too large for the room"`
	}
}) (*httpserver.Answer[returnResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	r, err := h.service.AskToReturn(ctx, identity.From(ctx).UserID, id, in.Body.Lines, in.Body.Reason)
	answer, err := answerReturn(r, err)
	if err == nil {
		answer.Location = "/v1/orders/" + id.String() + "/returns"
	}
	return answer, err
}

func (h *HTTP) listOwnReturns(ctx context.Context, in *struct {
	Path
	page.Query
}) (*httpserver.Answer[page.List[returnResponse]], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	user := identity.From(ctx).UserID
	if _, err := h.store.Of(ctx, user, id); err != nil {
		return nil, err
	}
	return h.pageReturns(ctx, in.Query, page.Scope("orders.returns", user, id.String()), ReturnSelection{Order: id})
}

func (h *HTTP) listReturns(ctx context.Context, in *struct {
	page.Query
	Status ReturnStatus `query:"status" enum:"requested,approved,rejected,received"`
}) (*httpserver.Answer[page.List[returnResponse]], error) {
	scope := page.Scope("orders.returns.all", identity.From(ctx).UserID, string(in.Status))
	return h.pageReturns(ctx, in.Query, scope, ReturnSelection{Status: in.Status})
}

func (h *HTTP) pageReturns(ctx context.Context, in page.Query, scope string, sel ReturnSelection) (*httpserver.Answer[page.List[returnResponse]], error) {
	if _, err := h.cursors.Open(scope, in.Cursor, &sel.Below); err != nil {
		return nil, err
	}
	sel.Limit = in.Limit + 1
	rows, err := h.store.Returns(ctx, sel)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows, toReturn, func(r *Return) any { return r.ID })), nil
}

func (h *HTTP) approveReturn(ctx context.Context, in *struct {
	Path
	Body struct {
		Note string `json:"note,omitempty" maxLength:"1000" example:"Please use the label in your mail."`
	}
}) (*httpserver.Answer[returnResponse], error) {
	id, err := httpserver.PathID(in.ID, errReturnNotFound)
	if err != nil {
		return nil, err
	}
	return answerReturn(h.service.DecideReturn(ctx, id, true, in.Body.Note))
}

func (h *HTTP) rejectReturn(ctx context.Context, in *struct {
	Path
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" example:"It was made to measure."`
	}
}) (*httpserver.Answer[returnResponse], error) {
	id, err := httpserver.PathID(in.ID, errReturnNotFound)
	if err != nil {
		return nil, err
	}
	return answerReturn(h.service.DecideReturn(ctx, id, false, in.Body.Note))
}

func (h *HTTP) receiveReturn(ctx context.Context, in *struct {
	Path
	Body struct {
		Restock bool `json:"restock" doc:"whether it can be sold again" example:"true"`
	}
}) (*httpserver.Answer[returnResponse], error) {
	id, err := httpserver.PathID(in.ID, errReturnNotFound)
	if err != nil {
		return nil, err
	}
	return answerReturn(h.service.ReceiveReturn(ctx, id, in.Body.Restock, identity.From(ctx).UserID))
}

func answerReturn(r *Return, err error) (*httpserver.Answer[returnResponse], error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[returnResponse]{ETag: etag.Format(r.Version), Body: toReturn(r)}, nil
}

type returnResponse struct {
	ID        uuid.UUID    `json:"id"`
	OrderID   uuid.UUID    `json:"order_id"`
	Status    ReturnStatus `json:"status" enum:"requested,approved,rejected,received" doc:"received: its refund is on the way"`
	Lines     []Portion    `json:"lines"`
	Reason    string       `json:"reason" example:"too large for the room"`
	Note      string       `json:"note" doc:"the shop's words to the customer"`
	RefundID  *uuid.UUID   `json:"refund_id"`
	Version   int64        `json:"version"`
	CreatedAt time.Time    `json:"created_at"`
	UpdatedAt time.Time    `json:"updated_at"`
}

func toReturn(r *Return) returnResponse {
	return returnResponse{r.ID, r.OrderID, r.Status, r.Lines, r.Reason, r.Note, r.RefundID, r.Version, r.CreatedAt, r.UpdatedAt}
}
