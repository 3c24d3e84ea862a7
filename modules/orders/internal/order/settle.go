package order

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/products"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/tasks"
)

// Take writes a verified event into the ledger and, the first time, hands its intent or refund to the job that settles it. What
// an event says is never believed: the job asks the provider. Events about neither are of no concern.
func (s *Service) Take(ctx context.Context, event payment.Event) error {
	var job outbox.Task = SettleIntent{IntentID: event.IntentID, Live: event.Live}
	switch {
	case event.RefundID != "":
		job = SettleRefund{ProviderRefundID: event.RefundID}
	case event.IntentID == "":
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		fresh, err := s.store.InsertEvent(ctx, s.provider.Name(), event)
		if err != nil || !fresh {
			return err
		}
		return s.outbox.Enqueue(ctx, job)
	})
}

// Settle brings an order in line with what the provider says about its payment. The webhook's job, the client, the expiry and
// the sweep all call it, any number of times and in any order: the provider is asked outside the transaction, and its answer
// is applied under the lock of the order's row.
func (s *Service) Settle(ctx context.Context, id uuid.UUID) error {
	o, err := s.store.ByID(ctx, id)
	if err != nil || o.Payment.IntentID == nil || o.Payment.settled() {
		return err
	}
	intent, err := s.provider.Intent(ctx, *o.Payment.IntentID)
	if err != nil {
		return errors.Join(err, s.store.Looked(ctx, o.Payment.ID))
	}
	return s.apply(ctx, id, intent)
}

// settleIntent is Settle for an intent that an event named. live is the event's mode.
func (s *Service) settleIntent(ctx context.Context, intentID string, live bool) error {
	intent, err := s.provider.Intent(ctx, intentID)
	if errors.Is(err, payment.ErrRefused) {
		return tasks.Drop(err) // the provider does not know it: nothing of ours
	}
	if err != nil {
		return err
	}
	if live != intent.Live {
		intent.Live = live // the event's and the intent's modes differ: one of them is not the payment's, so it goes to review
	}
	p, found, err := s.store.PaymentOf(ctx, s.provider.Name(), intentID)
	if err != nil {
		return err
	}
	if found {
		return s.apply(ctx, p.OrderID, intent)
	}
	id, err := uuid.Parse(intent.OrderID)
	if err != nil {
		s.log.Info("an intent that is not of an order", zap.String("intent_id", intentID))
		return nil //nolint:nilerr // somebody else's intent is nothing to try again
	}
	err = s.apply(ctx, id, intent) // the answer that made the intent was lost
	if errors.Is(err, orders.ErrNotFound) {
		s.log.Warn("an intent of an order that is not here", zap.String("intent_id", intentID))
		return nil
	}
	return err
}

// apply settles what the provider says. Money that came too late takes the stock again, or goes back where it is gone.
// An intent of an order that nobody is to pay any more is cancelled.
func (s *Service) apply(ctx context.Context, id uuid.UUID, intent payment.Intent) error {
	var o *Order
	settle := func(late func(ctx context.Context, o *Order, p Payment) error) error {
		return s.db.InTx(ctx, func(ctx context.Context) (err error) {
			if o, err = s.store.Lock(ctx, id); err != nil {
				return err
			}
			return s.applyLocked(ctx, o, intent, late)
		})
	}
	err := settle(s.reviveLate)
	if errors.Is(err, products.ErrInsufficientStock) || errors.Is(err, coupon.ErrExhausted) {
		err = settle(s.refundLate)
	}
	if err != nil || !o.Status.over() || intent.Status != payment.StatusOpen {
		return err
	}
	return s.abandon(ctx, id, intent.ID)
}

// abandon makes sure at the provider that an intent can never be paid. One that was paid meanwhile is settled instead;
// payment.ErrProcessing means that the bank has not decided yet.
func (s *Service) abandon(ctx context.Context, id uuid.UUID, intentID string) error {
	intent, err := s.provider.CancelIntent(ctx, id.String()+"-cancel", intentID)
	if errors.Is(err, payment.ErrRefused) || errors.Is(err, payment.ErrProcessing) {
		intent, err = s.provider.Intent(ctx, intentID)
	}
	if err != nil {
		return err
	}
	if err := s.apply(ctx, id, intent); err != nil || intent.Status != payment.StatusProcessing {
		return err
	}
	return payment.ErrProcessing
}

func (s *Service) applyLocked(ctx context.Context, o *Order, intent payment.Intent, late func(context.Context, *Order, Payment) error) error {
	p, err := s.attemptOf(ctx, o, intent)
	if err != nil || p.ID == uuid.Nil || p.settled() {
		return err
	}
	switch {
	case mismatch(o, p, intent) != "":
		return s.review(ctx, o, p, intent)
	case intent.Status == payment.StatusSucceeded:
		p.Status, p.Captured = paymentSucceeded, intent.Received.Amount
		if err := s.store.SetPayment(ctx, p); err != nil {
			return err
		}
		return s.captured(ctx, o, p, late)
	case intent.Status == payment.StatusCancelled:
		p.Status = paymentCancelled
	case intent.Status == payment.StatusProcessing && p.Status != paymentProcessing:
		p.Status = paymentProcessing
		if err := s.store.Note(ctx, o, "the bank is at work on the payment"); err != nil {
			return err
		}
	case intent.Status == payment.StatusProcessing: // still
	case p.Status != paymentCancelled:
		p.Status = paymentOpen
	}
	return s.store.SetPayment(ctx, p)
}

