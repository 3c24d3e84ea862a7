package returns

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/refund"
	"atrium/platform/idempotency"
)

// Service has the returns' use cases.
type Service struct {
	store      *Store
	orderStore *order.Store
	orders     *order.Service
	refunds    *refund.Service
	cfg        orders.Config
}

func NewService(store *Store, orderStore *order.Store, service *order.Service, refunds *refund.Service, cfg orders.Config) *Service {
	return &Service{store, orderStore, service, refunds, cfg}
}

// Page reads returns, newest first.
func (s *Service) Page(ctx context.Context, sel Selection) ([]*Return, error) {
	return s.store.Page(ctx, sel)
}

// PageOf reads the returns of a person's order, newest first, or returns orders.ErrNotFound.
func (s *Service) PageOf(ctx context.Context, user uuid.UUID, sel Selection) ([]*Return, error) {
	if _, err := s.orderStore.Of(ctx, user, sel.Order); err != nil {
		return nil, err
	}
	return s.store.Page(ctx, sel)
}

// Request asks for pieces to be taken back. Only what was shipped, is not refunded and is in no other return can be.
func (s *Service) Request(ctx context.Context, user, id uuid.UUID, lines []order.ItemQuantity, reason string) (*Return, error) {
	if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request got that far
		return s.store.ByID(ctx, made)
	}
	var r *Return
	_, err := s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.UserID != user {
			return orders.ErrNotFound
		}
		if err := s.checkReturnable(ctx, o, lines); err != nil {
			return err
		}
		made, err := uuid.NewV7()
		if err != nil {
			return err
		}
		r = &Return{ID: made, OrderID: id, UserID: user, Status: Requested, Reason: reason, Version: 1, Lines: lines}
		if err := s.store.Insert(ctx, r); err != nil {
			return err
		}
		if err := s.orderStore.Note(ctx, o, "a return was asked for"); err != nil {
			return err
		}
		return idempotency.Attach(ctx, made)
	})
	return r, err
}

func (s *Service) checkReturnable(ctx context.Context, o *order.Order, lines []order.ItemQuantity) error {
	if !o.AnythingShipped() || !o.Status.Bought() {
		return orders.ErrWrongState
	}
	left, err := s.inWindow(ctx, o.ID)
	if err != nil {
		return err
	}
	returning, err := s.store.Pieces(ctx, o.ID)
	if err != nil {
		return err
	}
	for i, line := range lines {
		item, err := o.Item(i, line.ItemID)
		if err != nil {
			return err
		}
		in := returning[line.ItemID]
		if line.Quantity > min(item.Shipped-in.Open-in.Received, item.Quantity-item.Refunded-in.Open) {
			return errNothing
		}
		if left[line.ItemID] -= line.Quantity; left[line.ItemID] < 0 {
			return errTooLate
		}
		in.Open += line.Quantity // the same line may be named twice
		returning[line.ItemID] = in
	}
	return nil
}

func (s *Service) inWindow(ctx context.Context, id uuid.UUID) (map[uuid.UUID]int64, error) {
	parcels, err := s.store.Parcels(ctx, id)
	if err != nil {
		return nil, err
	}
	before, err := s.store.Asked(ctx, id)
	if err != nil {
		return nil, err
	}
	now, err := s.orderStore.Now(ctx)
	return inWindow(parcels, before, now, s.cfg.ReturnWithin), err
}

// Decide approves or rejects what was asked for. Deciding it so again changes nothing.
func (s *Service) Decide(ctx context.Context, id uuid.UUID, approve bool, note string) (*Return, error) {
	to, said := Rejected, "the return was rejected"
	if approve {
		to, said = Approved, "the return was approved"
	}
	return s.move(ctx, id, to, func(ctx context.Context, o *order.Order, r *Return) error {
		r.Note = note
		return s.orderStore.Note(ctx, o, said)
	})
}

// Receive notes that the pieces are back and refunds what has not been refunded of their price; with restock they can be sold again.
func (s *Service) Receive(ctx context.Context, id uuid.UUID, restock bool, by uuid.UUID) (*Return, error) {
	return s.move(ctx, id, Received, func(ctx context.Context, o *order.Order, r *Return) error {
		amount, err := s.refunds.RefundReturned(ctx, o, r.Lines, restock)
		if err != nil {
			return err
		}
		if err := s.orderStore.Note(ctx, o, "the return has arrived"); err != nil {
			return err
		}
		amount = min(amount, o.Payment.Refundable()) // part of it may have been given back out of goodwill
		if amount == 0 {
			return nil
		}
		made, err := s.refunds.Create(ctx, o.Payment, refund.Refund{Amount: amount, Reason: "returned", Cause: "return " + r.ID.String(), CreatedBy: &by})
		r.RefundID = &made.ID
		return err
	})
}

// Mend corrects orders of which returned pieces were counted as pieces that had not been shipped, so that as many too few were
// left to ship, and returns how many there were. What went on the shelf for them stays there.
func (s *Service) Mend(ctx context.Context) (mended int64, err error) {
	ids, err := s.store.Miscounted(ctx, order.SweepLimit)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		_, err := s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
			returned, err := s.store.Pieces(ctx, id)
			if err != nil {
				return err
			}
			for i := range o.Items {
				item := &o.Items[i]
				if n := min(returned[item.ID].Received-(item.Refunded-item.Withdrawn), item.Withdrawn); n > 0 {
					item.Withdrawn -= n
					item.Restock(n)
				}
			}
			if err := s.orderStore.SetItems(ctx, o); err != nil {
				return err
			}
			return s.orderStore.Note(ctx, o, "pieces that had been counted as returned are to be shipped again")
		})
		if err != nil {
			return mended, err
		}
		mended++
	}
	return mended, nil
}

// move takes a return one step on, under the lock of its order. One that stands there already is left alone.
func (s *Service) move(ctx context.Context, id uuid.UUID, to Status, step func(context.Context, *order.Order, *Return) error) (*Return, error) {
	r, err := s.store.ByID(ctx, id)
	if err != nil {
		return nil, err
	}
	_, err = s.orders.Change(ctx, r.OrderID, func(ctx context.Context, o *order.Order) (err error) {
		if r, err = s.store.ByID(ctx, id); err != nil || r.Status == to {
			return err
		}
		if r.Status != previous[to] {
			return orders.ErrWrongState
		}
		r.Status = to
		if err := step(ctx, o, r); err != nil {
			return err
		}
		return s.store.Update(ctx, r)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}
