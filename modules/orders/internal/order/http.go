package order

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/coupon"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/page"
)

// HTTP serves what is read of orders. A single order of one's own is served by cancellation, which closes it first if its time is up.
type HTTP struct {
	orders  *Service
	cursors *page.Signer
}

func NewHTTP(s *Service, cursors *page.Signer) *HTTP { return &HTTP{s, cursors} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/orders", Name: "list-orders", Summary: "Lists the caller's orders, newest first",
	}, h.list)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/admin/orders", Name: "list-all-orders", Summary: "Lists everybody's orders, newest first",
		Roles: []string{identity.RoleAdmin},
	}, h.listAll)
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[Response]], error) {
	user := identity.From(ctx).UserID
	return h.page(ctx, *in, page.Scope("orders", user), Selection{User: user})
}

func (h *HTTP) listAll(ctx context.Context, in *struct {
	page.Query
	Status Status `query:"status" enum:"pending_payment,paid,partially_shipped,shipped,delivered,cancelled,expired,refunded,partially_refunded,review"`
}) (*httpserver.Answer[page.List[Response]], error) {
	scope := page.Scope("orders.all", identity.From(ctx).UserID, string(in.Status))
	return h.page(ctx, in.Query, scope, Selection{Status: in.Status})
}

func (h *HTTP) page(ctx context.Context, in page.Query, scope string, sel Selection) (*httpserver.Answer[page.List[Response]], error) {
	if _, err := h.cursors.OpenCursor(scope, in.Cursor, &sel.Below); err != nil {
		return nil, err
	}
	sel.Limit = in.Limit + 1
	rows, err := h.orders.Page(ctx, sel)
	if err != nil {
		return nil, err
	}
	owner := sel.User != uuid.Nil
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows,
		func(o *Order) Response { return toResponse(o, owner) }, func(o *Order) any { return o.ID })), nil
}

// Path is the path of one order's routes; huma reads it where it is embedded.
type Path struct {
	ID string `path:"id"`
}

// OrderID is the id in the path, or orders.ErrNotFound.
func (in Path) OrderID() (uuid.UUID, error) { return httpserver.PathID(in.ID, orders.ErrNotFound) }

// AnswerOwner answers with an order as its owner sees it: with the secret by which the app pays.
func AnswerOwner(o *Order, err error) (*httpserver.Answer[Response], error) {
	return answer(o, true, err)
}

// AnswerAdmin answers with an order as admins see it.
func AnswerAdmin(o *Order, err error) (*httpserver.Answer[Response], error) {
	return answer(o, false, err)
}

func answer(o *Order, owner bool, err error) (*httpserver.Answer[Response], error) {
	if err != nil {
		return nil, err
	}
	return &httpserver.Answer[Response]{ETag: etag.Format(o.Version), Body: toResponse(o, owner)}, nil
}

// AnswerPayment answers with an order's payment as its owner sees it.
func AnswerPayment(o *Order, err error) (*httpserver.Answer[PaymentResponse], error) {
	if err != nil {
		return nil, err
	}
	return httpserver.OK(toResponse(o, true).Payment), nil
}

// Response is an order as the API shows it.
type Response struct {
	ID        uuid.UUID         `json:"id"`
	Number    string            `json:"number" example:"AT-7K3M-9QXW"`
	Status    Status            `json:"status" enum:"pending_payment,paid,partially_shipped,shipped,delivered,cancelled,expired,refunded,partially_refunded,review"`
	Items     []itemResponse    `json:"items"`
	Subtotal  money.Money       `json:"subtotal"`
	Shipping  money.Money       `json:"shipping"`
	Tax       money.Money       `json:"tax" doc:"contained in total"`
	Discount  money.Money       `json:"discount"`
	Total     money.Money       `json:"total"`
	Promotion *coupon.Promotion `json:"promotion" doc:"what took the discount off; null for none"`
	Refunded  money.Money       `json:"refunded" doc:"what has gone back"`
	Dispute   *DisputeStatus    `json:"dispute" enum:"open,won,lost" doc:"whether the customer asked the bank for the money; null for no"`
	Delivered *time.Time        `json:"delivered_at" doc:"when the last parcel arrived; null while one is on its way"`
	Address   address.Snapshot  `json:"address"`
	Payment   PaymentResponse   `json:"payment"`
	History   []entryResponse   `json:"history"`
	Version   int64             `json:"version"`
	CreatedAt time.Time         `json:"created_at"`
}

// SchemaName is its name in the OpenAPI document.
func (Response) SchemaName() string { return "Order" }

type itemResponse struct {
	ID        uuid.UUID   `json:"id"`
	VariantID uuid.UUID   `json:"variant_id"`
	Name      string      `json:"name"`
	SKU       string      `json:"sku"`
	Quantity  int64       `json:"quantity"`
	UnitPrice money.Money `json:"unit_price"`
	LineTotal money.Money `json:"line_total"`
	Shipped   int64       `json:"shipped"`
	Refunded  int64       `json:"refunded"`
	Returned  int64       `json:"returned" doc:"of shipped: pieces that have come back"`
}

// SchemaName is its name in the OpenAPI document.
func (itemResponse) SchemaName() string { return "OrderItem" }

// PaymentResponse is an order's payment as the API shows it.
type PaymentResponse struct {
	Provider      string    `json:"provider" example:"stripe"`
	IntentID      *string   `json:"intent_id" doc:"null until the provider has answered"`
	ClientSecret  *string   `json:"client_secret" doc:"null until the provider has answered, and where the order does not wait for its payment"`
	ReservedUntil time.Time `json:"reserved_until" doc:"until when the stock is kept for the payment"`
}

// SchemaName is its name in the OpenAPI document.
func (PaymentResponse) SchemaName() string { return "Payment" }

type entryResponse struct {
	At     time.Time `json:"at"`
	Status Status    `json:"status"`
	Note   string    `json:"note"`
}

// SchemaName is its name in the OpenAPI document.
func (entryResponse) SchemaName() string { return "OrderHistoryEntry" }

// toResponse shows an order; the secret with which the app pays is for its owner only.
func toResponse(o *Order, owner bool) Response {
	body := Response{
		ID: o.ID, Number: o.Number, Status: o.Status, Subtotal: o.Money(o.Subtotal), Shipping: o.Money(o.Shipping),
		Tax: o.Money(o.Tax), Discount: o.Money(o.Discount), Total: o.Money(o.Total), Address: o.Address,
		Promotion: o.Promotion, Dispute: o.Dispute, Refunded: o.Money(o.RefundedAmount), Delivered: o.DeliveredAt,
		Payment: PaymentResponse{Provider: o.Payment.Provider, IntentID: o.Payment.IntentID, ReservedUntil: o.ReservedUntil},
		Items:   make([]itemResponse, len(o.Items)), History: make([]entryResponse, len(o.History)),
		Version: o.Version, CreatedAt: o.CreatedAt,
	}
	if owner && o.Status == PendingPayment {
		body.Payment.ClientSecret = o.Payment.ClientSecret
	}
	for i, item := range o.Items {
		body.Items[i] = itemResponse{
			ID: item.ID, VariantID: item.VariantID, Name: item.Name, SKU: item.SKU, Quantity: item.Quantity,
			UnitPrice: o.Money(item.UnitPrice), LineTotal: o.Money(item.LineTotal), Shipped: item.Shipped, Refunded: item.Refunded,
			Returned: item.Returned,
		}
	}
	for i, entry := range o.History {
		body.History[i] = entryResponse{entry.At, entry.Status, entry.Note}
	}
	return body
}
