package catalogue

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/platform/etag"
)

// AddVariant creates a variant of a product.
func (s *Service) AddVariant(ctx context.Context, editor product.Editor, productID uuid.UUID, d product.VariantDraft) (product.Variant, error) {
	if err := d.Clean("/body"); err != nil {
		return product.Variant{}, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return product.Variant{}, err
	}
	v := product.Variant{
		ID: id, ProductID: productID, SKU: d.SKU, Name: d.Name, Options: d.Options, Version: 1}
	if v.Options == nil {
		v.Options = map[string]string{}
	}
	if err := v.SetPrice(d.Price); err != nil {
		return product.Variant{}, err
	}
	if err := v.SetCompareAt(d.CompareAt); err != nil {
		return product.Variant{}, err
	}
	if err := v.SetSale(d.Sale); err != nil {
		return product.Variant{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if _, err := s.products.LockForEdit(ctx, editor, productID); err != nil {
			return err
		}
		if err := s.store.InsertVariant(ctx, &v); err != nil {
			return err
		}
		v, err = s.offered(ctx, v)
		return err
	})
	return v, err
}

// EditVariant changes a variant; one that it leaves as it is keeps its version, and nobody is told. The lock on its product keeps two edits apart.
func (s *Service) EditVariant(ctx context.Context, editor product.Editor, id uuid.UUID, match etag.Match, c product.VariantChange) (product.Variant, error) {
	var v product.Variant
	if err := c.Clean("/body"); err != nil {
		return v, err
	}
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.products.LockVariantForEdit(ctx, editor, id); err != nil {
			return err
		}
		var err error
		if v, err = s.products.Variant(ctx, id); err != nil {
			return err
		}
		if err := match.Check(v.Version); err != nil {
			return err
		}
		before := v
		if err := v.Apply(c); err != nil {
			return err
		}
		if v.Same(before) {
			_, v, err = s.reread(ctx, v)
			return err
		}
		if err := s.store.UpdateVariant(ctx, &v); err != nil {
			return err
		}
		v, err = s.offered(ctx, v)
		return err
	})
	return v, err
}

// offered writes prices and words that follow from a variant that was written, and reads it again with the price of this moment.
func (s *Service) offered(ctx context.Context, v product.Variant) (product.Variant, error) {
	if err := s.prices.VariantWritten(ctx, v); err != nil {
		return v, err
	}
	p, v, err := s.reread(ctx, v)
	if err != nil {
		return v, err
	}
	if err := s.listings.WriteText(ctx, p); err != nil {
		return v, err
	}
	return v, s.listings.Edited(ctx, v.ProductID)
}

// reread reads a variant again, with its product and the price of this moment.
func (s *Service) reread(ctx context.Context, v product.Variant) (*product.Product, product.Variant, error) {
	found, err := s.products.ByIDs(ctx, []uuid.UUID{v.ProductID})
	if err != nil {
		return nil, v, err
	}
	p := found[v.ProductID]
	if i := slices.IndexFunc(p.Variants, func(other product.Variant) bool { return other.ID == v.ID }); i >= 0 {
		v = p.Variants[i]
	}
	return p, v, nil
}
