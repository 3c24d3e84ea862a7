package content

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/platform/cache"
)

// Counts implements posts.Counts. What a viewer sees of it is chosen by how they stand to the author, so one copy serves all. Safe for
// concurrent use.
type Counts struct {
	store  *Store
	counts *cache.Space[uuid.UUID, posts.ByVisibility] // by author
}

// NewCounts returns counts from the store, through a cache.
func NewCounts(store *Store, c *cache.Cache) *Counts {
	return &Counts{store: store, counts: cache.NewSpace[uuid.UUID, posts.ByVisibility](c, "posts.counts", cache.PermissionTTL, cache.PermissionTTL, 8*cache.MB)}
}

// Drop forgets the author's counts after the transaction in ctx. Call it where a post comes, goes, or is for others from now on.
func (c *Counts) Drop(ctx context.Context, author uuid.UUID) { c.counts.DropAfterCommit(ctx, author) }

// CountByAuthor implements posts.Counts.
func (c *Counts) CountByAuthor(ctx context.Context, authors []uuid.UUID) (map[uuid.UUID]posts.ByVisibility, error) {
	return c.counts.LoadMany(ctx, authors, func(ctx context.Context, missing []uuid.UUID) (map[uuid.UUID]posts.ByVisibility, error) {
		found, err := c.store.countByAuthor(ctx, missing)
		for _, author := range missing {
			if _, ok := found[author]; !ok {
				found[author] = posts.ByVisibility{}
			}
		}
		return found, err
	})
}
