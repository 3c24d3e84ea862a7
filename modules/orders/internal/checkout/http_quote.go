package checkout

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/coupon"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
)

func (h *HTTP) quote(ctx context.Context, in *struct {
	Body struct {
		Coupon    string     `json:"coupon,omitempty" maxLength:"60" example:"SPRING10"`
		AddressID *uuid.UUID `json:"address_id,omitempty" doc:"absent: the default one"`
	}
}) (*httpserver.Answer[quoteResponse], error) {
	q, err := h.checkout.Quote(ctx, identity.From(ctx).UserID, QuoteRequest(in.Body))
	if err != nil {
		return nil, err
	}
	return httpserver.OK(toQuote(q)), nil
}

// quoteResponse is what a cart would cost.
type quoteResponse struct {
	Subtotal  money.Money       `json:"subtotal" doc:"of what can be bought"`
	Discount  money.Money       `json:"discount"`
	Promotion *coupon.Promotion `json:"promotion" doc:"what takes the discount off; null for none"`
	Shipping  []shippingMethod  `json:"shipping"`
	Tax       *money.Money      `json:"tax" doc:"contained in total; null while no address says where the goods go"`
	Total     money.Money       `json:"total"`
	Problems  []quoteProblem    `json:"problems" doc:"what would keep the cart from being checked out, or is to be known before"`
}

// SchemaName is its name in the OpenAPI document.
func (quoteResponse) SchemaName() string { return "Quote" }

type shippingMethod struct {
	Method string      `json:"method" example:"standard"`
	Name   string      `json:"name" example:"Standard"`
	Price  money.Money `json:"price"`
}

// SchemaName is its name in the OpenAPI document.
func (shippingMethod) SchemaName() string { return "ShippingMethod" }

// quoteProblem is a problem of the cart, of the coupon that was typed, or of the total, which may be too little or too much to be paid.
type quoteProblem struct {
	Code      string       `json:"code" enum:"price_changed,out_of_stock,discontinued,currency_mismatch,does_not_fit,coupon_invalid,coupon_exhausted,total_not_payable"`
	VariantID *uuid.UUID   `json:"variant_id" doc:"null where it is the coupon's or the total's"`
	Available *int64       `json:"available,omitempty" doc:"with out_of_stock: how many there are"`
	OldPrice  *money.Money `json:"old_price,omitempty" doc:"with price_changed: when it was put in"`
	NewPrice  *money.Money `json:"new_price,omitempty" doc:"with price_changed: now"`
}

// SchemaName is its name in the OpenAPI document.
func (quoteProblem) SchemaName() string { return "QuoteProblem" }

func toQuote(q Quote) quoteResponse {
	body := quoteResponse{
		Subtotal: q.Subtotal, Discount: q.Off.Discount, Promotion: q.Off.Promotion, Tax: q.Tax, Total: q.Total,
		Shipping: []shippingMethod{{"standard", "Standard", q.Shipping}}, Problems: make([]quoteProblem, 0, len(q.Problems)),
	}
	for _, p := range q.Problems {
		body.Problems = append(body.Problems, quoteProblem{p.Code, &p.VariantID, p.Available, p.OldPrice, p.NewPrice})
	}
	switch q.Refusal {
	case "":
	case coupon.ErrExhausted.Code:
		body.Problems = append(body.Problems, quoteProblem{Code: "coupon_exhausted"})
	default:
		body.Problems = append(body.Problems, quoteProblem{Code: "coupon_invalid"})
	}
	if !q.Payable {
		body.Problems = append(body.Problems, quoteProblem{Code: "total_not_payable"})
	}
	return body
}
