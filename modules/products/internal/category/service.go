package category

import (
	"context"
	"reflect"
	"slices"
	"time"

	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/product"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/outbox"
	"atrium/platform/plug"
)

// Service has the use cases of categories.
type Service struct {
	db       *database.DB
	store    *Store
	outbox   *outbox.Outbox
	products *product.Store
	listings *listing.Service
	epoch    *listing.Epoch
	tree     *cache.Space[string, []Category]
}

// Deps is what NewService needs.
type Deps struct {
	plug.In

	DB       *database.DB
	Store    *Store
	Outbox   *outbox.Outbox
	Products *product.Store
	Listings *listing.Service
	Epoch    *listing.Epoch
	Cache    *cache.Cache
}

// NewService keeps the tree in the cache.
func NewService(d Deps) *Service {
	return &Service{db: d.DB, store: d.Store, outbox: d.Outbox, products: d.Products, listings: d.Listings, epoch: d.Epoch,
		tree: cache.NewSpace[string, []Category](d.Cache, "products.categories", 10*time.Minute, 30*time.Second, 4*cache.MB)}
}

// treeKey is the one key of Service.tree.
const treeKey = "state"

// All returns all categories in the order they are shown. Cached.
func (s *Service) All(ctx context.Context) ([]Category, error) {
	return s.tree.Load(ctx, treeKey, s.store.All)
}

// Branches returns the slugs of a category and all below it, or ErrUnknown; none for none.
func (s *Service) Branches(ctx context.Context, slug string) ([]string, error) {
	if slug == "" {
		return nil, nil
	}
	all, err := s.All(ctx)
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(all, func(c Category) bool { return c.Slug == slug }) {
		return nil, ErrUnknown
	}
	branches := []string{slug}
	for i := 0; i < len(branches); i++ {
		for _, c := range all {
			if c.ParentSlug != nil && *c.ParentSlug == branches[i] && !slices.Contains(branches, c.Slug) {
				branches = append(branches, c.Slug)
			}
		}
	}
	return branches, nil
}

// Create adds a category: errTaken, errParent, product.ErrInvalidSlug.
func (s *Service) Create(ctx context.Context, c Category) (Category, error) {
	if product.CheckSlug(c.Slug) != nil {
		return c, product.ErrInvalidSlug
	}
	if err := cleanName(&c.Name); err != nil {
		return c, err
	}
	c.Version = 1
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.LockAll(ctx); err != nil {
			return err
		}
		if err := s.fits(ctx, c); err != nil {
			return err
		}
		if err := s.store.Insert(ctx, c); err != nil {
			return err
		}
		s.changed(ctx)
		return nil
	})
	return c, err
}

// Edit changes a category; one that it leaves as it is keeps its version. Its products are found by another name soon.
func (s *Service) Edit(ctx context.Context, slug string, match etag.Match, change Change) (Category, error) {
	var c Category
	if err := cleanName(change.Name); err != nil {
		return c, err
	}
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		if err := s.store.LockAll(ctx); err != nil {
			return err
		}
		if c, err = s.store.BySlug(ctx, slug); err != nil {
			return err
		}
		if err := match.Check(c.Version); err != nil {
			return err
		}
		before := c
		renamed := change.Name != nil && *change.Name != c.Name
		if renamed {
			c.Name = *change.Name
		}
		if change.Parent != nil {
			c.ParentSlug = *change.Parent
		}
		if change.Position != nil {
			c.Position = *change.Position
		}
		if reflect.DeepEqual(before, c) {
			return nil
		}
		if err := s.fits(ctx, c); err != nil {
			return err
		}
		c.Version++
		if err := s.store.Update(ctx, c); err != nil {
			return err
		}
		s.changed(ctx)
		if renamed {
			return s.outbox.Enqueue(ctx, Reindex{Category: slug})
		}
		return nil
	})
	return c, err
}

// Delete removes a category that nothing is in.
func (s *Service) Delete(ctx context.Context, slug string) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		s.changed(ctx)
		return s.store.Delete(ctx, slug)
	})
}

// fits returns errParent where a category would be below itself, or below none that there is. The categories are locked.
func (s *Service) fits(ctx context.Context, c Category) error {
	if c.ParentSlug == nil {
		return nil
	}
	all, err := s.store.All(ctx)
	if err != nil {
		return err
	}
	for above := c.ParentSlug; above != nil; {
		i := slices.IndexFunc(all, func(other Category) bool { return other.Slug == *above })
		if i < 0 || all[i].Slug == c.Slug {
			return errParent
		}
		above = all[i].ParentSlug
	}
	return nil
}

// changed drops the tree from the cache and ends the search epoch, once the transaction has committed.
func (s *Service) changed(ctx context.Context) {
	s.tree.DropAfterCommit(ctx, treeKey)
	s.epoch.End(ctx)
}
