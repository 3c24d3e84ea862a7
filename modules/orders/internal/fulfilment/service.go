// Package fulfilment sends what was bought, and notes that it has arrived.
package fulfilment

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/platform/fault"
	"atrium/platform/idempotency"
	"atrium/platform/outbox"
)

// Service has the use cases of shipping.
type Service struct {
	store      *Store
	orderStore *order.Store
	orders     *order.Service
	outbox     *outbox.Outbox
}

func NewService(store *Store, orderStore *order.Store, orders *order.Service, out *outbox.Outbox) *Service {
	return &Service{store, orderStore, orders, out}
}

// Shipment is what goes out: some lines, or (none given) everything that is left.
type Shipment struct {
	Lines          []order.ItemQuantity
	Carrier        string
	TrackingNumber string
	ConfirmDispute bool // ship although the payment is disputed
}

var errDisputed = fault.Conflict("orders.disputed", "The customer has asked the bank for the money. Confirm that it is to be shipped all the same.")

// Ship notes that a shipment is on its way.
func (s *Service) Ship(ctx context.Context, id uuid.UUID, shipment Shipment) (*order.Order, error) {
	if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request got that far
		return s.orderStore.ByID(ctx, made)
	}
	return s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if !o.Status.Shippable() {
			return orders.ErrWrongState
		}
		if o.Disputed() && !shipment.ConfirmDispute {
			return errDisputed.Detail("dispute", *o.Dispute)
		}
		if err := s.orders.Sell(ctx, o); err != nil { // its job may not have come to it yet
			return err
		}
		lines, err := s.countShipped(ctx, o, shipment.Lines)
		if err != nil {
			return err
		}
		if err := s.store.Insert(ctx, id, shipment.Carrier, shipment.TrackingNumber, lines); err != nil {
			return err
		}
		to := order.Shipped
		if o.AnythingToShip() {
			to = order.PartiallyShipped
		}
		o.DeliveredAt = nil
		if err := s.orders.Progress(ctx, o, to, shipment.Carrier+" "+shipment.TrackingNumber); err != nil {
			return err
		}
		if err := idempotency.Attach(ctx, id); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, orders.Shipped{Moved: o.Moved(), Carrier: shipment.Carrier, TrackingNumber: shipment.TrackingNumber})
	})
}

// countShipped counts pieces as shipped and returns them.
func (s *Service) countShipped(ctx context.Context, o *order.Order, lines []order.ItemQuantity) ([]order.ItemQuantity, error) {
	if len(lines) == 0 {
		for _, item := range o.Items {
			if n := item.ToShip(); n > 0 {
				lines = append(lines, order.ItemQuantity{ItemID: item.ID, Quantity: n})
			}
		}
	}
	if len(lines) == 0 {
		return nil, order.ErrNothingToShip
	}
	for i, line := range lines {
		item, err := o.Item(i, line.ItemID)
		if err != nil {
			return nil, err
		}
		if line.Quantity > item.ToShip() {
			return nil, order.ErrNothingToShip
		}
		item.Shipped += line.Quantity
	}
	return lines, s.orderStore.SetItems(ctx, o)
}

// Deliver notes that everything has arrived, once.
func (s *Service) Deliver(ctx context.Context, id uuid.UUID) (*order.Order, error) {
	return s.orders.Change(ctx, id, func(ctx context.Context, o *order.Order) error {
		if o.AnythingToShip() || !o.AnythingShipped() || o.DeliveredAt != nil {
			return orders.ErrWrongState
		}
		if o.Status == order.PartiallyShipped { // the rest was refunded, by a release that left it so
			if err := s.orders.Move(ctx, o, order.Shipped, "the rest will not be shipped"); err != nil {
				return err
			}
		}
		at, err := s.store.Deliver(ctx, id)
		if err != nil {
			return err
		}
		o.DeliveredAt = &at
		if err := s.orders.Progress(ctx, o, order.Delivered, "delivered"); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, orders.Delivered{Moved: o.Moved()})
	})
}
