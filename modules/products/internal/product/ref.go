package product

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/platform/cache"
	"atrium/platform/photo"
)

// Refs reads products in short through a cache. Safe for concurrent use.
type Refs struct {
	store  *Store
	photos uploads.Library
	cached *cache.Space[uuid.UUID, cachedRef]
}

// cachedRef is what the cache keeps of a product. The format is stored: a change needs another name of the space.
type cachedRef struct {
	Ref   products.Ref
	Photo uuid.UUID
	Brand string
}

// NewRefs returns a cache before the store. Photos have a cache of their own.
func NewRefs(store *Store, photos uploads.Library, c *cache.Cache) *Refs {
	r := &Refs{store: store, photos: photos}
	r.cached = cache.NewSpace[uuid.UUID, cachedRef](c, "products.card.2", cache.PermissionTTL, cache.PermissionTTL, 16*cache.MB).RenewBy(1000, r.load)
	return r
}

// Drop forgets products after the transaction in ctx. Call it in whatever changes one.
func (r *Refs) Drop(ctx context.Context, ids ...uuid.UUID) { r.cached.DropAfterCommit(ctx, ids...) }

// Load returns products on sale in short, with their first photos; others are absent.
func (r *Refs) Load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	found, err := r.cached.LoadMany(ctx, ids, r.load)
	if err != nil {
		return nil, err
	}
	refs := make(map[uuid.UUID]products.Ref, len(found))
	var covers []uuid.UUID
	for id, c := range found {
		ref := c.Ref
		ref.Brand = c.Brand
		refs[id] = ref
		if c.Photo != uuid.Nil {
			covers = append(covers, c.Photo)
		}
	}
	if len(covers) == 0 {
		return refs, nil
	}
	photos, err := r.photos.Photos(ctx, covers)
	if err != nil {
		return nil, err
	}
	for id, c := range found {
		ref := refs[id]
		ref.Photo = brief(photos, c.Photo)
		refs[id] = ref
	}
	return refs, nil
}

func (r *Refs) load(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]cachedRef, error) {
	rows, err := r.store.ByIDs(ctx, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]cachedRef, len(rows))
	for id, p := range rows {
		if !p.OnSale() {
			continue
		}
		c := cachedRef{Ref: p.Ref(), Brand: p.Brand}
		if len(p.Photos) > 0 {
			c.Photo = p.Photos[0]
		}
		found[id] = c
	}
	return found, nil
}

func brief(photos map[uuid.UUID]photo.Photo, id uuid.UUID) *photo.Photo {
	if p, ok := photos[id]; ok {
		p = p.Brief()
		return &p
	}
	return nil
}
