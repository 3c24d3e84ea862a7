package internal

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
)

// Warehouse is products.Stock.
type Warehouse struct {
	service *Service
	store   *Store
}

// NewWarehouse makes a Warehouse.
func NewWarehouse(service *Service, store *Store) *Warehouse {
	return &Warehouse{service: service, store: store}
}

// Shortage is one line of the detail shortages of products.ErrInsufficientStock.
type Shortage struct {
	VariantID uuid.UUID `json:"variant_id"`
	Requested int64     `json:"requested"`
	Available int64     `json:"available"`
}

// Reserve satisfies products.Stock.
func (w *Warehouse) Reserve(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return w.move(ctx, reserve, reference, lines)
}

// Release satisfies products.Stock.
func (w *Warehouse) Release(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return w.move(ctx, release, reference, lines)
}

// Sell satisfies products.Stock.
func (w *Warehouse) Sell(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return w.move(ctx, sell, reference, lines)
}

// Restock satisfies products.Stock.
func (w *Warehouse) Restock(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return w.move(ctx, restock, reference, lines)
}

// move runs in the transaction of the caller, which a fault dooms: a movement that stops half way leaves nothing behind.
func (w *Warehouse) move(ctx context.Context, m movement, reference uuid.UUID, lines []products.Line) error {
	return w.service.db.InTx(ctx, func(ctx context.Context) error {
		sum := summed(lines)
		var turned []uuid.UUID // products with a variant that is sold out, or back
		for i, line := range sum {
			level, ok, err := w.store.Move(ctx, m, line.VariantID, line.Quantity, reference)
			if err != nil {
				return err
			}
			if !ok {
				return w.shortages(ctx, sum, i)
			}
			before := level.available() - (m.onHand-m.reserved)*line.Quantity
			if (before == 0) != (level.available() == 0) {
				turned = append(turned, level.ProductID)
			}
		}
		if len(turned) == 0 {
			return nil
		}
		slices.SortFunc(turned, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		return w.service.changed(ctx, slices.Compact(turned)...) // last: listings are locked after all variants
	})
}

// shortages is products.ErrInsufficientStock with what is short. The first done lines are reserved in this transaction already.
func (w *Warehouse) shortages(ctx context.Context, lines []products.Line, done int) error {
	ids := make([]uuid.UUID, len(lines))
	for i, line := range lines {
		ids[i] = line.VariantID
	}
	available, err := w.store.Levels(ctx, ids)
	if err != nil {
		return err
	}
	short := []Shortage{}
	for _, line := range lines[done:] {
		if line.Quantity > available[line.VariantID] {
			short = append(short, Shortage{line.VariantID, line.Quantity, available[line.VariantID]})
		}
	}
	return products.ErrInsufficientStock.Detail("shortages", short)
}
