// Package cancellation ends orders that will not be shipped: those that nobody paid in time, and those that their customers call off.
package cancellation

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/payment"
	"atrium/modules/orders/internal/refund"
	"atrium/platform/outbox"
	psp "atrium/platform/payment"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

// Deps are what the service needs.
type Deps struct {
	plug.In

	Store      *Store
	OrderStore *order.Store
	Orders     *order.Service
	Carts      *cart.Service
	Coupons    *coupon.Service
	Payments   *payment.Service
	Refunds    *refund.Service
	Outbox     *outbox.Outbox
	Log        *zap.Logger
}

// Service has the use cases of expiry and cancellation.
type Service struct {
	store      *Store
	orderStore *order.Store
	orders     *order.Service
	carts      *cart.Service
	coupons    *coupon.Service
	payments   *payment.Service
	refunds    *refund.Service
	outbox     *outbox.Outbox
	log        *zap.Logger
}

func NewService(d Deps) *Service {
	return &Service{d.Store, d.OrderStore, d.Orders, d.Carts, d.Coupons, d.Payments, d.Refunds, d.Outbox, d.Log}
}

// How long after its reservation an order is kept while nobody else wants its pieces: providerGrace while the provider does not
// answer. While it says that the bank is at work, processingGrace in any case. Then the stock is free; money that comes later is
// settled as late.
const (
	providerGrace   = 5 * time.Minute
	processingGrace = 24 * time.Hour
)

var errNotYet = errors.New("the reservation has not ended yet")

// Expire closes an order that nobody paid in time: the intent is cancelled first, then the stock is released and the cart
// given back. An order that was paid meanwhile is settled instead. Idempotent.
func (s *Service) Expire(ctx context.Context, id uuid.UUID) error {
	return s.expire(ctx, ctx, id, providerGrace)
}

// expire is Expire with an own context for the provider, and an own grace for one that does not answer.
func (s *Service) expire(ctx, asking context.Context, id uuid.UUID, grace time.Duration) error {
	o, err := s.orderStore.ByID(ctx, id)
	if err != nil || o.Status != order.PendingPayment {
		return err
	}
	now, err := s.orderStore.Now(ctx)
	if err != nil {
		return err
	}
	if wait := o.ReservedUntil.Sub(now); wait > 0 {
		return tasks.RetryAfter(errNotYet, wait)
	}
	late := now.Sub(o.ReservedUntil)
	switch err := s.payments.CancelIntent(asking, o); {
	case err == nil:
	case errors.Is(err, psp.ErrProcessing) && late < processingGrace:
		return nil // the provider's event settles it, or the sweep
	case !errors.Is(err, psp.ErrProcessing) && late < grace:
		return tasks.RetryAfter(err, 30*time.Second)
	default:
		s.log.Warn("an order expires though its payment is not decided", zap.Stringer("order_id", id), zap.Error(err))
	}
	_, err = s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.Status != order.PendingPayment {
			return nil
		}
		return s.closeUnpaid(ctx, o, order.Expired, "not paid in time", orders.Expired{Moved: o.Moved()})
	})
	return err
}

// What one checkout does at most for stock that others hold: so many orders are closed, and so long is waited for the provider.
const (
	atOnce       = 10
	askingAtOnce = 3 * time.Second
)

// ReleaseFor closes orders whose time is up and that hold what this person's cart asks for: reservations end by time, not by the
// job that is to end them, and not by a provider that does not answer. It reports whether there may be stock now that was reserved before.
func (s *Service) ReleaseFor(ctx context.Context, user uuid.UUID) bool {
	ids, err := s.store.HoldingCartOf(ctx, user, atOnce)
	if err != nil {
		s.log.Warn("orders whose reservation has ended could not be looked for", zap.Error(err))
		return false
	}
	asking, enough := context.WithTimeout(ctx, askingAtOnce)
	defer enough()
	for _, id := range ids {
		if err := s.expire(ctx, asking, id, 0); err != nil {
			s.log.Info("an order whose reservation has ended holds its stock", zap.Stringer("order_id", id), zap.Error(err))
		}
	}
	return len(ids) > 0
}

// Sweep closes orders whose job did not come to them.
func (s *Service) Sweep(ctx context.Context) error {
	ids, err := s.store.ReservationEnded(ctx, sweepSlack, order.SweepLimit)
	return errors.Join(err, order.Each(ctx, ids, s.Expire))
}

