package listing

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/products/internal/product"
	"atrium/platform/database"
)

// Folder folds the listings anew that a build before has written.
type Folder struct {
	db       *database.DB
	store    *Store
	products *product.Store
	listings *Service
}

func NewFolder(db *database.DB, store *Store, products *product.Store, listings *Service) *Folder {
	return &Folder{db: db, store: store, products: products, listings: listings}
}

// foldBatch is how many listings are looked for at a time.
const foldBatch = 500

// FoldAll writes the words of the listings that a build before has written. It goes on where it was interrupted, and costs one look into a
// partial index where there is nothing to do. The search epoch goes on: both forms are found meanwhile, and no search is older than 5 seconds.
func (f *Folder) FoldAll(ctx context.Context) error {
	for after := uuid.Nil; ; {
		ids, err := f.store.Unfolded(ctx, after, foldBatch)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := f.fold(ctx, id); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// fold has a transaction for each product: the words of several at once, in whatever order, could make a circle with those of an editor.
func (f *Folder) fold(ctx context.Context, id uuid.UUID) error {
	return f.db.InTx(ctx, func(ctx context.Context) error {
		p, err := f.products.Lock(ctx, id)
		if errors.Is(err, products.ErrNotFound) { // deleted meanwhile
			return nil
		}
		if err != nil {
			return err
		}
		return f.listings.WriteText(ctx, p)
	})
}
