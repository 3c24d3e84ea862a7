// Package checkout turns a cart into an order, and makes sure that it can be paid.
package checkout

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cancellation"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/payment"
	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/idempotency"
	"atrium/platform/money"
	"atrium/platform/outbox"
	psp "atrium/platform/payment"
	"atrium/platform/plug"
)

var (
	errNothingToPay = fault.Conflict("orders.nothing_to_pay", "There is nothing to pay for this order any more.")
	errNoTaxRate    = fault.Invalid("orders.no_tax_rate", "Nothing is sent to this country.",
		fault.Field{Pointer: "/body/address_id", Detail: "must be an address in a country that is delivered to"})
)

// Deps are what the service needs.
type Deps struct {
	plug.In

	DB            *database.DB
	OrderStore    *order.Store
	Orders        *order.Service
	Carts         *cart.Service
	Addresses     *address.Service
	Coupons       *coupon.Service
	Payments      *payment.Service
	Cancellations *cancellation.Service
	Outbox        *outbox.Outbox
	Provider      psp.Provider
	Config        orders.Config
	Log           *zap.Logger
}

// Service has the use cases of checkout.
type Service struct {
	db            *database.DB
	orderStore    *order.Store
	orders        *order.Service
	carts         *cart.Service
	addresses     *address.Service
	coupons       *coupon.Service
	payments      *payment.Service
	cancellations *cancellation.Service
	outbox        *outbox.Outbox
	provider      psp.Provider
	cfg           orders.Config
	log           *zap.Logger
}

func NewService(d Deps) *Service {
	return &Service{
		d.DB, d.OrderStore, d.Orders, d.Carts, d.Addresses, d.Coupons, d.Payments, d.Cancellations, d.Outbox, d.Provider, d.Config, d.Log,
	}
}

// Request is what a checkout asks for.
type Request struct {
	CartVersion string
	AddressID   uuid.UUID
	Coupon      string
}

// Checkout turns the cart into an order: prices of now, tax, coupon and stock in one transaction. The payment is asked for
// afterwards; a provider that is down leaves the order without an intent, which Pay makes up for.
func (s *Service) Checkout(ctx context.Context, user uuid.UUID, request Request) (*order.Order, error) {
	var o *order.Order
	id, interrupted := idempotency.Attached(ctx)
	var err error
	if interrupted {
		o, err = s.orderStore.Of(ctx, user, id)
	} else {
		o, err = s.create(ctx, user, request)
		if errors.Is(err, products.ErrInsufficientStock) && s.cancellations.ReleaseFor(ctx, user) {
			o, err = s.create(ctx, user, request)
		}
	}
	if err != nil {
		return nil, err
	}
	if err := s.payments.EnsureIntent(ctx, o); err != nil {
		s.log.Warn("an order waits for its payment intent", zap.Stringer("order_id", o.ID), zap.Error(err))
	}
	return o, nil
}

// numberTries bounds how often an order is made again because its random number was taken.
const numberTries = 3

func (s *Service) create(ctx context.Context, user uuid.UUID, request Request) (o *order.Order, err error) {
	for try := 1; ; try++ {
		id, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		err = s.db.InTx(ctx, func(ctx context.Context) (err error) {
			o, err = s.createInTx(ctx, id, user, request)
			return err
		})
		if !errors.Is(err, order.ErrNumberTaken) || try == numberTries {
			return o, err
		}
	}
}

