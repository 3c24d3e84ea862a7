// Package viewerstate is what a person did with the posts that they look at: which they liked and saved.
package viewerstate

import (
	"bytes"
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/cache"
	"atrium/platform/database"
)

// How long a person's state stays in Redis and in this process. Every change drops it, so this bounds memory, not staleness.
const (
	sharedTTL  = 24 * time.Hour
	localTTL   = 5 * time.Minute
	localBytes = 32 * cache.MB
)

// State is what one person did with one post.
type State struct{ Liked, Saved bool }

// recent are a person's newest likes and saves, at most recentSize of each, by the posts' ids ascending.
type recent struct {
	Likes database.IDs `json:"likes"`
	Saves database.IDs `json:"saves"`
}

// Cache reads states. Safe for concurrent use.
type Cache struct {
	store  *Store
	recent *cache.Space[uuid.UUID, recent] // by person
}

// NewCache returns a cache before the store.
func NewCache(store *Store, c *cache.Cache) *Cache {
	return &Cache{store: store, recent: cache.NewSpace[uuid.UUID, recent](c, "posts.marks", sharedTTL, localTTL, localBytes)}
}

// Drop forgets what a person liked and saved. Call it in AfterCommit of a like, a save, and their end.
func (c *Cache) Drop(ctx context.Context, user uuid.UUID) { c.recent.DropAfterCommit(ctx, user) }

// States tells of each of the posts whether the viewer liked and saved it. At most one statement beside the cache, for posts older
// than the person's newest likes and saves.
func (c *Cache) States(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (func(post uuid.UUID) State, error) {
	if viewer == uuid.Nil || len(ids) == 0 {
		return func(uuid.UUID) State { return State{} }, nil
	}
	newest, err := c.recent.Load(ctx, viewer, func(ctx context.Context) (recent, error) { return c.store.recent(ctx, viewer) })
	if err != nil {
		return nil, err
	}
	var older recent
	if old := newest.before(ids); len(old) > 0 {
		if older, err = c.store.among(ctx, viewer, old); err != nil {
			return nil, err
		}
	}
	return func(post uuid.UUID) State {
		return State{
			Liked: newest.Likes.Has(post) || older.Likes.Has(post),
			Saved: newest.Saves.Has(post) || older.Saves.Has(post),
		}
	}, nil
}

// before returns those of the posts that are older than the oldest kept one, where older ones were left out.
func (r recent) before(ids []uuid.UUID) (old []uuid.UUID) {
	for _, id := range ids {
		if leftOut(r.Likes, id) || leftOut(r.Saves, id) {
			old = append(old, id)
		}
	}
	return old
}

func leftOut(kept database.IDs, id uuid.UUID) bool {
	return len(kept) == recentSize && bytes.Compare(id[:], kept[0][:]) < 0
}
