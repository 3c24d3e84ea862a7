package order

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/platform/idempotency"
)

// Parcel is what goes out: some lines, or (none given) everything that is left.
type Parcel struct {
	Lines          []Portion
	Carrier        string
	TrackingNumber string
}

// Ship notes that a parcel is on its way.
func (s *Service) Ship(ctx context.Context, id uuid.UUID, parcel Parcel) (*Order, error) {
	if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request got that far
		return s.store.ByID(ctx, made)
	}
	return s.change(ctx, id, func(ctx context.Context, o *Order) error {
		if !o.Status.may(Shipped) {
			return orders.ErrWrongState
		}
		if err := s.sell(ctx, o); err != nil { // its job may not have come to it yet
			return err
		}
		portions, err := s.pack(ctx, o, parcel.Lines)
		if err != nil {
			return err
		}
		if err := s.store.InsertShipment(ctx, id, parcel.Carrier, parcel.TrackingNumber, portions); err != nil {
			return err
		}
		to := Shipped
		if o.anythingToShip() {
			to = PartiallyShipped
		}
		if err := s.move(ctx, o, to, parcel.Carrier+" "+parcel.TrackingNumber); err != nil {
			return err
		}
		if err := idempotency.Attach(ctx, id); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, orders.Shipped{Moved: o.moved(), Carrier: parcel.Carrier, TrackingNumber: parcel.TrackingNumber})
	})
}

// pack counts pieces as shipped and returns them.
func (s *Service) pack(ctx context.Context, o *Order, portions []Portion) ([]Portion, error) {
	if len(portions) == 0 {
		for _, item := range o.Items {
			if n := item.toShip(); n > 0 {
				portions = append(portions, Portion{item.ID, n})
			}
		}
	}
	if len(portions) == 0 {
		return nil, errShipment
	}
	for i, portion := range portions {
		item := o.item(portion.ItemID)
		if item == nil {
			return nil, noSuchLine(i)
		}
		if portion.Quantity > item.toShip() {
			return nil, errShipment
		}
		item.Shipped += portion.Quantity
		if err := s.store.SetItem(ctx, item); err != nil {
			return nil, err
		}
	}
	return portions, nil
}

// Deliver notes that everything has arrived.
func (s *Service) Deliver(ctx context.Context, id uuid.UUID) (*Order, error) {
	return s.change(ctx, id, func(ctx context.Context, o *Order) error {
		if o.anythingToShip() || !o.anythingShipped() {
			return orders.ErrWrongState
		}
		if err := s.store.DeliverShipments(ctx, id); err != nil {
			return err
		}
		if err := s.move(ctx, o, Delivered, ""); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, orders.Delivered{Moved: o.moved()})
	})
}

// change runs one step of an order under its lock and returns the order then.
func (s *Service) change(ctx context.Context, id uuid.UUID, step func(ctx context.Context, o *Order) error) (*Order, error) {
	var o *Order
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if o, err = s.store.Lock(ctx, id); err != nil {
			return err
		}
		return step(ctx, o)
	})
	return o, err
}
