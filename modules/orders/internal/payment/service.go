// Package payment gets orders paid: asks the provider for money, and settles what it says has become of it.
package payment

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/dispute"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/refund"
	"atrium/platform/database"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/plug"
	"atrium/platform/telemetry"
)

// Deps are what the service needs.
type Deps struct {
	plug.In

	DB         *database.DB
	Store      *Store
	OrderStore *order.Store
	Orders     *order.Service
	Carts      *cart.Service
	Coupons    *coupon.Service
	Refunds    *refund.Service
	Outbox     *outbox.Outbox
	Provider   payment.Provider
	Alerts     *order.Alerts
	Log        *zap.Logger
	Telemetry  *telemetry.Telemetry
}

// Service has the payments' use cases: intents and events are in service.go, what the provider says about them in settle.go.
type Service struct {
	db         *database.DB
	store      *Store
	orderStore *order.Store
	orders     *order.Service
	carts      *cart.Service
	coupons    *coupon.Service
	refunds    *refund.Service
	outbox     *outbox.Outbox
	provider   payment.Provider
	alerts     *order.Alerts
	log        *zap.Logger
	paid       *prometheus.CounterVec
}

func NewService(d Deps) *Service {
	return &Service{
		d.DB, d.Store, d.OrderStore, d.Orders, d.Carts, d.Coupons, d.Refunds, d.Outbox, d.Provider, d.Alerts, d.Log,
		d.Telemetry.Counter("orders_paid_total", "Orders paid.", "currency"),
	}
}

// EnsureIntent makes sure that an order that waits for its payment has an intent at the provider. The provider's key is the order
// and the attempt: an answer that was lost is given again.
func (s *Service) EnsureIntent(ctx context.Context, o *order.Order) error {
	if o.Status == order.PendingPayment && o.Payment.Status == order.PaymentCancelled {
		locked, err := s.nextAttempt(ctx, o.ID)
		if err != nil {
			return err
		}
		*o = *locked
	}
	p := &o.Payment
	if o.Status != order.PendingPayment || p.IntentID != nil {
		return nil
	}
	key := o.ID.String() + "-" + strconv.Itoa(p.Attempt)
	intent, err := s.provider.CreateIntent(ctx, key, money.Of(p.Amount, p.Currency), o.ID.String())
	if err != nil {
		return err
	}
	p.IntentID, p.ClientSecret, p.Live = &intent.ID, &intent.ClientSecret, intent.Live
	return s.orderStore.SetIntent(ctx, p.ID, intent)
}

// nextAttempt begins another attempt after the provider gave the last one up. An order has one open attempt.
func (s *Service) nextAttempt(ctx context.Context, id uuid.UUID) (*order.Order, error) {
	return s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.Status != order.PendingPayment || o.Payment.Status != order.PaymentCancelled {
			return nil
		}
		next, err := order.NewPayment(o, o.Payment.Attempt+1, s.provider.Name())
		if err != nil {
			return err
		}
		o.Payment = next
		return s.orderStore.InsertPayment(ctx, &next)
	})
}

// CancelIntent makes sure that the order's intent cannot be paid any more, or settles what was paid: payment.ErrProcessing means
// that the bank has not decided yet, payment.ErrRefused that it can still be paid. Without an intent there is nothing that a
// customer could pay.
func (s *Service) CancelIntent(ctx context.Context, o *order.Order) error {
	if o.Payment.IntentID == nil || o.Payment.Status == order.PaymentCancelled || o.Payment.Settled() {
		return nil
	}
	return s.cancelAtProvider(ctx, o.ID, *o.Payment.IntentID)
}

// ReceiveEvent verifies a webhook's signature before anything else is read, or returns payment.ErrSignature, and records its event.
func (s *Service) ReceiveEvent(ctx context.Context, header http.Header, body []byte) error {
	event, err := s.provider.VerifyWebhook(header, body)
	if err != nil {
		return err
	}
	return s.RecordEvent(ctx, event)
}

// RecordEvent writes a verified event into the ledger and, the first time, hands its dispute, refund or intent to the job that settles it.
// What an event says is never believed: the job asks the provider. Events about none of them are of no concern.
func (s *Service) RecordEvent(ctx context.Context, event payment.Event) error {
	var job outbox.Task = SettleIntent{IntentID: event.IntentID, Live: event.Live}
	switch {
	case event.DisputeID != "":
		job = dispute.SettleDispute{ProviderDisputeID: event.DisputeID}
	case event.RefundID != "":
		job = refund.SettleRefund{ProviderRefundID: event.RefundID}
	case event.IntentID == "":
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		fresh, err := s.store.InsertEvent(ctx, s.provider.Name(), event)
		if err != nil || !fresh {
			return err
		}
		return s.outbox.Enqueue(ctx, job, outbox.Urgent())
	})
}

// Sweep settles payments that the provider was not asked about for a while: a webhook was lost.
func (s *Service) Sweep(ctx context.Context) error {
	ids, err := s.store.Unsettled(ctx, unsettledWait, order.SweepLimit)
	return errors.Join(err, order.Each(ctx, ids, s.Settle))
}

// fulfil makes the reserved pieces of a paid order its own. Idempotent.
func (s *Service) fulfil(ctx context.Context, id uuid.UUID) error {
	_, err := s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.Stock != order.StockReserved || !o.Status.Bought() {
			return nil
		}
		if err := s.orders.Sell(ctx, o); err != nil {
			return err
		}
		return s.orderStore.SetStatus(ctx, o)
	})
	return err
}
