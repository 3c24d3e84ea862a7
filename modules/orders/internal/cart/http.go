package cart

import (
	"context"
	"net/http"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
)

// HTTP is the cart's routes.
type HTTP struct{ carts *Service }

func NewHTTP(carts *Service) *HTTP { return &HTTP{carts: carts} }

// Routes plugs in the routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: h.register}
}

func (h *HTTP) register(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodGet, Path: "/cart", Name: "get-cart", Summary: "Returns the caller's cart at current prices",
	}, h.read)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPut, Path: "/cart/items/{variant_id}", Name: "put-cart-item", Summary: "Sets the quantity of a variant in the cart; 0 removes it",
	}, h.put)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodDelete, Path: "/cart/items/{variant_id}", Name: "remove-cart-item", Summary: "Removes a variant from the cart", Status: http.StatusNoContent,
	}, h.remove)
	httpserver.Handle(r, httpserver.Route{
		Method: http.MethodPost, Path: "/cart/items/bulk", Name: "put-cart-items",
		Summary: "Sets several quantities in the cart at once, with an outcome for each", Status: http.StatusOK,
	}, h.putAll)
}

func (h *HTTP) read(ctx context.Context, _ *struct{}) (*httpserver.Answer[cartResponse], error) {
	c, err := h.carts.Read(ctx, identity.From(ctx).UserID)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(toCart(c)), nil
}

func (h *HTTP) put(ctx context.Context, in *struct {
	VariantID string `path:"variant_id"`
	Body      struct {
		Quantity int64 `json:"quantity" minimum:"0" maximum:"999" example:"2" doc:"pieces in all; 0 takes it out"`
	}
}) (*httpserver.Answer[cartResponse], error) {
	variant, err := httpserver.PathID(in.VariantID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	c, err := h.carts.Put(ctx, identity.From(ctx).UserID, variant, in.Body.Quantity)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(toCart(c)), nil
}

func (h *HTTP) remove(ctx context.Context, in *struct {
	VariantID string `path:"variant_id"`
}) (*httpserver.Empty, error) {
	variant, err := httpserver.PathID(in.VariantID, products.ErrNotFound)
	if err != nil {
		return nil, err
	}
	return nil, h.carts.Remove(ctx, identity.From(ctx).UserID, variant)
}

func (h *HTTP) putAll(ctx context.Context, in *struct {
	Body struct {
		Items []bulkLine `json:"items" minItems:"1" maxItems:"50" nullable:"false"`
	}
}) (*httpserver.Answer[bulkResponse], error) {
	user := identity.From(ctx).UserID
	lines := make([]products.Line, len(in.Body.Items))
	for i, item := range in.Body.Items {
		lines[i] = products.Line(item)
	}
	outcomes, c, err := h.carts.PutAll(ctx, user, lines)
	if err != nil {
		return nil, err
	}
	return httpserver.OK(bulkResponse{Cart: toCart(c), Outcomes: toOutcomes(outcomes, c.Problems)}), nil
}

type bulkLine struct {
	VariantID uuid.UUID `json:"variant_id"`
	Quantity  int64     `json:"quantity" minimum:"1" maximum:"999" doc:"pieces in all"`
}

// SchemaName is its name in the OpenAPI document.
func (bulkLine) SchemaName() string { return "CartItemQuantity" }

type bulkResponse struct {
	Cart     cartResponse      `json:"cart"`
	Outcomes []outcomeResponse `json:"outcomes"`
}

// SchemaName is its name in the OpenAPI document.
func (bulkResponse) SchemaName() string { return "CartUpdate" }

type outcomeResponse struct {
	VariantID uuid.UUID    `json:"variant_id"`
	Status    string       `json:"status" enum:"added,refused"`
	Problem   *bulkProblem `json:"problem,omitempty" doc:"why it was refused, or what to know before paying"`
}

// SchemaName is its name in the OpenAPI document.
func (outcomeResponse) SchemaName() string { return "CartItemOutcome" }

type bulkProblem struct {
	Code      string `json:"code" example:"out_of_stock"`
	Available *int64 `json:"available,omitempty"`
}

// SchemaName is its name in the OpenAPI document.
func (bulkProblem) SchemaName() string { return "CartItemProblem" }

type cartResponse struct {
	Version  string         `json:"version" doc:"opaque: names the lines and the prices shown"`
	Items    []lineResponse `json:"items"`
	Subtotal money.Money    `json:"subtotal" doc:"of what can be bought"`
	Problems []Problem      `json:"problems"`
}

// SchemaName is its name in the OpenAPI document.
func (cartResponse) SchemaName() string { return "Cart" }

type lineResponse struct {
	VariantID uuid.UUID    `json:"variant_id"`
	Product   products.Ref `json:"product"`
	Quantity  int64        `json:"quantity"`
	UnitPrice money.Money  `json:"unit_price"`
	LineTotal money.Money  `json:"line_total"`
}

// SchemaName is its name in the OpenAPI document.
func (lineResponse) SchemaName() string { return "CartItem" }

func toCart(c Cart) cartResponse {
	body := cartResponse{Version: c.Version, Items: make([]lineResponse, len(c.Lines)), Subtotal: c.Subtotal, Problems: c.Problems}
	for i, l := range c.Lines {
		body.Items[i] = lineResponse{l.VariantID, l.Product, l.Quantity, l.UnitPrice, l.Total}
	}
	return body
}

func toOutcomes(outcomes []Outcome, problems []Problem) []outcomeResponse {
	body := make([]outcomeResponse, len(outcomes))
	for i, o := range outcomes {
		body[i] = outcomeResponse{VariantID: o.VariantID, Status: "added"}
		if o.Refused != nil {
			body[i].Status = "refused"
			body[i].Problem = &bulkProblem{Code: o.Refused.Code}
			continue
		}
		for _, p := range problems {
			if p.VariantID == o.VariantID {
				body[i].Problem = &bulkProblem{Code: p.Code, Available: p.Available}
			}
		}
	}
	return body
}