// attemptOf finds the attempt that an intent belongs to. An attempt without an intent adopts it: the provider's answer was lost.
func (s *Service) attemptOf(ctx context.Context, o *Order, intent payment.Intent) (Payment, error) {
	p, found, err := s.store.PaymentOf(ctx, s.provider.Name(), intent.ID)
	if err != nil || found {
		return p, err
	}
	if o.Payment.IntentID != nil {
		s.alert(ctx, "second_intent", "a second intent of one attempt", zap.Stringer("order_id", o.ID), zap.String("intent_id", intent.ID))
		return Payment{}, nil
	}
	if err := s.store.SetIntent(ctx, o.Payment.ID, intent); err != nil {
		return Payment{}, err
	}
	p, _, err = s.store.PaymentOf(ctx, s.provider.Name(), intent.ID)
	return p, err
}

// mismatch says in which way an intent is not what was asked for, or "".
func mismatch(o *Order, p Payment, intent payment.Intent) string {
	asked := money.Of(p.Amount, p.Currency)
	switch {
	case intent.OrderID != o.ID.String():
		return "order"
	case intent.Amount.Currency != p.Currency:
		return "currency"
	case intent.Amount != asked, intent.Status == payment.StatusSucceeded && intent.Received != asked:
		return "amount"
	case intent.Live != p.Live:
		return "mode"
	}
	return ""
}

// review takes an order out of everything automatic: people look at it. It is never paid.
func (s *Service) review(ctx context.Context, o *Order, p Payment, intent payment.Intent) error {
	what := mismatch(o, p, intent)
	s.alert(ctx, "review", "a payment is not what was asked for", zap.Stringer("order_id", o.ID), zap.String("intent_id", intent.ID), zap.String("differs", what))
	p.Status, p.Captured = paymentReview, intent.Received.Amount
	if err := s.store.SetPayment(ctx, p); err != nil {
		return err
	}
	if !o.Status.may(Review) {
		return s.store.Note(ctx, o, "the payment's "+what+" is not what was asked for")
	}
	return s.move(ctx, o, Review, "the payment's "+what+" is not what was asked for")
}

// captured is what follows from money that has arrived.
func (s *Service) captured(ctx context.Context, o *Order, p Payment, late func(context.Context, *Order, Payment) error) error {
	switch o.Status {
	case PendingPayment:
		return s.paid(ctx, o, "")
	case Expired:
		return late(ctx, o, p)
	default: // cancelled, or paid by another attempt: what came on top goes back
		return s.payBack(ctx, o, p, "paid after the order was closed")
	}
}

func (s *Service) paid(ctx context.Context, o *Order, note string) error {
	if err := s.move(ctx, o, Paid, note); err != nil {
		return err
	}
	if err := s.outbox.Publish(ctx, orders.Paid{Moved: o.moved()}); err != nil {
		return err
	}
	s.db.AfterCommit(ctx, func(context.Context) { s.meters.paid.WithLabelValues(o.Currency).Inc() })
	return s.outbox.Enqueue(ctx, Fulfil{OrderID: o.ID})
}

// reviveLate takes the coupon and the stock again for an order that expired before its money came; coupon.ErrExhausted or
// products.ErrInsufficientStock if others have them.
func (s *Service) reviveLate(ctx context.Context, o *Order, _ Payment) error {
	if err := s.coupons.UseAgain(ctx, o.ID); err != nil {
		return err
	}
	if err := s.stock.Reserve(ctx, o.ID, o.lines()); err != nil {
		return err
	}
	o.Stock = stockReserved
	return s.paid(ctx, o, "paid after the reservation had ended; still in stock")
}

// refundLate gives the money back.
func (s *Service) refundLate(ctx context.Context, o *Order, p Payment) error {
	s.alert(ctx, "late_payment", "money came too late and goes back", zap.Stringer("order_id", o.ID))
	if err := s.store.Note(ctx, o, "paid after the reservation had ended; others have taken the stock or the coupon meanwhile"); err != nil {
		return err
	}
	return s.payBack(ctx, o, p, "stock or coupon were gone before the payment arrived")
}

// Fulfil makes the reserved pieces of a paid order its own. Twice is once.
func (s *Service) Fulfil(ctx context.Context, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		o, err := s.store.Lock(ctx, id)
		if err != nil || o.Stock != stockReserved || !o.Status.bought() {
			return err
		}
		if err := s.sell(ctx, o); err != nil {
			return err
		}
		return s.store.SetStanding(ctx, o)
	})
}
