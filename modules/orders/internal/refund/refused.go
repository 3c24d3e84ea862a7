package refund

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/tasks"
)

// refused is what becomes of a refund that the provider has refused for good. One of a payment that the customer disputes waits for the
// bank. One that somebody came before at the provider, by hand, is cut to what is left there. Any other has failed.
func (s *Service) refused(ctx context.Context, r Refund, from source, refusal error) error {
	if errors.Is(refusal, payment.ErrDisputed) && !from.Lost { // whose event is still to come
		r.Renewed++
		return s.wait(ctx, r)
	}
	foreign, err := s.foreignRefunds(ctx, from.IntentID)
	if err != nil {
		return errors.Join(err, s.store.MarkChecked(ctx, r.ID))
	}
	if cut, err := s.cut(ctx, r, foreign); err != nil || cut {
		return err
	}
	return s.apply(ctx, r, payment.Refund{IntentID: from.IntentID, Status: payment.RefundFailed, Failure: "refused"})
}

// wait keeps a refund until the bank has decided the dispute of its payment. It must not be at the provider.
func (s *Service) wait(ctx context.Context, r Refund) error {
	_, err := s.orders.Change(ctx, r.OrderID, func(ctx context.Context, o *order.Order) error {
		now, err := s.store.ByID(ctx, r.ID)
		if err != nil || now.Status != Pending {
			return err
		}
		fresh := !now.Waits
		now.Waits, now.Renewed = true, max(now.Renewed, r.Renewed)
		if err := s.store.SetWaits(ctx, &now); err != nil || !fresh {
			return err
		}
		return s.orderStore.Note(ctx, o, "a refund of "+o.Money(now.Amount).String()+" waits until the bank has decided the dispute")
	})
	return err
}

// SendWaiting sends what waited for the decision of a dispute that was won, in the transaction that holds the order's lock.
func (s *Service) SendWaiting(ctx context.Context, paymentID uuid.UUID) error {
	waiting, err := s.store.Waiting(ctx, paymentID)
	for i := 0; i < len(waiting) && err == nil; i++ {
		waiting[i].Waits = false
		if err = s.store.SetWaits(ctx, &waiting[i]); err == nil {
			err = s.outbox.Enqueue(ctx, SendRefund{RefundID: waiting[i].ID}, outbox.Urgent())
		}
	}
	return err
}

// failWaiting ends what waited for the decision of a dispute that was lost, in the transaction that holds the order's lock: the bank has
// given the customer the money.
func (s *Service) failWaiting(ctx context.Context, o *order.Order, paymentID uuid.UUID) error {
	waiting, err := s.store.Waiting(ctx, paymentID)
	for i := 0; i < len(waiting) && err == nil; i++ {
		waiting[i].Status, waiting[i].Failure = Failed, "the dispute was lost"
		if err = s.store.SetStatus(ctx, &waiting[i]); err == nil {
			err = s.followUp(ctx, o, &waiting[i])
		}
	}
	return err
}

// foreignRefunds are the refunds of an intent at the provider that our books do not have.
func (s *Service) foreignRefunds(ctx context.Context, intentID string) (foreign []payment.Refund, err error) {
	err = s.provider.Refunds(ctx, payment.RefundFilter{IntentID: intentID}, func(found payment.Refund) error {
		_, known, err := s.Find(ctx, found)
		if err == nil && !known && found.Status != payment.RefundFailed {
			foreign = append(foreign, found)
		}
		return err
	})
	return foreign, err
}

// cut writes foreign refunds into our books, which one of ours, that is not at the provider, leaves no room for, and has ours ask for what
// is left. Where all of them are in our books by now, ours asks once more. It reports whether that was the end of it.
func (s *Service) cut(ctx context.Context, r Refund, foreign []payment.Refund) (done bool, err error) {
	_, err = s.orders.Change(ctx, r.OrderID, func(ctx context.Context, o *order.Order) error {
		now, err := s.store.ByID(ctx, r.ID)
		if err != nil || now.Status != Pending {
			return err
		}
		left, _, err := s.store.Left(ctx, now.PaymentID)
		if err != nil {
			return err
		}
		missing, unknown := -left, 0
		for _, found := range foreign {
			_, known, err := s.Find(ctx, found) // by now: another of ours may have given way to it
			if err != nil {
				return err
			}
			if !known {
				missing, unknown = missing+found.Amount.Amount, unknown+1
			}
		}
		switch {
		case len(foreign) == 0 || unknown > 0 && missing <= 0:
			return nil
		case unknown == 0: // there may be room now
			missing = 0
		}
		done = true
		return s.giveWay(ctx, o, now, missing, foreign)
	})
	return done && err == nil, err
}

// giveWay makes a refund smaller by what foreign ones are missing, and books these; one of which nothing is left has failed.
func (s *Service) giveWay(ctx context.Context, o *order.Order, r Refund, missing int64, foreign []payment.Refund) error {
	before, err := r.Amount, error(nil)
	if missing >= before { // what it had set aside may not be enough: the others give way, or the next comparison books what is missing
		err = s.apply(ctx, r, payment.Refund{Status: payment.RefundFailed, Failure: "refunded at the provider before"})
		if missing > before {
			return err
		}
	} else if err = s.store.Cut(ctx, &r, missing); err == nil && missing > 0 {
		err = s.orderStore.Note(ctx, o, "a refund of "+o.Money(before).String()+" is now one of "+o.Money(r.Amount).String()+": the rest was refunded at the provider")
	}
	for i := 0; i < len(foreign) && err == nil; i++ {
		err = s.Settle(ctx, foreign[i])
	}
	if err != nil || missing >= before || r.Waits {
		return err
	}
	return s.outbox.Enqueue(ctx, SendRefund{RefundID: r.ID}, outbox.Urgent())
}

// makeRoom books a foreign refund that is more than our own leave, and reports whether it could. Ours that wait are cut, one after the
// other, until there is room; one that is on its way to the provider is waited for.
func (s *Service) makeRoom(ctx context.Context, p order.Payment, found payment.Refund) (booked bool, err error) {
	waiting, err := s.store.Waiting(ctx, p.ID)
	for i := 0; i < len(waiting) && err == nil && !booked; i++ {
		if _, err = s.cut(ctx, waiting[i], []payment.Refund{found}); err == nil {
			_, booked, err = s.Find(ctx, found)
		}
	}
	if err != nil || booked {
		return booked, err
	}
	if _, underWay, err := s.store.Left(ctx, p.ID); err != nil || underWay {
		return false, errors.Join(err, tasks.RetryAfter(errUnderWay, underWayPause))
	}
	return false, nil
}

// errUnderWay: what a refund that is under way has set aside cannot be told from what a dispute, or somebody at the provider, took.
var errUnderWay = errors.New("refund: another refund of the payment is under way")

// underWayPause is how long a refund that the provider refuses takes to come back, about.
const underWayPause = 10 * time.Second
