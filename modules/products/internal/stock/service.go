package stock

import (
	"bytes"
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/product"
	"atrium/platform/database"
	"atrium/platform/idempotency"
)

// Service is products.Stock, and how editors count stock.
type Service struct {
	db       *database.DB
	store    *Store
	products *product.Store
	listings *listing.Service
}

// NewService needs the listings, which say what is in stock.
func NewService(db *database.DB, store *Store, products *product.Store, listings *listing.Service) *Service {
	return &Service{db: db, store: store, products: products, listings: listings}
}

// Reserve satisfies products.Stock.
func (s *Service) Reserve(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return s.move(ctx, reserve, reference, lines)
}

// Release satisfies products.Stock.
func (s *Service) Release(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return s.move(ctx, release, reference, lines)
}

// Sell satisfies products.Stock.
func (s *Service) Sell(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return s.move(ctx, sell, reference, lines)
}

// Restock satisfies products.Stock.
func (s *Service) Restock(ctx context.Context, reference uuid.UUID, lines []products.Line) error {
	return s.move(ctx, restock, reference, lines)
}

// move runs in the transaction of the caller, which a fault dooms: a movement that stops half way leaves nothing behind.
func (s *Service) move(ctx context.Context, m movement, reference uuid.UUID, lines []products.Line) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		sum := summed(lines)
		var turned []uuid.UUID // products with a variant that is sold out, or back
		for i, line := range sum {
			level, ok, err := s.store.Move(ctx, m, line.VariantID, line.Quantity, reference)
			if err != nil {
				return err
			}
			if !ok {
				return s.shortages(ctx, sum, i)
			}
			before := level.Available() - (m.onHand-m.reserved)*line.Quantity
			if (before == 0) != (level.Available() == 0) {
				turned = append(turned, level.ProductID)
			}
		}
		if len(turned) == 0 {
			return nil
		}
		slices.SortFunc(turned, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
		return s.listings.Changed(ctx, slices.Compact(turned)...) // last: listings are locked after all variants
	})
}

// shortages is products.ErrInsufficientStock with what is short. The first done lines are reserved in this transaction already.
func (s *Service) shortages(ctx context.Context, lines []products.Line, done int) error {
	ids := make([]uuid.UUID, len(lines))
	for i, line := range lines {
		ids[i] = line.VariantID
	}
	available, err := s.available(ctx, ids)
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

// available reads what can be reserved now; a deleted variant has nothing.
func (s *Service) available(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]int64, error) {
	offers, err := s.products.Offers(ctx, variants)
	if err != nil {
		return nil, err
	}
	available := make(map[uuid.UUID]int64, len(variants))
	for _, id := range variants {
		available[id] = offers[id].Available
	}
	return available, nil
}

// Adjust counts pieces in or out of a variant's stock, and returns the level then.
func (s *Service) Adjust(ctx context.Context, editor product.Editor, variant uuid.UUID, delta int64, reason string) (Level, error) {
	var level Level
	if err := cleanReason(&reason); err != nil {
		return level, err
	}
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.products.LockVariantForEdit(ctx, editor, variant); err != nil {
			return err
		}
		if _, ok := idempotency.Attached(ctx); ok { // an earlier run of this request has counted them
			v, err := s.products.Variant(ctx, variant)
			level = Level{ProductID: v.ProductID, OnHand: v.OnHand, Reserved: v.Reserved}
			return err
		}
		if err := idempotency.Attach(ctx, variant); err != nil {
			return err
		}
		var err error
		if level, err = s.store.Adjust(ctx, variant, delta, reason, editor.ID); err != nil {
			return err
		}
		if level.Available() == 0 || level.Available() == delta { // sold out, or back
			return s.listings.Edited(ctx, level.ProductID)
		}
		return nil
	})
	return level, err
}

// Count is what was counted of a variant that is locked, or has just been made with what is on hand.
type Count struct {
	Variant, Product uuid.UUID
	Before, OnHand   int64
	Reserved         int64
	New              bool
}

// CountAll sets what is on hand to what was counted, in the transaction open in ctx, and returns the products that are sold out by that, or
// back.
func (s *Service) CountAll(ctx context.Context, editor product.Editor, counts []Count) (turned []uuid.UUID, err error) {
	for _, c := range counts {
		if !c.New && (c.Before == c.Reserved) != (c.OnHand == c.Reserved) {
			turned = append(turned, c.Product)
		}
	}
	return turned, s.store.CountAll(ctx, counts, "counted by an import", editor.ID)
}