func (s *Service) createInTx(ctx context.Context, id, user uuid.UUID, request Request) (*order.Order, error) {
	to, err := s.addresses.Copy(ctx, user, request.AddressID)
	if err != nil {
		return nil, err
	}
	taken, err := s.carts.Take(ctx, user, request.CartVersion)
	if err != nil {
		return nil, err
	}
	off, err := s.coupons.Use(ctx, request.Coupon, user, id, taken.Subtotal)
	if err != nil {
		return nil, err
	}
	o, err := s.newOrder(ctx, id, user, taken, to, off)
	if err != nil {
		return nil, err
	}
	if o.Total > 0 {
		if err := s.provider.Accepts(o.Money(o.Total)); err != nil {
			return nil, err
		}
	}
	if err := s.orders.Reserve(ctx, o); err != nil {
		return nil, err
	}
	if err := s.orderStore.Insert(ctx, o); err != nil {
		return nil, err
	}
	if err := idempotency.Attach(ctx, o.ID); err != nil {
		return nil, err
	}
	if err := s.outbox.Publish(ctx, orders.Placed{Moved: o.Moved()}); err != nil {
		return nil, err
	}
	if o.Total == 0 {
		return o, s.payments.MarkPaid(ctx, o, "nothing to pay")
	}
	return o, s.outbox.Enqueue(ctx, cancellation.Expire{OrderID: o.ID}, outbox.At(o.ReservedUntil), outbox.Urgent())
}

// newOrder works the order out: what everything costs, and the first attempt at its payment.
func (s *Service) newOrder(ctx context.Context, id, user uuid.UUID, c cart.Cart, to address.Snapshot, off coupon.Taken) (*order.Order, error) {
	now, err := s.orderStore.Now(ctx)
	if err != nil {
		return nil, err
	}
	rate, known := s.cfg.TaxRate(to.Country)
	if !known {
		return nil, errNoTaxRate
	}
	currency, discount := c.Subtotal.Currency, off.Discount
	total := s.totalOf(c.Subtotal, discount)
	o := &order.Order{
		ID: id, Number: newNumber(), UserID: user, Status: order.PendingPayment, Currency: currency,
		Subtotal: c.Subtotal.Amount, Shipping: s.cfg.Shipping[currency], Discount: discount.Amount, Total: total.Amount,
		Tax: total.IncludedTax(rate).Amount, TaxRateBP: rate, Address: to, Version: 1,
		ReservedUntil: now.Add(s.cfg.ReserveFor), CreatedAt: now, UpdatedAt: now, Promotion: off.Promotion,
	}
	if o.Items, err = newItems(id, c, discount); err != nil {
		return nil, err
	}
	if o.Payment, err = order.NewPayment(o, 1, s.provider.Name()); o.Total == 0 {
		o.Payment.Status = order.PaymentSucceeded // there is nothing to ask for
	}
	return o, err
}

// totalOf is what is to be paid for goods, with their shipping.
func (s *Service) totalOf(subtotal, discount money.Money) money.Money {
	return money.Of(subtotal.Amount-discount.Amount+s.cfg.Shipping[subtotal.Currency], subtotal.Currency)
}

// newItems makes the order's lines; the discount is shared over them by what they cost.
func newItems(id uuid.UUID, c cart.Cart, discount money.Money) ([]order.Item, error) {
	weights := make([]int64, len(c.Lines))
	for i, line := range c.Lines {
		weights[i] = line.Total.Amount
	}
	shares := discount.Split(weights)
	items := make([]order.Item, len(c.Lines))
	for i, line := range c.Lines {
		itemID, err := uuid.NewV7()
		if err != nil {
			return nil, err
		}
		items[i] = order.Item{
			ID: itemID, OrderID: id, VariantID: line.VariantID, ProductID: line.Product.ID, Name: line.Name, SKU: line.SKU,
			Quantity: line.Quantity, UnitPrice: line.UnitPrice.Amount, LineTotal: line.Total.Amount, Discount: shares[i].Amount,
		}
	}
	return items, nil
}

// Pay makes sure that the intent exists, asks the provider about it and settles what it says.
func (s *Service) Pay(ctx context.Context, user, id uuid.UUID) (*order.Order, error) {
	o, err := s.cancellations.Read(ctx, user, id)
	if err != nil {
		return nil, err
	}
	if err := s.payments.EnsureIntent(ctx, o); err != nil {
		return nil, err
	}
	if err := s.payments.Settle(ctx, id); err != nil {
		return nil, err
	}
	if o, err = s.orderStore.Of(ctx, user, id); err != nil {
		return nil, err
	}
	if o.Status.Closed() && o.Payment.IntentID == nil {
		return nil, errNothingToPay
	}
	return o, nil
}
