package order

import (
	"context"
	"net/http"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/platform/etag"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/page"
)

// HTTP is the orders' routes.
type HTTP struct {
	service *Service
	store   *Store
	cursors *page.Signer
}

// NewHTTP makes an HTTP.
func NewHTTP(service *Service, store *Store, cursors *page.Signer) *HTTP {
	return &HTTP{service: service, store: store, cursors: cursors}
}

// Register registers the routes.
func (h *HTTP) Register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/checkout", Name: "checkout", Summary: "Turn my cart into an order",
		Status: http.StatusCreated, Key: httpserver.KeyRequired,
	}, h.checkout)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/orders/{id}/payment", Name: "settle-payment", Summary: "Make sure of the payment and settle it",
		Status: http.StatusOK, Key: httpserver.KeyRequired,
	}, h.pay)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/orders", Name: "list-orders", Summary: "List my orders, newest first",
	}, h.list)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/orders/{id}", Name: "read-order", Summary: "Read one of my orders",
	}, h.read)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/orders/{id}/cancel", Name: "cancel-order", Summary: "Call an order off before it is shipped",
		Status: http.StatusOK, Key: httpserver.KeyRequired,
	}, h.cancel)
	r.Raw(httpserver.Route{
		Method: http.MethodPost, Path: "/webhooks/stripe", Name: "stripe-webhook", Summary: "Take an event from Stripe",
		Access: httpserver.Anonymous, Key: httpserver.KeyIgnored, MaxBody: maxWebhook,
	}, h.webhook)
	h.registerAdmin(r)
	h.registerReturns(r)
}

func (h *HTTP) checkout(ctx context.Context, in *struct {
	Body struct {
		CartVersion string    `json:"cart_version" maxLength:"4096" doc:"version of the cart as it was shown"`
		AddressID   uuid.UUID `json:"address_id"`
		Coupon      string    `json:"coupon,omitempty" maxLength:"60" example:"SPRING10"`
	}
}) (*httpserver.Answer[orderResponse], error) {
	o, err := h.service.Checkout(ctx, identity.From(ctx).UserID, Basket(in.Body))
	if err != nil {
		return nil, err
	}
	answer := answerOwner(o)
	answer.Location = "/v1/orders/" + o.ID.String()
	return answer, nil
}

// Path is exported for huma, which reads no other embedded fields.
type Path struct {
	ID string `path:"id"`
}

func (in Path) id() (uuid.UUID, error) { return httpserver.PathID(in.ID, orders.ErrNotFound) }

func (h *HTTP) pay(ctx context.Context, in *Path) (*httpserver.Answer[paymentResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	o, err := h.service.Pay(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(toOrder(o, true).Payment), nil
}

func (h *HTTP) list(ctx context.Context, in *page.Query) (*httpserver.Answer[page.List[orderResponse]], error) {
	user := identity.From(ctx).UserID
	return h.page(ctx, *in, page.Scope("orders", user), Selection{User: user})
}

func (h *HTTP) page(ctx context.Context, in page.Query, scope string, sel Selection) (*httpserver.Answer[page.List[orderResponse]], error) {
	if _, err := h.cursors.Open(scope, in.Cursor, &sel.Below); err != nil {
		return nil, err
	}
	sel.Limit = in.Limit + 1
	rows, err := h.store.Page(ctx, sel)
	if err != nil {
		return nil, err
	}
	owner := sel.User != uuid.Nil
	return httpserver.OK(page.Cut(h.cursors, scope, in.Limit, rows,
		func(o *Order) orderResponse { return toOrder(o, owner) }, func(o *Order) any { return o.ID })), nil
}

func (h *HTTP) read(ctx context.Context, in *Path) (*httpserver.Answer[orderResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	o, err := h.service.Read(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return answerOwner(o), nil
}

func (h *HTTP) cancel(ctx context.Context, in *Path) (*httpserver.Answer[orderResponse], error) {
	id, err := in.id()
	if err != nil {
		return nil, err
	}
	o, err := h.service.Cancel(ctx, identity.From(ctx).UserID, id)
	if err != nil {
		return nil, err
	}
	return answerOwner(o), nil
}

func answerOwner(o *Order) *httpserver.Answer[orderResponse] {
	return &httpserver.Answer[orderResponse]{ETag: etag.Format(o.Version), Body: toOrder(o, true)}
}

type orderResponse struct {
	ID        uuid.UUID        `json:"id"`
	Number    string           `json:"number" example:"AT-7K3M-9QXW"`
	Status    Status           `json:"status" enum:"pending_payment,paid,partially_shipped,shipped,delivered,cancelled,expired,refunded,partially_refunded,review"`
	Items     []itemResponse   `json:"items"`
	Subtotal  money.Money      `json:"subtotal"`
	Shipping  money.Money      `json:"shipping"`
	Tax       money.Money      `json:"tax" doc:"contained in total"`
	Discount  money.Money      `json:"discount"`
	Total     money.Money      `json:"total"`
	Address   address.Snapshot `json:"address"`
	Payment   paymentResponse  `json:"payment"`
	History   []entryResponse  `json:"history"`
	Version   int64            `json:"version"`
	CreatedAt time.Time        `json:"created_at"`
}

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
}

type paymentResponse struct {
	Provider      string    `json:"provider" example:"stripe"`
	IntentID      *string   `json:"intent_id" doc:"null until the provider has answered"`
	ClientSecret  *string   `json:"client_secret" doc:"null until the provider has answered"`
	ReservedUntil time.Time `json:"reserved_until" doc:"until when the stock is kept for the payment"`
}

type entryResponse struct {
	At     time.Time `json:"at"`
	Status Status    `json:"status"`
	Note   string    `json:"note"`
}

// toOrder shows an order; the secret with which the app pays is for its owner only.
func toOrder(o *Order, owner bool) orderResponse {
	body := orderResponse{
		ID: o.ID, Number: o.Number, Status: o.Status, Subtotal: o.money(o.Subtotal), Shipping: o.money(o.Shipping),
		Tax: o.money(o.Tax), Discount: o.money(o.Discount), Total: o.money(o.Total), Address: o.Address,
		Payment: paymentResponse{Provider: o.Payment.Provider, IntentID: o.Payment.IntentID, ReservedUntil: o.ReservedUntil},
		Items:   make([]itemResponse, len(o.Items)), History: make([]entryResponse, len(o.History)),
		Version: o.Version, CreatedAt: o.CreatedAt,
	}
	if owner {
		body.Payment.ClientSecret = o.Payment.ClientSecret
	}
	for i, item := range o.Items {
		body.Items[i] = itemResponse{
			ID: item.ID, VariantID: item.VariantID, Name: item.Name, SKU: item.SKU, Quantity: item.Quantity,
			UnitPrice: o.money(item.UnitPrice), LineTotal: o.money(item.LineTotal), Shipped: item.Shipped, Refunded: item.Refunded,
		}
	}
	for i, entry := range o.History {
		body.History[i] = entryResponse{entry.At, entry.Status, entry.Note}
	}
	return body
}
