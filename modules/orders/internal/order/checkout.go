package order

import (
	"context"
	"errors"
	"strconv"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/products"
	"atrium/platform/idempotency"
	"atrium/platform/money"
	"atrium/platform/outbox"
)

// Basket is what a checkout asks for.
type Basket struct {
	CartVersion string
	AddressID   uuid.UUID
	Coupon      string
}

// numberTries bounds how often an order is made again because its random number was taken.
const numberTries = 3

// Checkout turns the cart into an order: prices of now, tax, coupon and stock in one transaction. The payment is asked for
// afterwards; a provider that is down leaves the order without an intent, which Pay makes up for.
func (s *Service) Checkout(ctx context.Context, user uuid.UUID, b Basket) (*Order, error) {
	var o *Order
	id, interrupted := idempotency.Attached(ctx)
	var err error
	if interrupted {
		o, err = s.store.Of(ctx, user, id)
	} else {
		o, err = s.place(ctx, user, b)
		if errors.Is(err, products.ErrInsufficientStock) && s.freeOverdue(ctx, user) {
			o, err = s.place(ctx, user, b)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.ensureIntent(ctx, o); err != nil {
		s.log.Warn("an order waits for its payment intent", zap.Stringer("order_id", o.ID), zap.Error(err))
	}
	return o, nil
}

func (s *Service) place(ctx context.Context, user uuid.UUID, b Basket) (o *Order, err error) {
	for try := 1; ; try++ {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		err = s.db.InTx(ctx, func(ctx context.Context) (err error) {
			o, err = s.placeLocked(ctx, id, user, b)
			return err
		})
		if !errors.Is(err, errNumberTaken) || try == numberTries {
			return o, err
		}
	}
}

func (s *Service) placeLocked(ctx context.Context, id, user uuid.UUID, b Basket) (*Order, error) {
	to, err := s.book.Copy(ctx, user, b.AddressID)
	if err != nil {
		return nil, err
	}
	taken, err := s.carts.Take(ctx, user, b.CartVersion)
	if err != nil {
		return nil, err
	}
	discount, err := s.coupons.Use(ctx, b.Coupon, user, id, taken.Subtotal)
	if err != nil {
		return nil, err
	}
	o, err := s.draw(ctx, id, user, taken, to, discount)
	if err != nil {
		return nil, err
	}
	if err := s.stock.Reserve(ctx, o.ID, o.lines()); err != nil {
		return nil, err
	}
	if err := s.store.Insert(ctx, o); err != nil {
		return nil, err
	}
	if err := idempotency.Attach(ctx, o.ID); err != nil {
		return nil, err
	}
	if err := s.outbox.Publish(ctx, orders.Placed{Moved: o.moved()}); err != nil {
		return nil, err
	}
	if o.Total == 0 {
		return o, s.paid(ctx, o, "nothing to pay")
	}
	return o, s.outbox.Enqueue(ctx, Expire{OrderID: o.ID}, outbox.At(o.ReservedUntil))
}

// draw works the order out: what everything costs, and the first attempt at its payment.
func (s *Service) draw(ctx context.Context, id, user uuid.UUID, c cart.Cart, to address.Snapshot, discount money.Money) (*Order, error) {
	now, err := s.store.Now(ctx)
	if err != nil {
		return nil, err
	}
	rate, listed := s.cfg.TaxRates[to.Country]
	if !listed {
		rate = s.cfg.DefaultTaxRate
	}
	currency := c.Subtotal.Currency
	total := money.Of(c.Subtotal.Amount-discount.Amount+s.cfg.Shipping[currency], currency)
	o := &Order{
		ID: id, Number: newNumber(), UserID: user, Status: PendingPayment, Stock: stockReserved, Currency: currency,
		Subtotal: c.Subtotal.Amount, Shipping: s.cfg.Shipping[currency], Discount: discount.Amount, Total: total.Amount,
		Tax: total.IncludedTax(rate).Amount, TaxRateBP: rate, Address: to, Version: 1,
		ReservedUntil: now.Add(s.cfg.ReserveFor), CreatedAt: now, UpdatedAt: now,
	}
	if o.Items, err = itemsOf(id, c, discount); err != nil {
		return nil, err
	}
	if o.Payment, err = s.attempt(o, 1); o.Total == 0 {
		o.Payment.Status = paymentSucceeded // there is nothing to ask for
	}
	return o, err
}

// itemsOf makes the order's lines; the discount is shared over them by what they cost.
func itemsOf(order uuid.UUID, c cart.Cart, discount money.Money) ([]Item, error) {
	weights := make([]int64, len(c.Lines))
	for i, line := range c.Lines {
		weights[i] = line.Total.Amount
	}
	shares := discount.Split(weights)
	items := make([]Item, len(c.Lines))
	for i, line := range c.Lines {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		items[i] = Item{
			ID: id, OrderID: order, VariantID: line.VariantID, ProductID: line.Product.ID, Name: line.Name, SKU: line.SKU,
			Quantity: line.Quantity, UnitPrice: line.UnitPrice.Amount, LineTotal: line.Total.Amount, Discount: shares[i].Amount,
		}
	}
	return items, nil
}

func (s *Service) attempt(o *Order, n int) (Payment, error) {
	id, err := uuid.NewV7()
	return Payment{
		ID: id, OrderID: o.ID, Attempt: n, Provider: s.provider.Name(), Status: paymentOpen,
		Currency: o.Currency, Amount: o.Total, CheckedAt: o.UpdatedAt, CreatedAt: o.UpdatedAt,
	}, err
}

// ensureIntent makes sure that an order that waits for its payment has an intent at the provider. The provider's key is the
// order and the attempt: an answer that was lost is given again.
func (s *Service) ensureIntent(ctx context.Context, o *Order) error {
	if o.Status == PendingPayment && o.Payment.Status == paymentCancelled {
		locked, err := s.nextAttempt(ctx, o.ID)
		if err != nil {
			return err
		}
		*o = *locked
	}
	p := &o.Payment
	if o.Status != PendingPayment || p.IntentID != nil {
		return nil
	}
	key := o.ID.String() + "-" + strconv.Itoa(p.Attempt)
	intent, err := s.provider.CreateIntent(ctx, key, money.Of(p.Amount, p.Currency), o.ID.String())
	if err != nil {
		return err
	}
	p.IntentID, p.ClientSecret, p.Live = &intent.ID, &intent.ClientSecret, intent.Live
	return s.store.SetIntent(ctx, p.ID, intent)
}

// nextAttempt begins another attempt after the provider gave the last one up. An order has one open attempt.
func (s *Service) nextAttempt(ctx context.Context, id uuid.UUID) (*Order, error) {
	var o *Order
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if o, err = s.store.Lock(ctx, id); err != nil || o.Status != PendingPayment || o.Payment.Status != paymentCancelled {
			return err
		}
		next, err := s.attempt(o, o.Payment.Attempt+1)
		if err != nil {
			return err
		}
		o.Payment = next
		return s.store.InsertPayment(ctx, &next)
	})
	return o, err
}

// Pay makes sure that the intent exists, asks the provider about it and settles what it says.
func (s *Service) Pay(ctx context.Context, user, id uuid.UUID) (*Order, error) {
	o, err := s.Read(ctx, user, id)
	if err != nil {
		return nil, err
	}
	if err := s.ensureIntent(ctx, o); err != nil {
		return nil, err
	}
	if err := s.Settle(ctx, id); err != nil {
		return nil, err
	}
	if o, err = s.store.Of(ctx, user, id); err != nil {
		return nil, err
	}
	if o.Status.over() && o.Payment.IntentID == nil {
		return nil, errNothingToPay
	}
	return o, nil
}
