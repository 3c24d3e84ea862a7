// Package seller takes the products of sellers who are suspended off the shelf, and puts them back.
package seller

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/products/internal/listing"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/plug"
)

// Service follows how sellers stand.
type Service struct {
	db       *database.DB
	store    *Store
	accounts users.Accounts
	outbox   *outbox.Outbox
	listings *listing.Service
	epoch    *listing.Epoch
}

// Deps is what NewService needs.
type Deps struct {
	plug.In

	DB       *database.DB
	Store    *Store
	Accounts users.Accounts
	Outbox   *outbox.Outbox
	Listings *listing.Service
	Epoch    *listing.Epoch
}

func NewService(d Deps) *Service {
	return &Service{db: d.DB, store: d.Store, accounts: d.Accounts, outbox: d.Outbox, listings: d.Listings, epoch: d.Epoch}
}

// Refresh notes how a seller stands now. Where that is new their products are off the shelf, or back on it, from the commit on; their
// listings follow by a task. Idempotent; who sells nothing is passed over.
func (s *Service) Refresh(ctx context.Context, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		sells, err := s.store.Sells(ctx, id)
		if err != nil || !sells {
			return err
		}
		suspended, err := s.store.Lock(ctx, id)
		if err != nil {
			return err
		}
		// Asked under the lock: whoever asks last writes last, in whatever order events arrive.
		standing, err := s.accounts.Standing(ctx, id)
		if errors.Is(err, users.ErrNotFound) || standing.Deleted || err == nil && standing.Suspended == suspended {
			return nil // of those who are gone, things stay as they were
		}
		if err != nil {
			return err
		}
		if err := s.store.SetSuspended(ctx, id, standing.Suspended); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, Relist{Seller: id})
	})
}

// sellersAtOnce is how many sellers RefreshAll reads at a time.
const sellersAtOnce = 200

// RefreshAll refreshes every seller: for what happened while the module was off, or before it listened.
func (s *Service) RefreshAll(ctx context.Context) error {
	for after := uuid.Nil; ; {
		ids, err := s.store.Sellers(ctx, after, sellersAtOnce)
		if err != nil || len(ids) == 0 {
			return err
		}
		for _, id := range ids {
			if err := s.Refresh(ctx, id); err != nil {
				return err
			}
		}
		after = ids[len(ids)-1]
	}
}

// listedAtOnce is how many products one task brings up to date.
const listedAtOnce = 100

// Relist brings the listings of one batch of a seller's products up to date and enqueues a task for the next.
func (s *Service) Relist(ctx context.Context, _ uuid.UUID, task Relist) error {
	ids, err := s.store.ProductsOf(ctx, task.Seller, task.After, listedAtOnce)
	if err != nil {
		return err
	}
	if len(ids) == 0 {
		s.epoch.End(ctx)
		return nil
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.listings.Changed(ctx, ids...); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, Relist{Seller: task.Seller, After: ids[len(ids)-1]})
	})
}
