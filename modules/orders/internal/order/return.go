package order

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/platform/fault"
	"atrium/platform/idempotency"
)

var (
	errReturnNotFound = fault.NotFound("orders.return_not_found", "There is no such return.")
	errReturnLines    = fault.Conflict("orders.nothing_to_return", "There is not that much left to send back.")
	errReturnLate     = fault.Conflict("orders.return_too_late", "It is too late to send this back.")
)

// ReturnStatus is where a return stands.
type ReturnStatus string

// The states of a return, drawn in docs/order-states.md. The last two are final; what was received is refunded.
const (
	returnRequested ReturnStatus = "requested"
	returnApproved  ReturnStatus = "approved"
	returnRejected  ReturnStatus = "rejected"
	returnReceived  ReturnStatus = "received"
)

var returnSteps = map[ReturnStatus]ReturnStatus{
	returnApproved: returnRequested, returnRejected: returnRequested, returnReceived: returnApproved,
}

// Return is pieces that a customer wants to send back.
type Return struct {
	ID        uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID   uuid.UUID
	UserID    uuid.UUID
	Status    ReturnStatus
	Reason    string
	Note      string
	RefundID  *uuid.UUID
	Version   int64
	CreatedAt time.Time
	UpdatedAt time.Time

	Lines []Portion `gorm:"-"`
}

// AskToReturn asks for pieces to be taken back. Only what was shipped, is not refunded and is in no other return can be.
func (s *Service) AskToReturn(ctx context.Context, user, id uuid.UUID, lines []Portion, reason string) (*Return, error) {
	if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request got that far
		return s.store.Return(ctx, made)
	}
	var r *Return
	_, err := s.change(ctx, id, func(ctx context.Context, o *Order) error {
		if o.UserID != user {
			return orders.ErrNotFound
		}
		if err := s.mayReturn(ctx, o, lines); err != nil {
			return err
		}
		made, err := uuid.NewV7()
		if err != nil {
			return err
		}
		r = &Return{ID: made, OrderID: id, UserID: user, Status: returnRequested, Reason: reason, Version: 1, Lines: lines}
		if err := s.store.InsertReturn(ctx, r); err != nil {
			return err
		}
		if err := s.store.Note(ctx, o, "a return was asked for"); err != nil {
			return err
		}
		return idempotency.Attach(ctx, made)
	})
	return r, err
}

func (s *Service) mayReturn(ctx context.Context, o *Order, lines []Portion) error {
	if !o.anythingShipped() || !o.Status.bought() {
		return orders.ErrWrongState
	}
	over, err := s.store.ReturnsOver(ctx, o.ID, s.cfg.ReturnWithin)
	if err != nil {
		return err
	}
	if over {
		return errReturnLate
	}
	returning, err := s.store.Returning(ctx, o.ID)
	if err != nil {
		return err
	}
	for i, line := range lines {
		item := o.item(line.ItemID)
		if item == nil {
			return noSuchLine(i)
		}
		in := returning[line.ItemID]
		if line.Quantity > min(item.Shipped-in.Open-in.Received, item.Quantity-item.Refunded-in.Open) {
			return errReturnLines
		}
		in.Open += line.Quantity // the same line may be named twice
		returning[line.ItemID] = in
	}
	return nil
}

// DecideReturn approves or rejects what was asked for. Deciding it so again changes nothing.
func (s *Service) DecideReturn(ctx context.Context, id uuid.UUID, approve bool, note string) (*Return, error) {
	to, said := returnRejected, "the return was rejected"
	if approve {
		to, said = returnApproved, "the return was approved"
	}
	return s.moveReturn(ctx, id, to, func(ctx context.Context, o *Order, r *Return) error {
		r.Note = note
		return s.store.Note(ctx, o, said)
	})
}

// ReceiveReturn notes that the pieces are back and refunds what they were worth; with restock they can be sold again.
func (s *Service) ReceiveReturn(ctx context.Context, id uuid.UUID, restock bool, by uuid.UUID) (*Return, error) {
	return s.moveReturn(ctx, id, returnReceived, func(ctx context.Context, o *Order, r *Return) error {
		worth, err := s.refundLines(ctx, o, r.Lines, restock)
		if err != nil {
			return err
		}
		if err := s.store.Note(ctx, o, "the return has arrived"); err != nil {
			return err
		}
		amount := min(worth, o.Payment.Captured-o.Payment.Refunded) // part of it may have been given back out of goodwill
		if amount == 0 {
			return nil
		}
		refund, err := s.setAside(ctx, o, o.Payment, Refund{Amount: amount, Reason: "returned", Cause: "return " + r.ID.String(), CreatedBy: &by})
		r.RefundID = &refund.ID
		return err
	})
}

// moveReturn takes a return one step on, under the lock of its order. One that stands there already is left alone.
func (s *Service) moveReturn(ctx context.Context, id uuid.UUID, to ReturnStatus, step func(context.Context, *Order, *Return) error) (*Return, error) {
	r, err := s.store.Return(ctx, id)
	if err != nil {
		return nil, err
	}
	_, err = s.change(ctx, r.OrderID, func(ctx context.Context, o *Order) (err error) {
		if r, err = s.store.Return(ctx, id); err != nil || r.Status == to {
			return err
		}
		if r.Status != returnSteps[to] {
			return orders.ErrWrongState
		}
		r.Status = to
		if err := step(ctx, o, r); err != nil {
			return err
		}
		return s.store.UpdateReturn(ctx, r)
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}
