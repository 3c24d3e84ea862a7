package payment

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/order"
	"atrium/modules/products"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/tasks"
)

// Settle brings an order in line with what the provider says about its payment. The webhook's job, the client, the expiry and
// the sweep all call it, any number of times and in any order: the provider is asked outside the transaction, and its answer
// is applied under the lock of the order's row.
func (s *Service) Settle(ctx context.Context, id uuid.UUID) error {
	o, err := s.orderStore.ByID(ctx, id)
	if err != nil || o.Payment.IntentID == nil || o.Payment.Settled() {
		return err
	}
	intent, err := s.provider.Intent(ctx, *o.Payment.IntentID)
	if err != nil {
		return errors.Join(err, s.store.MarkChecked(ctx, o.Payment.ID))
	}
	return s.apply(ctx, id, intent)
}

// SettleIntent is Settle for an intent that an event named. live is the event's mode.
func (s *Service) SettleIntent(ctx context.Context, intentID string, live bool) error {
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
	p, found, err := s.orderStore.PaymentByIntent(ctx, s.provider.Name(), intentID)
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

// apply settles what the provider says about an order's payment. An intent that is still open though the order is closed, or in review, is
// cancelled, and the provider's answer to that is recorded in its place, once: cancelAtProvider never applies.
func (s *Service) apply(ctx context.Context, id uuid.UUID, intent payment.Intent) error {
	status, err := s.record(ctx, id, intent)
	if err != nil || !status.Closed() && status != order.Review || intent.Status != payment.StatusOpen {
		return err
	}
	return s.cancelAtProvider(ctx, id, intent.ID)
}

// cancelAtProvider makes sure at the provider that an intent can never be paid. One that was paid meanwhile is settled instead;
// payment.ErrProcessing means that the bank has not decided yet, payment.ErrRefused that the intent can still be paid.
func (s *Service) cancelAtProvider(ctx context.Context, id uuid.UUID, intentID string) error {
	intent, refusal := s.provider.CancelIntent(ctx, id.String()+"-cancel", intentID)
	err := refusal
	if errors.Is(refusal, payment.ErrRefused) || errors.Is(refusal, payment.ErrProcessing) {
		intent, err = s.provider.Intent(ctx, intentID)
	}
	if err != nil {
		return err
	}
	if _, err := s.record(ctx, id, intent); err != nil {
		return err
	}
	switch intent.Status {
	case payment.StatusProcessing:
		return payment.ErrProcessing
	case payment.StatusOpen:
		return refusal
	case payment.StatusSucceeded, payment.StatusCancelled:
	}
	return nil
}

// record writes what the provider says about an order's payment, does what follows from it, and returns the order's status
// then. Money that came after the order had expired reinstates it, or goes back where the stock or the coupon is taken: that shows
// only while they are taken, so it is decided again in a transaction of its own.
func (s *Service) record(ctx context.Context, id uuid.UUID, intent payment.Intent) (order.Status, error) {
	status, err := s.recordOnce(ctx, id, intent, false)
	if errors.Is(err, products.ErrInsufficientStock) || errors.Is(err, coupon.ErrExhausted) {
		return s.recordOnce(ctx, id, intent, true)
	}
	return status, err
}

func (s *Service) recordOnce(ctx context.Context, id uuid.UUID, intent payment.Intent, unavailable bool) (status order.Status, err error) {
	_, err = s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		p, err := s.attemptOf(ctx, o, intent)
		switch {
		case err != nil || p.ID == uuid.Nil:
		case !p.Settled():
			err = s.execute(ctx, decide(o, p, intent, unavailable), o, p, intent)
		case p.Status == order.PaymentReview:
			err = s.book(ctx, o, p, intent)
		}
		status = o.Status
		return err
	})
	return status, err
}

// decision is what follows from the provider's word about a payment.
type decision string

const (
	decideReview     decision = "review"      // it is not what was asked for: people look at it
	decideWait       decision = "wait"        // no money has moved
	decidePay        decision = "pay"         // the order is paid
	decideReinstate  decision = "reinstate"   // paid after it had expired: coupon and stock are taken again
	decideRefundLate decision = "refund_late" // the same, but others have the stock or the coupon
	decideRefund     decision = "refund"      // cancelled, or paid by another attempt: what came on top goes back
)

// decide says what follows for an order from what the provider says about one attempt to pay it. unavailable means that the stock or
// the coupon of an expired order cannot be taken again.
func decide(o *order.Order, p order.Payment, intent payment.Intent, unavailable bool) decision {
	switch {
	case mismatch(o, p, intent) != "":
		return decideReview
	case intent.Status != payment.StatusSucceeded:
		return decideWait
	case o.Status == order.PendingPayment:
		return decidePay
	case o.Status == order.Expired && !unavailable:
		return decideReinstate
	case o.Status == order.Expired:
		return decideRefundLate
	default:
		return decideRefund
	}
}

