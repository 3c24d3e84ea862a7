package order

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/platform/money"
	"atrium/platform/payment"
	"atrium/platform/tasks"
)

// forgetful is after how long the provider may have forgotten an idempotency key: then it is asked for the refund before it is
// asked to make it. Stripe keeps keys for a day.
const forgetful = time.Hour

// SendRefund sends a refund to the provider under its own id, so that repeating it repeats nothing, and notes what came of it.
func (s *Service) SendRefund(ctx context.Context, id uuid.UUID) error {
	r, err := s.store.Refund(ctx, id)
	if err != nil || r.Status != refundPending {
		return err
	}
	intentID, err := s.store.Intent(ctx, r.PaymentID)
	if err != nil {
		return err
	}
	var sent payment.Refund
	if time.Since(r.CreatedAt) > forgetful {
		if sent, err = s.sentBefore(ctx, id, intentID); err != nil {
			return errors.Join(err, s.store.LookedAtRefund(ctx, id))
		}
	}
	if sent.ID == "" {
		sent, err = s.provider.Refund(ctx, id.String(), intentID, money.Of(r.Amount, r.Currency), id.String())
	}
	if errors.Is(err, payment.ErrRefused) {
		sent = payment.Refund{IntentID: intentID, Status: payment.RefundFailed, Failure: "refused"}
	} else if err != nil {
		return errors.Join(err, s.store.LookedAtRefund(ctx, id))
	}
	return s.applyRefund(ctx, r, sent)
}

// sentBefore looks for a refund of ours among those of an intent; the zero Refund where it is not there.
func (s *Service) sentBefore(ctx context.Context, id uuid.UUID, intentID string) (sent payment.Refund, err error) {
	err = s.provider.Refunds(ctx, payment.RefundFilter{IntentID: intentID}, func(r payment.Refund) error {
		if r.RefundID == id.String() {
			sent = r
		}
		return nil
	})
	return sent, err
}

// lookAtRefund moves on a refund that has been quiet: it is sent, or the provider is asked about it.
func (s *Service) lookAtRefund(ctx context.Context, id uuid.UUID) error {
	r, err := s.store.Refund(ctx, id)
	if err != nil {
		return err
	}
	if r.Status == refundPending || r.ProviderRefundID == nil {
		return s.SendRefund(ctx, id)
	}
	found, err := s.provider.ReadRefund(ctx, *r.ProviderRefundID)
	if err = errors.Join(err, s.store.LookedAtRefund(ctx, id)); err != nil {
		return err
	}
	return s.applyRefund(ctx, r, found)
}

// settleRefund brings a refund that an event named in line with what the provider says about it.
func (s *Service) settleRefund(ctx context.Context, providersID string) error {
	found, err := s.provider.ReadRefund(ctx, providersID)
	if errors.Is(err, payment.ErrRefused) {
		return tasks.Drop(err) // the provider does not know it: nothing of ours
	}
	if err != nil {
		return err
	}
	return s.settleFound(ctx, found)
}

// settleFound is settleRefund for what the provider has just said. A refund that is not ours was made at the provider by hand:
// it is written into our books.
func (s *Service) settleFound(ctx context.Context, found payment.Refund) error {
	id, _ := uuid.Parse(found.RefundID) // the nil id where it is not one of ours
	r, known, err := s.store.FindRefund(ctx, id, found.ID)
	if err != nil {
		return err
	}
	if known {
		return s.applyRefund(ctx, r, found)
	}
	p, known, err := s.store.PaymentOf(ctx, s.provider.Name(), found.IntentID)
	if err != nil || !known {
		return err
	}
	err = s.adopt(ctx, p, found)
	if errors.Is(err, errRefundTooMuch) {
		s.alert(ctx, "foreign_refund", "more was refunded at the provider than is left", zap.Stringer("order_id", p.OrderID), zap.String("refund_id", found.ID))
		return nil
	}
	return err
}

// adopt writes a refund that was made at the provider into our books.
func (s *Service) adopt(ctx context.Context, p Payment, found payment.Refund) error {
	if found.Status == payment.RefundFailed {
		return nil
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	r := Refund{
		ID: id, OrderID: p.OrderID, PaymentID: p.ID, Cause: "provider " + found.ID, Amount: found.Amount.Amount, Currency: p.Currency,
		Reason: "refunded at the provider", Status: refundPending, ProviderRefundID: &found.ID,
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.store.Lock(ctx, p.OrderID); err != nil {
			return err
		}
		if made, err := s.store.InsertRefund(ctx, &r); err != nil || !made {
			return err
		}
		return s.applyRefund(ctx, r, found)
	})
}

// applyRefund takes a refund the step that the provider's answer means, under the lock of its order. What is no step from where
// it stands changes nothing: events may come twice and in any order.
func (s *Service) applyRefund(ctx context.Context, r Refund, found payment.Refund) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		o, err := s.store.Lock(ctx, r.OrderID)
		if err != nil {
			return err
		}
		if r, err = s.store.Refund(ctx, r.ID); err != nil {
			return err
		}
		to := map[payment.RefundStatus]RefundStatus{
			payment.RefundPending: refundProcessing, payment.RefundSucceeded: refundSucceeded, payment.RefundFailed: refundFailed,
		}[found.Status]
		if !r.Status.may(to) {
			return nil
		}
		r.Status, r.Failure = to, found.Failure
		if found.ID != "" {
			r.ProviderRefundID = &found.ID
		}
		if err := s.store.SetRefund(ctx, &r); err != nil {
			return err
		}
		return s.refundMoved(ctx, o, &r)
	})
}

// refundMoved is what follows for the order from a step of one of its refunds.
func (s *Service) refundMoved(ctx context.Context, o *Order, r *Refund) error {
	amount := o.money(r.Amount).String()
	switch r.Status {
	case refundProcessing:
		return s.store.Note(ctx, o, "a refund of "+amount+" is on its way")
	case refundFailed: // the money is with us: an order never goes back a step, so people have to look
		s.alert(ctx, "refund_failed", "a refund has failed", zap.Stringer("order_id", o.ID), zap.Stringer("refund_id", r.ID), zap.String("failure", r.Failure))
		return s.store.Note(ctx, o, "a refund of "+amount+" has failed")
	}
	if err := s.reflect(ctx, o, r); err != nil {
		return err
	}
	return s.outbox.Publish(ctx, orders.Refunded{Moved: o.moved(), RefundID: r.ID, Amount: r.Amount, Currency: r.Currency})
}

// reflect moves the order on to what its money says now. A surplus that goes back says nothing about an order that goes on.
func (s *Service) reflect(ctx context.Context, o *Order, r *Refund) error {
	note := "refunded " + o.money(r.Amount).String()
	captured, back, err := s.store.PaidBack(ctx, o.ID)
	if err != nil {
		return err
	}
	to := PartiallyRefunded
	if back >= captured {
		to = Refunded
	}
	if !o.Status.may(to) || r.surplus() && o.Status != Expired {
		return s.store.Note(ctx, o, note)
	}
	if to == Refunded && o.Status == Review && o.Stock == stockReserved {
		if err := s.release(ctx, o); err != nil {
			return err
		}
	}
	return s.move(ctx, o, to, note)
}
