// Package reconciliation looks for what fell through: it sweeps every few seconds, and compares the books with the provider's at night.
package reconciliation

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/orders/internal/cancellation"
	"atrium/modules/orders/internal/dispute"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/payment"
	"atrium/modules/orders/internal/refund"
	"atrium/modules/orders/internal/returns"
	psp "atrium/platform/payment"
	"atrium/platform/plug"
	"atrium/platform/telemetry"
)

// Deps are what the service needs.
type Deps struct {
	plug.In

	Store         *Store
	OrderStore    *order.Store
	Payments      *payment.Service
	Refunds       *refund.Service
	Disputes      *dispute.Service
	Returns       *returns.Service
	Cancellations *cancellation.Service
	Provider      psp.Provider
	Alerts        *order.Alerts
	Log           *zap.Logger
	Telemetry     *telemetry.Telemetry
}

// Service has the use cases of reconciliation.
type Service struct {
	store         *Store
	orderStore    *order.Store
	payments      *payment.Service
	refunds       *refund.Service
	disputes      *dispute.Service
	returns       *returns.Service
	cancellations *cancellation.Service
	provider      psp.Provider
	alerts        *order.Alerts
	log           *zap.Logger
	drift         func(n int)
}

func NewService(d Deps) *Service {
	return &Service{
		d.Store, d.OrderStore, d.Payments, d.Refunds, d.Disputes, d.Returns, d.Cancellations, d.Provider, d.Alerts, d.Log,
		d.Telemetry.Level("payment_drift", "Differences between our books and the provider's that the last comparison could not mend."),
	}
}

// Sweep looks for orders that should have expired, payments whose webhook was lost, and refunds that wait. One that fails does
// not hold the others up.
func (s *Service) Sweep(ctx context.Context) error {
	return errors.Join(s.cancellations.Sweep(ctx), s.payments.Sweep(ctx), s.refunds.Sweep(ctx))
}

// How far back a comparison looks, and how much it compares at once.
const (
	reconcileWindow = 72 * time.Hour
	reconcilePage   = 100
)

// Finding is a difference between our books and the provider's, or within our own, that people have to look at.
type Finding struct {
	Kind    string     `json:"kind"`
	OrderID *uuid.UUID `json:"order_id,omitempty"`
	ID      string     `json:"id,omitempty"` // of the intent, refund or dispute at the provider
}

// Reconciliation is what one comparison found.
type Reconciliation struct {
	Since    time.Time
	Intents  int64
	Refunds  int64
	Mended   int64 // what our side had missed and has now
	Findings []Finding
}

// Reconcile compares the last days at the provider with our books: a webhook that was lost is made up for, and what still
// differs afterwards is told to the operators.
func (s *Service) Reconcile(ctx context.Context) error {
	now, err := s.orderStore.Now(ctx)
	if err != nil {
		return err
	}
	r := &Reconciliation{Since: now.Add(-reconcileWindow), Findings: []Finding{}}
	for _, compare := range []func(context.Context, *Reconciliation) error{s.compareIntents, s.compareRefunds, s.compareDisputes, s.mend, s.compareBooks} {
		if err := compare(ctx, r); err != nil {
			return err
		}
	}
	s.drift(len(r.Findings))
	for _, f := range r.Findings {
		s.alerts.Raise(ctx, "drift", "the books differ", zap.String("kind", f.Kind), zap.Stringer("order_id", f.OrderID), zap.String("id", f.ID))
	}
	s.log.Info("payments compared", zap.Int64("intents", r.Intents), zap.Int64("refunds", r.Refunds), zap.Int64("mended", r.Mended), zap.Int("drift", len(r.Findings)))
	return s.store.Insert(ctx, r)
}

// compareIntents settles every intent at the provider that our books have otherwise, and looks for captures of ours that the
// provider does not know.
func (s *Service) compareIntents(ctx context.Context, r *Reconciliation) error {
	var odd []psp.Intent
	seen := map[string]bool{}
	page := make([]psp.Intent, 0, reconcilePage)
	compare := func() error {
		ids := make([]string, len(page))
		for i, intent := range page {
			ids[i], seen[intent.ID] = intent.ID, true
		}
		ours, err := s.store.PaymentsByIntent(ctx, s.provider.Name(), ids)
		for _, intent := range page {
			p, known := ours[intent.ID]
			payable := p.Status == order.PaymentReview && intent.Status == psp.StatusOpen // it is to be cancelled
			if payable || !agrees(p, intent) && (known || intent.OrderID != "") {
				odd = append(odd, intent)
			}
		}
		r.Intents += int64(len(page))
		page = page[:0]
		return err
	}
	err := s.provider.Intents(ctx, r.Since, func(intent psp.Intent) error {
		if page = append(page, intent); len(page) < reconcilePage {
			return nil
		}
		return compare()
	})
	if err == nil {
		err = compare()
	}
	if err != nil {
		return err
	}
	for _, intent := range odd {
		if err := s.mendIntent(ctx, r, intent); err != nil {
			return err
		}
	}
	captured, err := s.store.CapturedSince(ctx, s.provider.Name(), r.Since)
	for _, p := range captured {
		if !seen[*p.IntentID] {
			r.Findings = append(r.Findings, Finding{"unknown to the provider", &p.OrderID, *p.IntentID})
		}
	}
	return err
}