// execute does what was decided, in the transaction that holds the order's lock.
func (s *Service) execute(ctx context.Context, d decision, o *order.Order, p order.Payment, intent payment.Intent) error {
	if d != decideReview && d != decideWait { // the money has arrived
		p.Status, p.Captured = order.PaymentSucceeded, intent.Received.Amount
		if err := s.orderStore.SetPayment(ctx, p); err != nil {
			return err
		}
	}
	switch d {
	case decideReview:
		return s.review(ctx, o, p, intent)
	case decideWait:
		return s.noteProgress(ctx, o, p, intent.Status)
	case decidePay:
		return s.MarkPaid(ctx, o, "")
	case decideReinstate:
		return s.reinstate(ctx, o)
	case decideRefundLate:
		return s.refundLate(ctx, o, p)
	case decideRefund:
	}
	return s.refunds.RefundRemainder(ctx, p, "paid after the order was closed")
}

// noteProgress notes how far a payment is that has brought no money.
func (s *Service) noteProgress(ctx context.Context, o *order.Order, p order.Payment, status payment.Status) error {
	switch {
	case status == payment.StatusCancelled:
		p.Status = order.PaymentCancelled
	case status == payment.StatusProcessing && p.Status != order.PaymentProcessing:
		p.Status = order.PaymentProcessing
		if err := s.orderStore.Note(ctx, o, "the bank is at work on the payment"); err != nil {
			return err
		}
	case status == payment.StatusOpen && p.Status != order.PaymentCancelled:
		p.Status = order.PaymentOpen
	}
	return s.orderStore.SetPayment(ctx, p)
}

// attemptOf finds the attempt that an intent belongs to. An attempt without an intent gets it: the provider's answer was lost.
func (s *Service) attemptOf(ctx context.Context, o *order.Order, intent payment.Intent) (order.Payment, error) {
	p, found, err := s.orderStore.PaymentByIntent(ctx, s.provider.Name(), intent.ID)
	if err != nil || found {
		return p, err
	}
	if o.Payment.IntentID != nil {
		s.alerts.Raise(ctx, "second_intent", "a second intent of one attempt", zap.Stringer("order_id", o.ID), zap.String("intent_id", intent.ID))
		return order.Payment{}, nil
	}
	if err := s.orderStore.SetIntent(ctx, o.Payment.ID, intent); err != nil {
		return order.Payment{}, err
	}
	p, _, err = s.orderStore.PaymentByIntent(ctx, s.provider.Name(), intent.ID)
	return p, err
}

// mismatch says in which way an intent is not what was asked for, or "".
func mismatch(o *order.Order, p order.Payment, intent payment.Intent) string {
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
func (s *Service) review(ctx context.Context, o *order.Order, p order.Payment, intent payment.Intent) error {
	what := mismatch(o, p, intent)
	s.alerts.Raise(ctx, "review", "a payment is not what was asked for", zap.Stringer("order_id", o.ID), zap.String("intent_id", intent.ID), zap.String("differs", what))
	p.Status, p.Captured, p.Currency = order.PaymentReview, intent.Received.Amount, intent.Received.Currency
	if err := s.orderStore.SetPayment(ctx, p); err != nil {
		return err
	}
	if !o.Status.May(order.Review) {
		return s.orderStore.Note(ctx, o, "the payment's "+what+" is not what was asked for")
	}
	return s.orders.Move(ctx, o, order.Review, "the payment's "+what+" is not what was asked for")
}

// book writes down money that came for a payment that is in review already.
func (s *Service) book(ctx context.Context, o *order.Order, p order.Payment, intent payment.Intent) error {
	if intent.Received.Amount == p.Captured {
		return nil
	}
	p.Captured, p.Currency = intent.Received.Amount, intent.Received.Currency
	if err := s.orderStore.SetPayment(ctx, p); err != nil {
		return err
	}
	return s.orderStore.Note(ctx, o, intent.Received.String()+" was paid")
}

// MarkPaid takes an order to paid, in the transaction that holds its lock, and enqueues what follows.
func (s *Service) MarkPaid(ctx context.Context, o *order.Order, note string) error {
	if err := s.orders.Move(ctx, o, order.Paid, note); err != nil {
		return err
	}
	if err := s.outbox.Publish(ctx, orders.Paid{Moved: o.Moved()}); err != nil {
		return err
	}
	s.db.AfterCommit(ctx, func(context.Context) { s.paid.WithLabelValues(o.Currency).Inc() })
	return s.outbox.Enqueue(ctx, Fulfil{OrderID: o.ID}, outbox.Urgent())
}

// reinstate takes the coupon and the stock again for an order that expired before its money came; coupon.ErrExhausted or
// products.ErrInsufficientStock if others have them. Its lines leave the cart, which had them back.
func (s *Service) reinstate(ctx context.Context, o *order.Order) error {
	if err := s.carts.TakeBack(ctx, o.UserID, o.StockLines()); err != nil {
		return err
	}
	if err := s.coupons.UseAgain(ctx, o.ID); err != nil {
		return err
	}
	if err := s.orders.Reserve(ctx, o); err != nil {
		return err
	}
	return s.MarkPaid(ctx, o, "paid after the reservation had ended; still in stock")
}

// refundLate gives the money of an expired order back, and alerts.
func (s *Service) refundLate(ctx context.Context, o *order.Order, p order.Payment) error {
	s.alerts.Raise(ctx, "late_payment", "money came too late and goes back", zap.Stringer("order_id", o.ID))
	if err := s.orderStore.Note(ctx, o, "paid after the reservation had ended; others have taken the stock or the coupon meanwhile"); err != nil {
		return err
	}
	return s.refunds.RefundRemainder(ctx, p, "stock or coupon were gone before the payment arrived")
}
