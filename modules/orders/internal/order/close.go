package order

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/tasks"
)

// How long after its reservation an order is kept: patience while the provider does not answer, processingPatience while it
// says that the bank is at work. Then the stock is free; money that comes later is settled as late.
const (
	patience           = 5 * time.Minute
	processingPatience = 24 * time.Hour
)

var errNotYet = errors.New("the reservation has not ended yet")

// Expire closes an order that nobody paid in time: the intent is cancelled first, then the stock is released and the cart
// given back. An order that was paid meanwhile is settled instead. Twice is once.
func (s *Service) Expire(ctx context.Context, id uuid.UUID) error {
	o, err := s.store.ByID(ctx, id)
	if err != nil || o.Status != PendingPayment {
		return err
	}
	now, err := s.store.Now(ctx)
	if err != nil {
		return err
	}
	if wait := o.ReservedUntil.Sub(now); wait > 0 {
		return tasks.RetryAfter(errNotYet, wait)
	}
	late := now.Sub(o.ReservedUntil)
	switch err := s.cancelIntent(ctx, o); {
	case err == nil:
	case errors.Is(err, payment.ErrProcessing) && late < processingPatience:
		return nil // the provider's event settles it, or the sweep
	case !errors.Is(err, payment.ErrProcessing) && late < patience:
		return tasks.RetryAfter(err, 30*time.Second)
	default:
		s.log.Warn("an order expires though its payment is not decided", zap.Stringer("order_id", id), zap.Error(err))
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		o, err := s.store.Lock(ctx, id)
		if err != nil || o.Status != PendingPayment {
			return err
		}
		return s.closeUnpaid(ctx, o, Expired, "not paid in time", orders.Expired{Moved: o.moved()})
	})
}

// freeOverdue closes orders whose time is up and that hold what this person's cart asks for: reservations end by time, not by
// the job that is to end them. It reports whether there may be stock now that was reserved before.
func (s *Service) freeOverdue(ctx context.Context, user uuid.UUID) bool {
	ids, err := s.store.OverdueWith(ctx, user, freeAtOnce)
	if err != nil {
		s.log.Warn("overdue orders could not be looked for", zap.Error(err))
		return false
	}
	for _, id := range ids {
		if err := s.Expire(ctx, id); err != nil {
			s.log.Info("an overdue order holds its stock", zap.Stringer("order_id", id), zap.Error(err))
		}
	}
	return len(ids) > 0
}

// freeAtOnce bounds how many overdue orders one checkout closes.
const freeAtOnce = 10

// Read returns a person's order. One whose time is up is settled or closed first, whether or not its job has come to it.
func (s *Service) Read(ctx context.Context, user, id uuid.UUID) (*Order, error) {
	o, err := s.store.Of(ctx, user, id)
	if err != nil || !o.overdue(time.Now()) {
		return o, err
	}
	if err := s.Expire(ctx, id); err != nil {
		s.log.Info("an overdue order is shown as it stands", zap.Stringer("order_id", id), zap.Error(err))
		return o, nil
	}
	return s.store.Of(ctx, user, id)
}

// cancelIntent makes sure that the order's intent cannot be paid any more, or settles what was paid.
// Without an intent there is nothing that a customer could pay.
func (s *Service) cancelIntent(ctx context.Context, o *Order) error {
	if o.Payment.IntentID == nil || o.Payment.Status == paymentCancelled || o.Payment.settled() {
		return nil
	}
	return s.abandon(ctx, o.ID, *o.Payment.IntentID)
}

// closeUnpaid ends an order that waits for its payment: cart, coupon and stock are given back, locked in the order of a checkout.
func (s *Service) closeUnpaid(ctx context.Context, o *Order, as Status, note string, event outbox.Event) error {
	if err := s.carts.GiveBack(ctx, o.UserID, o.cartRows()); err != nil {
		return err
	}
	if err := s.coupons.GiveBack(ctx, o.ID); err != nil {
		return err
	}
	if err := s.release(ctx, o); err != nil {
		return err
	}
	if o.Payment.IntentID == nil && o.Payment.Status == paymentOpen {
		o.Payment.Status = paymentCancelled
		if err := s.store.SetPayment(ctx, o.Payment); err != nil {
			return err
		}
	}
	if err := s.move(ctx, o, as, note); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, event)
}

// Cancel calls an order off before anything was shipped. A paid one is refunded and its pieces go back on the shelf.
// One that is cancelled already stays so.
func (s *Service) Cancel(ctx context.Context, user, id uuid.UUID) (*Order, error) {
	o, err := s.store.Of(ctx, user, id)
	if err != nil {
		return nil, err
	}
	if o.Status == PendingPayment {
		// A provider that is down does not keep people from cancelling: the sweep cancels the intent, and money that comes
		// all the same goes back.
		if err := s.cancelIntent(ctx, o); err != nil {
			s.log.Warn("an order is cancelled though the provider does not answer", zap.Stringer("order_id", id), zap.Error(err))
		}
	}
	err = s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if o, err = s.store.Lock(ctx, id); err != nil {
			return err
		}
		switch {
		case o.Status == Cancelled:
			return nil
		case o.Status == PendingPayment:
			return s.closeUnpaid(ctx, o, Cancelled, "cancelled by the customer", orders.Cancelled{Moved: o.moved()})
		case o.Status.may(Cancelled) && !o.anythingShipped():
			return s.cancelPaid(ctx, o)
		default:
			return orders.ErrWrongState
		}
	})
	if err != nil {
		return nil, err
	}
	return s.store.Of(ctx, user, id)
}

func (s *Service) cancelPaid(ctx context.Context, o *Order) error {
	if err := s.coupons.GiveBack(ctx, o.ID); err != nil {
		return err
	}
	if err := s.release(ctx, o); err != nil {
		return err
	}
	for i := range o.Items {
		item := &o.Items[i]
		item.Refunded, item.Withdrawn = item.Quantity, item.Quantity
		if err := s.store.SetItem(ctx, item); err != nil {
			return err
		}
	}
	if err := s.move(ctx, o, Cancelled, "cancelled by the customer"); err != nil {
		return err
	}
	if err := s.payBack(ctx, o, o.Payment, "cancelled"); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, orders.Cancelled{Moved: o.moved()})
}

// How much one sweep looks at, and for how long something must have been quiet to be looked at.
const (
	sweepLimit    = 100
	overdueSlack  = 30 * time.Second
	unsettledWait = 5 * time.Minute
)

// Sweep looks for what fell through: orders that should have expired, payments whose webhook was lost, refunds that wait.
// One that fails does not hold the others up.
func (s *Service) Sweep(ctx context.Context) error {
	overdue, err := s.store.Overdue(ctx, overdueSlack, sweepLimit)
	if err != nil {
		return err
	}
	unsettled, err := s.store.Unsettled(ctx, unsettledWait, sweepLimit)
	if err != nil {
		return err
	}
	refunds, err := s.store.UnsettledRefunds(ctx, sweepLimit)
	if err != nil {
		return err
	}
	var failed []error
	for _, work := range []struct {
		ids []uuid.UUID
		do  func(context.Context, uuid.UUID) error
	}{{overdue, s.Expire}, {unsettled, s.Settle}, {refunds, s.lookAtRefund}} {
		for _, id := range work.ids {
			if err := work.do(ctx, id); err != nil {
				failed = append(failed, err)
			}
		}
	}
	return errors.Join(failed...)
}