// agrees reports whether our books have an intent as the provider has it.
func agrees(p order.Payment, intent psp.Intent) bool {
	switch intent.Status {
	case psp.StatusSucceeded:
		return p.Settled() && p.Captured == intent.Received.Amount
	case psp.StatusCancelled:
		return p.Status == order.PaymentCancelled || p.Status == order.PaymentReview
	default:
		return p.ID != uuid.Nil && p.Status != order.PaymentSucceeded
	}
}

func (s *Service) mendIntent(ctx context.Context, r *Reconciliation, intent psp.Intent) error {
	if err := s.payments.SettleIntent(ctx, intent.ID, intent.Live); err != nil {
		s.log.Warn("an intent could not be settled", zap.String("intent_id", intent.ID), zap.Error(err))
	}
	p, known, err := s.orderStore.PaymentByIntent(ctx, s.provider.Name(), intent.ID)
	switch {
	case err != nil:
		return err
	case agrees(p, intent):
		r.Mended++
	case known:
		r.Findings = append(r.Findings, Finding{"payment differs", &p.OrderID, intent.ID})
	case intent.Status == psp.StatusSucceeded:
		r.Findings = append(r.Findings, Finding{"money without an order", nil, intent.ID})
	}
	return nil
}

// compareRefunds settles every refund at the provider that our books have otherwise.
func (s *Service) compareRefunds(ctx context.Context, r *Reconciliation) error {
	var all []psp.Refund
	err := s.provider.Refunds(ctx, psp.RefundFilter{CreatedAfter: r.Since}, func(refund psp.Refund) error {
		all = append(all, refund)
		return nil
	})
	if err != nil {
		return err
	}
	r.Refunds = int64(len(all))
	for _, found := range all {
		ours, known, err := s.refunds.Find(ctx, found)
		if err != nil {
			return err
		}
		if known && ours.Agrees(found) {
			continue
		}
		if err := s.refunds.Settle(ctx, found); err != nil {
			s.log.Warn("a refund could not be settled", zap.String("refund_id", found.ID), zap.Error(err))
		}
		switch ours, known, err = s.refunds.Find(ctx, found); {
		case err != nil:
			return err
		case known && ours.Agrees(found):
			r.Mended++
		case known:
			r.Findings = append(r.Findings, Finding{"refund differs", &ours.OrderID, found.ID})
		case found.Status != psp.RefundFailed:
			r.Findings = append(r.Findings, Finding{"refund of nothing of ours", nil, found.ID})
		}
	}
	return nil
}

// compareDisputes settles every dispute at the provider that our books have otherwise: those of the last days, and those that are open here.
func (s *Service) compareDisputes(ctx context.Context, r *Reconciliation) error {
	var all []psp.Dispute
	seen := map[string]bool{}
	err := s.provider.Disputes(ctx, r.Since, func(found psp.Dispute) error {
		all, seen[found.ID] = append(all, found), true
		return nil
	})
	if err != nil {
		return err
	}
	open, err := s.disputes.Open(ctx)
	if err != nil {
		return err
	}
	for _, id := range open {
		if seen[id] {
			continue
		}
		found, err := s.provider.ReadDispute(ctx, id)
		if err != nil {
			return err
		}
		all = append(all, found)
	}
	for _, found := range all {
		if err := s.mendDispute(ctx, r, found); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) mendDispute(ctx context.Context, r *Reconciliation, found psp.Dispute) error {
	ours, known, err := s.disputes.Find(ctx, found)
	if err != nil || known && ours.Agrees(found) {
		return err
	}
	if err := s.disputes.Settle(ctx, found); err != nil {
		s.log.Warn("a dispute could not be settled", zap.String("dispute_id", found.ID), zap.Error(err))
	}
	switch ours, known, err = s.disputes.Find(ctx, found); {
	case err != nil:
		return err
	case known && ours.Agrees(found):
		r.Mended++
	case known:
		r.Findings = append(r.Findings, Finding{"dispute differs", &ours.OrderID, found.ID})
	}
	return nil
}

// mend corrects what earlier releases left wrong in our own books.
func (s *Service) mend(ctx context.Context, r *Reconciliation) error {
	for _, mend := range []func(context.Context) (int64, error){s.returns.Mend, s.refunds.Mend} {
		n, err := mend(ctx)
		if err != nil {
			return err
		}
		r.Mended += n
	}
	return nil
}

// compareBooks looks for orders that hold other money than they are worth.
func (s *Service) compareBooks(ctx context.Context, r *Reconciliation) error {
	ids, err := s.store.Unbalanced(ctx)
	for _, id := range ids {
		r.Findings = append(r.Findings, Finding{"order does not balance", &id, ""})
	}
	return err
}

func (r *Reconciliation) findings() (string, error) {
	text, err := json.Marshal(r.Findings)
	return string(text), err
}
