package refund

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/platform/money"
	"atrium/platform/payment"
	"atrium/platform/tasks"
)

// idempotencyKeyAge is after how long the provider may have forgotten an idempotency key: then it is asked for the refund before
// it is asked to make it. Stripe keeps keys for a day.
const idempotencyKeyAge = time.Hour

// send sends a refund to the provider under its own id, so that repeating it repeats nothing, and notes what came of it.
func (s *Service) send(ctx context.Context, id uuid.UUID) error {
	r, err := s.store.ByID(ctx, id)
	if err != nil || r.Status != Pending {
		return err
	}
	from, err := s.store.Source(ctx, r.PaymentID)
	if err != nil {
		return err
	}
	var sent payment.Refund
	if from.Disputed || time.Since(r.CreatedAt) > idempotencyKeyAge {
		if sent, err = s.findAtProvider(ctx, id, from.IntentID); err != nil {
			return errors.Join(err, s.store.MarkChecked(ctx, id))
		}
	}
	if sent.ID == "" {
		if from.Disputed {
			return s.wait(ctx, r)
		}
		sent, err = s.provider.Refund(ctx, r.key(), from.IntentID, money.Of(r.Amount, r.Currency), id.String())
	}
	switch {
	case errors.Is(err, payment.ErrRefused):
		return s.refused(ctx, r, from, err)
	case err != nil:
		return errors.Join(err, s.store.MarkChecked(ctx, id))
	default:
		return s.apply(ctx, r, sent)
	}
}

// findAtProvider looks for a refund of ours among those of an intent; the zero Refund where it is not there.
func (s *Service) findAtProvider(ctx context.Context, id uuid.UUID, intentID string) (sent payment.Refund, err error) {
	err = s.provider.Refunds(ctx, payment.RefundFilter{IntentID: intentID}, func(r payment.Refund) error {
		if r.RefundID == id.String() {
			sent = r
		}
		return nil
	})
	return sent, err
}

// Sweep moves on refunds that have been quiet: a job or an event was lost.
func (s *Service) Sweep(ctx context.Context) error {
	ids, err := s.store.Unsettled(ctx, order.SweepLimit)
	return errors.Join(err, order.Each(ctx, ids, s.check))
}

// check sends a refund, or asks the provider about it.
func (s *Service) check(ctx context.Context, id uuid.UUID) error {
	r, err := s.store.ByID(ctx, id)
	if err != nil {
		return err
	}
	if r.Status == Pending || r.ProviderRefundID == nil {
		return s.send(ctx, id)
	}
	found, err := s.provider.ReadRefund(ctx, *r.ProviderRefundID)
	if err = errors.Join(err, s.store.MarkChecked(ctx, id)); err != nil {
		return err
	}
	return s.apply(ctx, r, found)
}

// settleByID brings a refund that an event named in line with what the provider says about it.
func (s *Service) settleByID(ctx context.Context, providerRefundID string) error {
	found, err := s.provider.ReadRefund(ctx, providerRefundID)
	if errors.Is(err, payment.ErrRefused) {
		return tasks.Drop(err) // the provider does not know it: nothing of ours
	}
	if err != nil {
		return err
	}
	return s.Settle(ctx, found)
}

// Settle brings a refund in line with what the provider has just said. One that is not ours was made at the provider by hand: it
// is written into our books.
func (s *Service) Settle(ctx context.Context, found payment.Refund) error {
	r, known, err := s.Find(ctx, found)
	if err != nil {
		return err
	}
	if known {
		return s.apply(ctx, r, found)
	}
	p, known, err := s.orderStore.PaymentByIntent(ctx, s.provider.Name(), found.IntentID)
	if err != nil || !known {
		return err
	}
	err = s.recordForeignRefund(ctx, p, found)
	if errors.Is(err, order.ErrRefundExceeds) {
		if booked, err := s.makeRoom(ctx, p, found); err != nil || booked {
			return err
		}
		s.alerts.Raise(ctx, "foreign_refund", "more was refunded at the provider than is left", zap.Stringer("order_id", p.OrderID), zap.String("refund_id", found.ID))
		return nil
	}
	return err
}

// Find reads the refund of ours that the provider speaks of; known is false where there is none.
func (s *Service) Find(ctx context.Context, found payment.Refund) (r Refund, known bool, err error) {
	id, _ := uuid.Parse(found.RefundID) // the nil id where it is not one of ours
	return s.store.Find(ctx, id, found.ID)
}

