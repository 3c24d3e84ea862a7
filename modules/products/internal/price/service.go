package price

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Service brings prices up to date.
type Service struct {
	db       *database.DB
	store    *Store
	products *product.Store
	listings *listing.Service
}

// NewService needs the products to lock, and the listings to bring up to date.
func NewService(db *database.DB, store *Store, products *product.Store, listings *listing.Service) *Service {
	return &Service{db: db, store: store, products: products, listings: listings}
}

// dueAtOnce bounds how many products one run brings up to date.
const dueAtOnce = 200

// RepriceDue brings products up to date one of whose prices has just changed by the clock.
func (s *Service) RepriceDue(ctx context.Context) error {
	due, err := s.store.Due(ctx, dueAtOnce)
	if err != nil {
		return err
	}
	for _, id := range due {
		err := s.db.InTx(ctx, func(ctx context.Context) error {
			if _, err := s.products.Lock(ctx, id); err != nil {
				return err
			}
			if err := s.store.Reprice(ctx, id); err != nil {
				return err
			}
			return s.listings.Edited(ctx, id)
		})
		if err != nil && !errors.Is(err, products.ErrNotFound) {
			return err
		}
	}
	return nil
}

// VariantWritten writes the price history of a variant that was created or changed, and the lowest price of its product, in the
// transaction open in ctx. The caller has locked the product.
func (s *Service) VariantWritten(ctx context.Context, v product.Variant) error {
	return s.VariantsWritten(ctx, []uuid.UUID{v.ProductID}, []uuid.UUID{v.ID})
}

// VariantsWritten is VariantWritten for many variants and the products that they are of.
func (s *Service) VariantsWritten(ctx context.Context, homes, variants []uuid.UUID) error {
	if err := s.store.WriteHistory(ctx, variants...); err != nil {
		return err
	}
	return s.store.Reprice(ctx, homes...)
}
