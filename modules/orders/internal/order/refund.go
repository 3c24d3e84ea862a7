package order

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/platform/idempotency"
	"atrium/platform/money"
	"atrium/platform/payment"
)

// Claim is what an admin asks to give back: some lines, or an amount, or (neither) all that is left.
type Claim struct {
	Lines  []Portion
	Amount *money.Money
	Reason string
	By     uuid.UUID
}

// Refund sets money aside to be given back and hands it to the job that sends it. Two at once never exceed what was captured.
func (s *Service) Refund(ctx context.Context, id uuid.UUID, c Claim) (*Refund, error) {
	if len(c.Lines) > 0 && c.Amount != nil {
		return nil, errRefundShape
	}
	if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request got that far
		r, err := s.store.Refund(ctx, made)
		return &r, err
	}
	var r *Refund
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		o, err := s.store.Lock(ctx, id)
		if err != nil {
			return err
		}
		// A cancelled order was paid back already, unless the provider refused that.
		if !o.Status.may(Refunded) && o.Status != Cancelled || !o.Payment.settled() {
			return orders.ErrWrongState
		}
		amount, err := s.claimed(ctx, o, c)
		if err != nil {
			return err
		}
		if r, err = s.setAside(ctx, o, o.Payment, Refund{Amount: amount, Reason: c.Reason, CreatedBy: &c.By}); err != nil {
			return err
		}
		return idempotency.Attach(ctx, r.ID)
	})
	return r, err
}

// claimed works out the amount, and withdraws the pieces that will not be shipped.
func (s *Service) claimed(ctx context.Context, o *Order, c Claim) (int64, error) {
	left := o.Payment.Captured - o.Payment.Refunded
	switch {
	case len(c.Lines) > 0:
		return s.refundLines(ctx, o, c.Lines)
	case c.Amount == nil:
		if left == 0 {
			return 0, errRefundTooMuch
		}
		var rest []Portion
		for _, item := range o.Items {
			if n := item.Quantity - item.Refunded; n > 0 {
				rest = append(rest, Portion{item.ID, n})
			}
		}
		_, err := s.refundLines(ctx, o, rest)
		return left, err
	case c.Amount.Currency != o.Currency:
		return 0, errRefundCurrency
	case c.Amount.Amount <= 0:
		return 0, errRefundAmount
	default:
		return c.Amount.Amount, nil
	}
}

// refundLines counts pieces as refunded and returns what they are worth. Those that were not shipped go back on the shelf.
func (s *Service) refundLines(ctx context.Context, o *Order, portions []Portion) (int64, error) {
	var amount int64
	var back []products.Line
	for i, portion := range portions {
		item := o.item(portion.ItemID)
		if item == nil {
			return 0, noSuchLine(i)
		}
		if item.Refunded+portion.Quantity > item.Quantity {
			return 0, errRefundTooMuch
		}
		amount += item.worth(portion.Quantity)
		item.Refunded += portion.Quantity
		if n := min(portion.Quantity, item.toShip()); n > 0 {
			back = append(back, products.Line{VariantID: item.VariantID, Quantity: n})
		}
	}
	if len(back) > 0 && o.Stock != stockReturned {
		if err := s.putBack(ctx, o, back); err != nil {
			return 0, err
		}
	}
	for i := range o.Items {
		if err := s.store.SetItem(ctx, &o.Items[i]); err != nil {
			return 0, err
		}
	}
	return amount, nil
}

// putBack withdraws pieces from an order and puts them on the shelf. Before its job has run, the order buys them first: then
// the books show what happened.
func (s *Service) putBack(ctx context.Context, o *Order, back []products.Line) error {
	if err := s.sell(ctx, o); err != nil {
		return err
	}
	for _, line := range back {
		for i := range o.Items {
			if o.Items[i].VariantID == line.VariantID {
				o.Items[i].Withdrawn += line.Quantity
			}
		}
	}
	if err := s.stock.Restock(ctx, o.ID, back); err != nil {
		return err
	}
	return s.store.SetStanding(ctx, o)
}

// payBack gives back all that is left of a payment, once for each payment.
func (s *Service) payBack(ctx context.Context, o *Order, p Payment, reason string) error {
	left := p.Captured - p.Refunded
	if left == 0 {
		return nil
	}
	_, err := s.setAside(ctx, o, p, Refund{Amount: left, Reason: reason, Cause: surplusCause + p.ID.String()})
	return err
}

// setAside writes a refund and enqueues its job. Without a cause, each call is a refund of its own.
func (s *Service) setAside(ctx context.Context, o *Order, p Payment, r Refund) (*Refund, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	if r.Amount <= 0 {
		return nil, errRefundAmount
	}
	r.ID, r.OrderID, r.PaymentID, r.Currency, r.Status = id, o.ID, p.ID, p.Currency, refundPending
	if r.Cause == "" {
		r.Cause = "refund " + id.String()
	}
	made, err := s.store.InsertRefund(ctx, &r)
	if err != nil || !made {
		return &r, err
	}
	return &r, s.outbox.Enqueue(ctx, SendRefund{RefundID: id})
}

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
	sent, err := s.provider.Refund(ctx, id.String(), intentID, money.Of(r.Amount, r.Currency), id.String())
	switch {
	case errors.Is(err, payment.ErrRefused), err == nil && (sent.Status == "failed" || sent.Status == "cancelled"):
		s.log.Error("a refund was refused", zap.Stringer("refund_id", id), zap.Error(err))
		r.Status = refundFailed
	case err != nil:
		return err
	default:
		r.Status, r.ProviderRefundID = refundSucceeded, &sent.ID // the provider has taken it on, even where the bank takes days
	}
	return s.db.InTx(ctx, func(ctx context.Context) error { return s.refunded(ctx, &r) })
}

// refunded notes the end of a refund, once.
func (s *Service) refunded(ctx context.Context, r *Refund) error {
	o, err := s.store.Lock(ctx, r.OrderID)
	if err != nil {
		return err
	}
	first, err := s.store.SettleRefund(ctx, r)
	if err != nil || !first {
		return err
	}
	if r.Status == refundFailed {
		return s.store.Note(ctx, o, "a refund was refused by the provider")
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
