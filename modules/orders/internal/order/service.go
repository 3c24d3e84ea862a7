package order

import (
	"context"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/payment"
	"atrium/platform/telemetry"
)

// Service has the orders' use cases: checkout.go, settle.go, close.go, ship.go, refund.go, repay.go and reconcile.go, in the
// order of an order's life.
// It is orders.Reader.
type Service struct {
	db       *database.DB
	store    *Store
	outbox   *outbox.Outbox
	carts    *cart.Service
	book     *address.Service
	coupons  *coupon.Service
	stock    products.Stock
	provider payment.Provider
	cfg      orders.Config
	log      *zap.Logger
	meters   *Meters
}

// NewService makes a Service.
func NewService(db *database.DB, store *Store, out *outbox.Outbox, carts *cart.Service, book *address.Service, coupons *coupon.Service,
	stock products.Stock, provider payment.Provider, cfg orders.Config, log *zap.Logger, meters *Meters,
) *Service {
	return &Service{db, store, out, carts, book, coupons, stock, provider, cfg, log, meters}
}

// Meters count what operators watch.
type Meters struct {
	paid, alerts *prometheus.CounterVec
	drift        func(n int)
}

// NewMeters registers the meters.
func NewMeters(t *telemetry.Telemetry) *Meters {
	return &Meters{
		paid:   t.Counter("orders_paid_total", "Orders paid.", "currency"),
		alerts: t.Counter("payment_alerts_total", "Things about money that people have to look at.", "kind"),
		drift:  t.Level("payment_drift", "Differences between our books and the provider's that the last comparison could not mend."),
	}
}

// alert tells operators, once the transaction that is open in ctx has committed, about something that people have to look at.
func (s *Service) alert(ctx context.Context, kind, message string, fields ...zap.Field) {
	s.db.AfterCommit(ctx, func(context.Context) {
		s.meters.alerts.WithLabelValues(kind).Inc()
		s.log.Error(message, append(fields, zap.String("alert", kind))...)
	})
}

// move takes an order one step on, in the transaction that holds its lock: orders.ErrWrongState where the table has no such step.
func (s *Service) move(ctx context.Context, o *Order, to Status, note string) error {
	if !o.Status.may(to) {
		return orders.ErrWrongState
	}
	o.Status = to
	if err := s.store.SetStanding(ctx, o); err != nil {
		return err
	}
	return s.store.Note(ctx, o, note)
}

// release gives an order's pieces back, wherever they are, once.
func (s *Service) release(ctx context.Context, o *Order) error {
	var err error
	switch o.Stock {
	case stockReserved:
		err = s.stock.Release(ctx, o.ID, o.lines())
	case stockSold:
		err = s.stock.Restock(ctx, o.ID, o.lines())
	}
	o.Stock = stockReturned
	return err
}

// sell makes an order's reserved pieces its own, once.
func (s *Service) sell(ctx context.Context, o *Order) error {
	if o.Stock != stockReserved {
		return nil
	}
	o.Stock = stockSold
	return s.stock.Sell(ctx, o.ID, o.lines())
}

// Receipt satisfies orders.Reader.
func (s *Service) Receipt(ctx context.Context, id uuid.UUID) (orders.Receipt, error) {
	o, err := s.store.ByID(ctx, id)
	if err != nil {
		return orders.Receipt{}, err
	}
	receipt := orders.Receipt{
		Number: o.Number, Subtotal: o.money(o.Subtotal), Shipping: o.money(o.Shipping), Discount: o.money(o.Discount),
		Tax: o.money(o.Tax), Total: o.money(o.Total),
	}
	for _, item := range o.Items {
		receipt.Lines = append(receipt.Lines, orders.ReceiptLine{
			Name: item.Name, SKU: item.SKU, Quantity: item.Quantity, Total: o.money(item.LineTotal),
		})
	}
	return receipt, nil
}
