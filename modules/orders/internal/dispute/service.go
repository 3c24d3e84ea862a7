package dispute

import (
	"context"
	"errors"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/refund"
	"atrium/platform/payment"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

// Deps are what the service needs.
type Deps struct {
	plug.In

	Store      *Store
	OrderStore *order.Store
	Orders     *order.Service
	Refunds    *refund.Service
	Provider   payment.Provider
	Alerts     *order.Alerts
	Log        *zap.Logger
}

// Service brings disputes in line with the provider.
type Service struct {
	store      *Store
	orderStore *order.Store
	orders     *order.Service
	refunds    *refund.Service
	provider   payment.Provider
	alerts     *order.Alerts
	log        *zap.Logger
}

func NewService(d Deps) *Service {
	return &Service{d.Store, d.OrderStore, d.Orders, d.Refunds, d.Provider, d.Alerts, d.Log}
}

// SettleByID brings a dispute that an event named in line with what the provider says about it.
func (s *Service) SettleByID(ctx context.Context, providerDisputeID string) error {
	found, err := s.provider.ReadDispute(ctx, providerDisputeID)
	if errors.Is(err, payment.ErrRefused) {
		return tasks.Drop(err) // the provider does not know it: nothing of ours
	}
	if err != nil {
		return err
	}
	return s.Settle(ctx, found)
}

// Settle brings a dispute in line with what the provider has just said, under the lock of its order: a new one flags the order and is told to the
// operators, a lost one is booked as money that went back. Idempotent; answers may come twice and in any order.
func (s *Service) Settle(ctx context.Context, found payment.Dispute) error {
	p, known, err := s.orderStore.PaymentByIntent(ctx, s.provider.Name(), found.IntentID)
	if err != nil {
		return err
	}
	if !known {
		s.log.Info("a dispute of nothing of ours", zap.String("dispute_id", found.ID))
		return nil
	}
	_, err = s.orders.Change(ctx, p.OrderID, func(ctx context.Context, o *order.Order) error {
		d, known, err := s.store.Find(ctx, found.ID)
		if err == nil && !known {
			d, err = s.open(ctx, o, p, found)
		}
		if err != nil {
			return err
		}
		return s.decide(ctx, o, d, found)
	})
	return err
}

// Find reads the dispute that the provider speaks of; known is false where there is none.
func (s *Service) Find(ctx context.Context, found payment.Dispute) (d Dispute, known bool, err error) {
	return s.store.Find(ctx, found.ID)
}

// Open returns the provider's ids of disputes that are not decided.
func (s *Service) Open(ctx context.Context) ([]string, error) { return s.store.Open(ctx) }

func (s *Service) open(ctx context.Context, o *order.Order, p order.Payment, found payment.Dispute) (Dispute, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return Dispute{}, err
	}
	d := Dispute{
		ID: id, OrderID: o.ID, PaymentID: p.ID, ProviderDisputeID: found.ID, Amount: found.Amount.Amount, Currency: found.Amount.Currency,
		Status: order.DisputeOpen, OpenedAt: found.CreatedAt,
	}
	s.alerts.Raise(ctx, "dispute_opened", "a customer disputes a payment", zap.Stringer("order_id", o.ID), zap.String("dispute_id", found.ID))
	if err := s.store.Insert(ctx, &d); err != nil {
		return d, err
	}
	return d, s.orderStore.Note(ctx, o, "the customer disputes "+found.Amount.String()+" with the bank")
}

// decide takes a dispute the step that the provider's answer means. What is no step from where it stands changes nothing.
func (s *Service) decide(ctx context.Context, o *order.Order, d Dispute, found payment.Dispute) error {
	to := statusOf[found.Status]
	if !d.may(to) {
		return nil
	}
	d.Status = to
	if err := s.store.Close(ctx, &d); err != nil {
		return err
	}
	if to == order.DisputeWon {
		if err := s.orderStore.Note(ctx, o, "the dispute about "+found.Amount.String()+" was won"); err != nil {
			return err
		}
		return s.refunds.SendWaiting(ctx, d.PaymentID)
	}
	s.alerts.Raise(ctx, "dispute_lost", "a dispute was lost", zap.Stringer("order_id", o.ID), zap.String("dispute_id", found.ID))
	if err := s.orderStore.Note(ctx, o, "the dispute about "+found.Amount.String()+" was lost"); err != nil {
		return err
	}
	return s.refunds.BookLost(ctx, o, d.PaymentID, found)
}
