package catalogue

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/modules/products"
	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Read returns a product by id or slug, as the viewer may see it, or products.ErrNotFound.
// moved is the product's slug now where an old one was asked for. It is recorded as viewed for people who are signed in.
func (s *Service) Read(ctx context.Context, viewer product.Editor, idOrSlug string) (p *product.Product, moved string, err error) {
	id, current, err := s.locate(ctx, idOrSlug)
	if err != nil {
		return nil, "", err
	}
	found, err := s.products.ByIDs(ctx, []uuid.UUID{id})
	if err != nil {
		return nil, "", err
	}
	p = found[id]
	if p == nil || !p.VisibleTo(viewer) {
		return nil, "", products.ErrNotFound
	}
	if !current {
		return nil, p.Slug, nil
	}
	if viewer.ID != uuid.Nil && p.OnSale() {
		if err := s.viewed.Record(ctx, viewer.ID, id); err != nil {
			s.log.Warn("recently viewed: not recorded", zap.Error(err)) // no reason to hide the product
		}
	}
	return p, "", nil
}

// Resolve satisfies products.Catalogue.
func (s *Service) Resolve(ctx context.Context, idOrSlug string) (uuid.UUID, error) {
	id, _, err := s.locate(ctx, idOrSlug)
	if err != nil {
		return uuid.Nil, err
	}
	found, err := s.Refs(ctx, []uuid.UUID{id})
	if err != nil {
		return uuid.Nil, err
	}
	if _, ok := found[id]; !ok {
		return uuid.Nil, products.ErrNotFound
	}
	return id, nil
}

func (s *Service) locate(ctx context.Context, idOrSlug string) (id uuid.UUID, current bool, err error) {
	if id, err := uuid.Parse(idOrSlug); err == nil && len(idOrSlug) == 36 {
		return id, true, nil
	}
	return s.products.BySlug(ctx, idOrSlug)
}

// Refs satisfies products.Catalogue.
func (s *Service) Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	return s.refs.Load(ctx, ids)
}

// Offers satisfies products.Catalogue.
func (s *Service) Offers(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	offers, err := s.products.Offers(ctx, variants)
	if err != nil || database.InTransaction(ctx) {
		return offers, err
	}
	var ids []uuid.UUID
	for _, o := range offers {
		ids = append(ids, o.Product.ID)
	}
	refs, err := s.Refs(ctx, ids)
	for id, o := range offers {
		o.Product.Photo = refs[o.Product.ID].Photo
		offers[id] = o
	}
	return offers, err
}

// Variants satisfies products.Catalogue.
func (s *Service) Variants(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	byProduct, err := s.products.OffersOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	refs, err := s.Refs(ctx, ids)
	for _, offers := range byProduct {
		for i := range offers {
			offers[i].Product.Photo = refs[offers[i].Product.ID].Photo
		}
	}
	return byProduct, err
}

// Alternatives satisfies products.Catalogue.
func (s *Service) Alternatives(ctx context.Context, ids []uuid.UUID, n int) (map[uuid.UUID][]products.Ref, error) {
	found, err := s.store.Alternatives(ctx, ids, n)
	if err != nil {
		return nil, err
	}
	refs, err := s.Refs(ctx, slices.Concat(slices.Collect(maps.Values(found))...))
	alternatives := make(map[uuid.UUID][]products.Ref, len(found))
	for id, others := range found {
		for _, other := range others {
			if ref, ok := refs[other]; ok {
				alternatives[id] = append(alternatives[id], ref)
			}
		}
	}
	return alternatives, err
}