// Read returns a person's order, or orders.ErrNotFound. One whose time is up is settled or closed first, whether or not its job
// has come to it.
func (s *Service) Read(ctx context.Context, user, id uuid.UUID) (*order.Order, error) {
	o, err := s.orderStore.Of(ctx, user, id)
	if err != nil || !o.ReservationEnded(time.Now()) {
		return o, err
	}
	if err := s.Expire(ctx, id); err != nil {
		s.log.Info("an order whose reservation has ended is shown as it stands", zap.Stringer("order_id", id), zap.Error(err))
		return o, nil
	}
	return s.orderStore.Of(ctx, user, id)
}

// closeUnpaid ends an order that waits for its payment: cart, coupon and stock are given back, locked in the order of a checkout.
func (s *Service) closeUnpaid(ctx context.Context, o *order.Order, as order.Status, note string, event outbox.Event) error {
	if err := s.carts.GiveBack(ctx, o.UserID, cartRows(o)); err != nil {
		return err
	}
	if err := s.coupons.GiveBack(ctx, o.ID); err != nil {
		return err
	}
	if err := s.orders.Release(ctx, o); err != nil {
		return err
	}
	if o.Payment.IntentID == nil && o.Payment.Status == order.PaymentOpen {
		o.Payment.Status = order.PaymentCancelled
		if err := s.orderStore.SetPayment(ctx, o.Payment); err != nil {
			return err
		}
	}
	if err := s.orders.Move(ctx, o, as, note); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, event)
}

// cartRows are an order's lines as a cart has them.
func cartRows(o *order.Order) []cart.Row {
	rows := make([]cart.Row, len(o.Items))
	for i, item := range o.Items {
		rows[i] = cart.Row{
			VariantID: item.VariantID, ProductID: item.ProductID, ProductName: item.Name, Quantity: item.Quantity,
			PriceAmount: item.UnitPrice, PriceCurrency: o.Currency,
		}
	}
	return rows
}

// CancelReviewed ends an order in review for which nothing was paid, in the transaction that holds its lock.
func (s *Service) CancelReviewed(ctx context.Context, o *order.Order, note string) error {
	if err := s.coupons.GiveBack(ctx, o.ID); err != nil {
		return err
	}
	if err := s.orders.Release(ctx, o); err != nil {
		return err
	}
	if err := s.orders.Move(ctx, o, order.Cancelled, note); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, orders.Cancelled{Moved: o.Moved()})
}

// Cancel calls an order off before anything was shipped. A paid one is refunded and its pieces go back on the shelf.
// One that is cancelled already stays so.
func (s *Service) Cancel(ctx context.Context, user, id uuid.UUID) (*order.Order, error) {
	o, err := s.orderStore.Of(ctx, user, id)
	if err != nil {
		return nil, err
	}
	return s.cancel(ctx, o, "cancelled by the customer")
}

// CancelByShop is Cancel for anybody's order.
func (s *Service) CancelByShop(ctx context.Context, id uuid.UUID) (*order.Order, error) {
	o, err := s.orderStore.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	return s.cancel(ctx, o, "cancelled by the shop")
}

func (s *Service) cancel(ctx context.Context, o *order.Order, note string) (*order.Order, error) {
	if o.Status == order.PendingPayment {
		// A provider that is down does not keep people from cancelling: the sweep cancels the intent, and money that comes
		// all the same goes back.
		if err := s.payments.CancelIntent(ctx, o); err != nil {
			s.log.Warn("an order is cancelled though the provider does not answer", zap.Stringer("order_id", o.ID), zap.Error(err))
		}
	}
	_, err := s.orders.Change(ctx, o.ID, func(ctx context.Context, o *order.Order) error {
		switch {
		case o.Status == order.Cancelled:
			return nil
		case o.Status == order.PendingPayment:
			return s.closeUnpaid(ctx, o, order.Cancelled, note, orders.Cancelled{Moved: o.Moved()})
		case o.Status.May(order.Cancelled) && o.Status != order.Review && !o.AnythingShipped():
			return s.cancelPaid(ctx, o, note)
		default:
			return orders.ErrWrongState
		}
	})
	if err != nil {
		return nil, err
	}
	return s.orderStore.ByID(ctx, o.ID)
}

func (s *Service) cancelPaid(ctx context.Context, o *order.Order, note string) error {
	if err := s.coupons.GiveBack(ctx, o.ID); err != nil {
		return err
	}
	if err := s.orders.Release(ctx, o); err != nil {
		return err
	}
	for i := range o.Items {
		item := &o.Items[i]
		item.Refunded, item.Withdrawn = item.Quantity, item.Quantity
	}
	if err := s.orderStore.SetItems(ctx, o); err != nil {
		return err
	}
	if err := s.orders.Move(ctx, o, order.Cancelled, note); err != nil {
		return err
	}
	if err := s.refunds.RefundRemainder(ctx, o.Payment, "cancelled"); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, orders.Cancelled{Moved: o.Moved()})
}
