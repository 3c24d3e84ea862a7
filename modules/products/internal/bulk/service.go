package bulk

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products/internal/catalogue"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/stock"
	"atrium/platform/database"
)

// Service imports and exports variants with their products.
type Service struct {
	db        *database.DB
	store     *Store
	products  *product.Store
	catalogue *catalogue.Service
	stock     *stock.Service
}

// NewService needs the catalogue and the stock, which what is put in goes through.
func NewService(db *database.DB, store *Store, products *product.Store, catalogue *catalogue.Service, stock *stock.Service) *Service {
	return &Service{db: db, store: store, products: products, catalogue: catalogue, stock: stock}
}

// exportedAtOnce is how many products Export reads at a time.
const exportedAtOnce = 200

// Export hands everything that an editor may change to write, in batches and the order of ids, until write fails.
func (s *Service) Export(ctx context.Context, editor product.Editor, write func([]*product.Product) error) error {
	var seller *uuid.UUID
	if !editor.Admin {
		seller = &editor.ID
	}
	for after := uuid.Nil; ; {
		ids, err := s.store.Owned(ctx, seller, after, exportedAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		found, err := s.products.ByIDs(ctx, ids)
		if err != nil {
			return err
		}
		batch := make([]*product.Product, 0, len(ids))
		for _, id := range ids {
			if p := found[id]; p != nil {
				batch = append(batch, p)
			}
		}
		if err := write(batch); err != nil {
			return err
		}
		after = ids[len(ids)-1]
	}
}
