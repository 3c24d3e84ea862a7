package catalogue

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
)

// WriteAll writes new products and changed ones, which are one version on then, in the transaction open in ctx: a few statements for all
// of them. The caller has locked those that change, and calls List.
func (s *Service) WriteAll(ctx context.Context, added, changed []*product.Product) error {
	if err := s.store.InsertAll(ctx, added); err != nil {
		return err
	}
	return s.store.UpdateAll(ctx, changed)
}

// WriteVariants is WriteAll for variants: new ones with what is on hand, and changed ones without. It returns the products that they are of.
func (s *Service) WriteVariants(ctx context.Context, added, changed []product.Variant) ([]uuid.UUID, error) {
	if len(added)+len(changed) == 0 {
		return nil, nil
	}
	if err := s.store.InsertVariants(ctx, added); err != nil {
		return nil, err
	}
	if err := s.store.UpdateVariants(ctx, changed); err != nil {
		return nil, err
	}
	var variants, homes []uuid.UUID
	for _, list := range [][]product.Variant{added, changed} {
		for _, v := range list {
			variants, homes = append(variants, v.ID), append(homes, v.ProductID)
		}
	}
	return homes, s.prices.VariantsWritten(ctx, homes, variants)
}

// List writes the words of products that were written, and brings listings up to date. It is called last: listings are locked after
// everything else.
func (s *Service) List(ctx context.Context, written []*product.Product, changed []uuid.UUID) error {
	if len(changed) == 0 {
		return nil
	}
	if err := s.listings.WriteText(ctx, written...); err != nil {
		return err
	}
	return s.listings.Edited(ctx, changed...)
}
