package order

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/platform/payment"
)

// How far back a comparison looks, and how much it compares at once.
const (
	reconcileWindow = 72 * time.Hour
	reconcilePage   = 100
)

// Finding is a difference between our books and the provider's, or within our own, that people have to look at.
type Finding struct {
	Kind    string     `json:"kind"`
	OrderID *uuid.UUID `json:"order_id,omitempty"`
	ID      string     `json:"id,omitempty"` // of the intent or refund at the provider
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
	now, err := s.store.Now(ctx)
	if err != nil {
		return err
	}
	r := &Reconciliation{Since: now.Add(-reconcileWindow), Findings: []Finding{}}
	for _, compare := range []func(context.Context, *Reconciliation) error{s.compareIntents, s.compareRefunds, s.compareBooks} {
		if err := compare(ctx, r); err != nil {
			return err
		}
	}
	s.meters.drift(len(r.Findings))
	for _, f := range r.Findings {
		s.alert(ctx, "drift", "the books differ", zap.String("kind", f.Kind), zap.Stringer("order_id", f.OrderID), zap.String("id", f.ID))
	}
	s.log.Info("payments compared", zap.Int64("intents", r.Intents), zap.Int64("refunds", r.Refunds), zap.Int64("mended", r.Mended), zap.Int("drift", len(r.Findings)))
	return s.store.InsertReconciliation(ctx, r)
}

// compareIntents settles every intent at the provider that our books have otherwise, and looks for captures of ours that the
// provider does not know.
func (s *Service) compareIntents(ctx context.Context, r *Reconciliation) error {
	var odd []payment.Intent
	seen := map[string]bool{}
	page := make([]payment.Intent, 0, reconcilePage)
	compare := func() error {
		ids := make([]string, len(page))
		for i, intent := range page {
			ids[i], seen[intent.ID] = intent.ID, true
		}
		ours, err := s.store.PaymentsOf(ctx, s.provider.Name(), ids)
		for _, intent := range page {
			if p, known := ours[intent.ID]; !p.agrees(intent) && (known || intent.OrderID != "") {
				odd = append(odd, intent)
			}
		}
		r.Intents += int64(len(page))
		page = page[:0]
		return err
	}
	err := s.provider.Intents(ctx, r.Since, func(intent payment.Intent) error {
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
func (p Payment) agrees(intent payment.Intent) bool {
	switch intent.Status {
	case payment.StatusSucceeded:
		return p.settled() && p.Captured == intent.Received.Amount
	case payment.StatusCancelled:
		return p.Status == paymentCancelled || p.Status == paymentReview
	default:
		return p.ID != uuid.Nil && p.Status != paymentSucceeded
	}
}

func (s *Service) mendIntent(ctx context.Context, r *Reconciliation, intent payment.Intent) error {
	if err := s.settleIntent(ctx, intent.ID, intent.Live); err != nil {
		s.log.Warn("an intent could not be settled", zap.String("intent_id", intent.ID), zap.Error(err))
	}
	p, known, err := s.store.PaymentOf(ctx, s.provider.Name(), intent.ID)
	switch {
	case err != nil:
		return err
	case p.agrees(intent):
		r.Mended++
	case known:
		r.Findings = append(r.Findings, Finding{"payment differs", &p.OrderID, intent.ID})
	case intent.Status == payment.StatusSucceeded:
		r.Findings = append(r.Findings, Finding{"money without an order", nil, intent.ID})
	}
	return nil
}

// compareRefunds settles every refund at the provider that our books have otherwise.
func (s *Service) compareRefunds(ctx context.Context, r *Reconciliation) error {
	var all []payment.Refund
	err := s.provider.Refunds(ctx, payment.RefundFilter{CreatedAfter: r.Since}, func(refund payment.Refund) error {
		all = append(all, refund)
		return nil
	})
	if err != nil {
		return err
	}
	r.Refunds = int64(len(all))
	for _, found := range all {
		ours, known, err := s.refundAt(ctx, found)
		if err != nil {
			return err
		}
		if known && ours.agrees(found) {
			continue
		}
		if err := s.settleFound(ctx, found); err != nil {
			s.log.Warn("a refund could not be settled", zap.String("refund_id", found.ID), zap.Error(err))
		}
		switch ours, known, err = s.refundAt(ctx, found); {
		case err != nil:
			return err
		case known && ours.agrees(found):
			r.Mended++
		case known:
			r.Findings = append(r.Findings, Finding{"refund differs", &ours.OrderID, found.ID})
		case found.Status != payment.RefundFailed:
			r.Findings = append(r.Findings, Finding{"refund of nothing of ours", nil, found.ID})
		}
	}
	return nil
}

func (s *Service) refundAt(ctx context.Context, found payment.Refund) (Refund, bool, error) {
	id, _ := uuid.Parse(found.RefundID) // the nil id where it is not one of ours
	return s.store.FindRefund(ctx, id, found.ID)
}

// agrees reports whether our books have a refund as the provider has it.
func (r Refund) agrees(found payment.Refund) bool {
	same := map[payment.RefundStatus]RefundStatus{
		payment.RefundPending: refundProcessing, payment.RefundSucceeded: refundSucceeded, payment.RefundFailed: refundFailed,
	}
	return r.Status == same[found.Status] && r.Amount == found.Amount.Amount && r.Currency == found.Amount.Currency
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
