// Package review is where people decide about orders whose payment is not what was asked for.
package review

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/cancellation"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/payment"
	"atrium/modules/orders/internal/refund"
	"atrium/platform/fault"
)

var errNothingPaid = fault.Conflict("orders.nothing_paid", "Nothing was paid for this order, or it is being refunded.")

// Service has the decisions.
type Service struct {
	orders        *order.Service
	payments      *payment.Service
	refunds       *refund.Service
	cancellations *cancellation.Service
}

func NewService(service *order.Service, payments *payment.Service, refunds *refund.Service, cancellations *cancellation.Service) *Service {
	return &Service{service, payments, refunds, cancellations}
}

// Accept takes what was paid for the price: the order goes on as a paid one. Pieces that were given back meanwhile are reserved again, or
// it is products.ErrInsufficientStock.
func (s *Service) Accept(ctx context.Context, id uuid.UUID, reason string) (*order.Order, error) {
	return s.decide(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.Payment.Captured == 0 || o.Payment.Refunded > 0 {
			return errNothingPaid
		}
		if o.Stock == order.StockReturned {
			if err := s.orders.Reserve(ctx, o); err != nil {
				return err
			}
		}
		return s.payments.MarkPaid(ctx, o, "accepted: "+reason)
	})
}

// Refund gives back what was paid; the order is refunded, and its pieces are back on the shelf, when the money has gone. Where nothing was
// paid the order is cancelled.
func (s *Service) Refund(ctx context.Context, id uuid.UUID, reason string, by uuid.UUID) (*order.Order, error) {
	return s.decide(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.Payment.Captured == 0 {
			return s.cancellations.CancelReviewed(ctx, o, "refused: "+reason)
		}
		_, err := s.refunds.Create(ctx, o.Payment, refund.Refund{
			Amount: o.Payment.Refundable(), Reason: reason, Cause: "review " + o.ID.String(), CreatedBy: &by,
		})
		return err
	})
}

func (s *Service) decide(ctx context.Context, id uuid.UUID, decision func(context.Context, *order.Order) error) (*order.Order, error) {
	return s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.Status != order.Review {
			return orders.ErrWrongState
		}
		return decision(ctx, o)
	})
}
