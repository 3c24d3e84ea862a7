package recentlyviewed

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/products/internal/product"
)

// Service records and lists what people looked at.
type Service struct {
	store *Store
	refs  *product.Refs
	most  int
}

// NewService remembers as many products of a person as the configuration says.
func NewService(store *Store, refs *product.Refs, cfg products.Config) *Service {
	return &Service{store: store, refs: refs, most: cfg.Viewed}
}

// Record notes that a person looked at a product.
func (s *Service) Record(ctx context.Context, user, product uuid.UUID) error {
	return s.store.Record(ctx, user, product, s.most)
}

// Page returns what a person looked at, latest first, after a position (zero: from the top), and the products in short.
func (s *Service) Page(ctx context.Context, user uuid.UUID, after Position, limit int) ([]Position, map[uuid.UUID]products.Ref, error) {
	rows, err := s.store.Page(ctx, user, after, limit)
	if err != nil {
		return nil, nil, err
	}
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.ProductID
	}
	refs, err := s.refs.Load(ctx, ids)
	return rows, refs, err
}

// Clear deletes what is remembered of a person.
func (s *Service) Clear(ctx context.Context, user uuid.UUID) error {
	return s.store.DeleteOf(ctx, user)
}
