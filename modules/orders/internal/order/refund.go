package order

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/platform/idempotency"
	"atrium/platform/money"
)

// Claim is what an admin asks to give back: some lines, or an amount, or (neither) all that is left. Pieces of the lines that
// were shipped go on the shelf again where Restock says so; those that were not shipped do so in any case.
type Claim struct {
	Lines   []Portion
	Amount  *money.Money
	Restock bool
	Reason  string
	By      uuid.UUID
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
		// A cancelled or refunded order was paid back already, unless that failed at the provider or the bank.
		if !o.Status.may(Refunded) && o.Status != Cancelled && o.Status != Refunded || !o.Payment.settled() {
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
		return s.refundLines(ctx, o, c.Lines, c.Restock)
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
		_, err := s.refundLines(ctx, o, rest, c.Restock)
		return left, err
	case c.Amount.Currency != o.Currency:
		return 0, errRefundCurrency
	case c.Amount.Amount <= 0:
		return 0, errRefundAmount
	default:
		return c.Amount.Amount, nil
	}
}

// refundLines counts pieces as refunded and returns what they are worth. Those that were not shipped go back on the shelf;
// with restock, those that were do so too.
func (s *Service) refundLines(ctx context.Context, o *Order, portions []Portion, restock bool) (int64, error) {
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
		unshipped := min(portion.Quantity, item.toShip())
		item.Withdrawn += unshipped
		n := unshipped
		if restock {
			returned := min(portion.Quantity-unshipped, item.Shipped-item.Restocked)
			item.Restocked += returned
			n += returned
		}
		if n > 0 {
			back = append(back, products.Line{VariantID: item.VariantID, Quantity: n})
		}
	}
	return amount, s.putBack(ctx, o, back)
}

// putBack writes what has become of the lines and puts pieces on the shelf. Before its job has run, the order buys them first:
// then the books show what happened.
func (s *Service) putBack(ctx context.Context, o *Order, back []products.Line) error {
	if len(back) > 0 && o.Stock != stockReturned {
		if o.Stock == stockReserved {
			o.Stock = stockSold
			if err := s.stock.Sell(ctx, o.ID, append(o.lines(), back...)); err != nil {
				return err
			}
			if err := s.store.SetStanding(ctx, o); err != nil {
				return err
			}
		}
		if err := s.stock.Restock(ctx, o.ID, back); err != nil {
			return err
		}
	}
	for i := range o.Items {
		if err := s.store.SetItem(ctx, &o.Items[i]); err != nil {
			return err
		}
	}
	return nil
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
