package checkout

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/platform/money"
)

// QuoteRequest is what somebody wants to know the price of their cart for. Without an address it is the default one.
type QuoteRequest struct {
	Coupon    string
	AddressID *uuid.UUID
}

// Quote is what a cart would cost, if it were checked out now.
type Quote struct {
	Subtotal money.Money // of what can be bought
	Off      coupon.Taken
	Refusal  string // the code by which the typed coupon is refused; "" for none
	Shipping money.Money
	Tax      *money.Money // contained in the total; nil while no address says where the goods go
	Total    money.Money
	Payable  bool // whether the provider can take the total
	Problems []cart.Problem
}

// Quote works out what Checkout would ask for. It takes nothing: no stock, no use of a coupon, no line of the cart.
func (s *Service) Quote(ctx context.Context, user uuid.UUID, request QuoteRequest) (Quote, error) {
	to, known, err := s.destination(ctx, user, request.AddressID)
	if err != nil {
		return Quote{}, err
	}
	c, err := s.carts.Read(ctx, user)
	if err != nil {
		return Quote{}, err
	}
	q := Quote{Subtotal: c.Subtotal, Problems: c.Problems, Shipping: money.Of(0, c.Subtotal.Currency)}
	off, refusal, err := s.coupons.Preview(ctx, request.Coupon, user, c.Subtotal)
	if err != nil {
		return Quote{}, err
	}
	if q.Off = off; refusal != nil {
		q.Refusal = refusal.Code
	}
	q.Total = q.Shipping
	if slices.ContainsFunc(c.Lines, func(l cart.Line) bool { return l.OnSale }) {
		q.Shipping.Amount = s.cfg.Shipping[c.Subtotal.Currency]
		q.Total = s.totalOf(c.Subtotal, off.Discount)
	}
	q.Payable = q.Total.Amount == 0 || s.provider.Accepts(q.Total) == nil
	if known {
		rate, taxed := s.cfg.TaxRate(to.Country)
		if !taxed {
			return Quote{}, errNoTaxRate
		}
		tax := q.Total.IncludedTax(rate)
		q.Tax = &tax
	}
	return q, nil
}

// destination is where the goods would go; known is false for somebody who has not said.
func (s *Service) destination(ctx context.Context, user uuid.UUID, id *uuid.UUID) (to address.Snapshot, known bool, err error) {
	if id != nil {
		to, err = s.addresses.Copy(ctx, user, *id)
		return to, true, err
	}
	return s.addresses.Default(ctx, user)
}