// recordForeignRefund writes a refund that was made at the provider into our books.
func (s *Service) recordForeignRefund(ctx context.Context, p order.Payment, found payment.Refund) error {
	if found.Status == payment.RefundFailed {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	r := Refund{
		ID: id, OrderID: p.OrderID, PaymentID: p.ID, Cause: "provider " + found.ID, Amount: found.Amount.Amount, Currency: p.Currency,
		Reason: "refunded at the provider", Status: Pending, ProviderRefundID: &found.ID,
	}
	_, err = s.orders.Change(ctx, p.OrderID, func(ctx context.Context, _ *order.Order) error {
		if made, err := s.store.Insert(ctx, &r); err != nil || !made {
			return err
		}
		return s.apply(ctx, r, found)
	})
	return err
}

// apply takes a refund the step that the provider's answer means, under the lock of its order. What is no step from where it
// stands changes nothing: events may come twice and in any order.
func (s *Service) apply(ctx context.Context, r Refund, found payment.Refund) error {
	_, err := s.orders.Change(ctx, r.OrderID, func(ctx context.Context, o *order.Order) (err error) {
		if r, err = s.store.ByID(ctx, r.ID); err != nil {
			return err
		}
		to := statusOf[found.Status]
		if !r.Status.may(to) {
			return nil
		}
		r.Status, r.Failure = to, found.Failure
		if found.ID != "" {
			r.ProviderRefundID = &found.ID
		}
		if err := s.store.SetStatus(ctx, &r); err != nil {
			return err
		}
		return s.followUp(ctx, o, &r)
	})
	return err
}

// Mend withdraws what was not shipped of orders that were refunded as a whole, where an earlier release did not, and returns how
// many there were.
func (s *Service) Mend(ctx context.Context) (mended int64, err error) {
	ids, err := s.store.RefundedUnshipped(ctx, order.SweepLimit)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		_, err := s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
			if err := s.orders.WithdrawRest(ctx, o); err != nil {
				return err
			}
			if err := s.orderStore.SetStatus(ctx, o); err != nil {
				return err
			}
			return s.orderStore.Note(ctx, o, "what was not shipped is back on the shelf")
		})
		if err != nil {
			return mended, err
		}
		mended++
	}
	return mended, nil
}

// followUp does what follows for the order from a step of one of its refunds.
func (s *Service) followUp(ctx context.Context, o *order.Order, r *Refund) error {
	amount := o.Money(r.Amount).String()
	switch r.Status {
	case Processing:
		return s.orderStore.Note(ctx, o, "a refund of "+amount+" is on its way")
	case Failed: // the money is with us: an order never goes back a step, so people have to look
		s.alerts.Raise(ctx, "refund_failed", "a refund has failed", zap.Stringer("order_id", o.ID), zap.Stringer("refund_id", r.ID), zap.String("failure", r.Failure))
		return s.orderStore.Note(ctx, o, "a refund of "+amount+" has failed")
	default:
	}
	if err := s.updateOrderStatus(ctx, o, r); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, orders.Refunded{Moved: o.Moved(), RefundID: r.ID, Amount: r.Amount, Currency: r.Currency})
}

// updateOrderStatus moves the order on to what its money says now: one that is refunded as a whole keeps only what was shipped. A remainder
// that goes back says nothing about an order that goes on.
func (s *Service) updateOrderStatus(ctx context.Context, o *order.Order, r *Refund) error {
	note := "refunded " + o.Money(r.Amount).String()
	captured, refunded, err := s.store.Sums(ctx, o.ID)
	if err != nil {
		return err
	}
	to := order.PartiallyRefunded
	if refunded >= captured {
		to = order.Refunded
	}
	if !o.Status.May(to) || r.remainder() && o.Status != order.Expired {
		return s.orderStore.Note(ctx, o, note)
	}
	if to == order.Refunded {
		if err := s.orders.WithdrawRest(ctx, o); err != nil {
			return err
		}
	}
	return s.orders.Move(ctx, o, to, note)
}

// BookLost writes down money that a lost dispute took back: as a refund that the provider made, in the transaction that holds the order's lock,
// once for each dispute. A refund that waited for the decision has failed then. More than is left is an alert.
func (s *Service) BookLost(ctx context.Context, o *order.Order, paymentID uuid.UUID, lost payment.Dispute) error {
	if err := s.failWaiting(ctx, o, paymentID); err != nil {
		return err
	}
	left, underWay, err := s.store.Left(ctx, paymentID)
	if err != nil {
		return err
	}
	amount := lost.Amount.Amount
	if amount > left || lost.Amount.Currency != o.Payment.Currency {
		if underWay {
			return tasks.RetryAfter(errUnderWay, underWayPause)
		}
		s.alerts.Raise(ctx, "dispute_exceeds", "a dispute took more than was left of a payment", zap.Stringer("order_id", o.ID), zap.String("dispute_id", lost.ID))
		amount = min(amount, left)
	}
	if amount == 0 {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	r := Refund{ID: id, OrderID: o.ID, PaymentID: paymentID, Cause: "dispute " + lost.ID, Amount: amount, Currency: o.Payment.Currency,
		Reason: "lost in a dispute", Status: Pending}
	if made, err := s.store.Insert(ctx, &r); err != nil || !made {
		return err
	}
	r.Status = Succeeded
	if err := s.store.SetStatus(ctx, &r); err != nil {
		return err
	}
	return s.followUp(ctx, o, &r)
}
