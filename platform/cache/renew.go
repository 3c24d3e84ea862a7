package cache

import (
	"context"
	"errors"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"atrium/platform/background"
)

// renewEvery is how often what is about to expire is looked for.
const renewEvery = 3 * time.Second

// localCopy is what a Space keeps of one value in this process.
type localCopy[V any] struct {
	value   V
	since   time.Time
	renewed bool        // past Redis, where it could have stood for a while already
	used    atomic.Bool // since it was loaded
}

// life is how long the copy may live, where one that may come from Redis lives as long as localTTL.
func (c *localCopy[V]) life(localTTL time.Duration) time.Duration {
	if c.renewed {
		return 2 * localTTL
	}
	return localTTL
}

// asCopies makes local copies of values that were just loaded.
func (s *Space[K, V]) asCopies(values map[K]V, renewed bool) map[any]any {
	all := make(map[any]any, len(values))
	now := s.cache.clock.now()
	for key, value := range values {
		all[key] = &localCopy[V]{value: value, since: now, renewed: renewed}
	}
	return all
}

// used returns the value of a copy, and notes that it was asked for.
func used[V any](kept any) V {
	c := kept.(*localCopy[V])
	if !c.used.Load() { // or all cores would write to the same place
		c.used.Store(true)
	}
	return c.value
}

// renewal is how the copies of a Space are renewed; without load they are not.
type renewal[K comparable, V any] struct {
	load  func(ctx context.Context, keys []K) (map[K]V, error)
	batch int // how many keys one load gets at most
}

// RenewBy has copies in this process that are in use loaded anew before they expire, up to batch of them by one call of load, so that
// values which live shortly cost their readers nothing. load asks what the value is made from, not Redis; hence a renewed copy lives twice
// as long as one that may come from Redis. What nobody asked for again since it was loaded expires. Call RenewBy before the cache is
// used; KeepFresh must run.
func (s *Space[K, V]) RenewBy(batch int, load func(ctx context.Context, keys []K) (map[K]V, error)) *Space[K, V] {
	s.renewal.batch, s.renewal.load = batch, load
	return s
}

// KeepFresh renews what Spaces want renewed (see RenewBy), every three seconds. It blocks until ctx ends and then returns nil.
func (c *Cache) KeepFresh(ctx context.Context) error {
	for background.Pause(ctx, renewEvery); ctx.Err() == nil; background.Pause(ctx, renewEvery) {
		if err := c.Renew(ctx); err != nil && ctx.Err() == nil {
			c.log.Warn("cache: copies were not renewed; readers load them", zap.Error(err))
		}
	}
	return nil
}

// Renew renews once what Spaces want renewed and is due. An error of one Space does not keep others from it.
func (c *Cache) Renew(ctx context.Context) error {
	c.mu.RLock()
	spaces := slices.Collect(maps.Values(c.spaces))
	c.mu.RUnlock()
	var failures []error
	for _, s := range spaces {
		failures = append(failures, s.renew(ctx))
	}
	return errors.Join(failures...)
}

// renew loads the copies anew that are in use and no longer young. What is forgotten meanwhile does not come back: see copies.
func (s *Space[K, V]) renew(ctx context.Context) error {
	if s.renewal.load == nil {
		return nil
	}
	local := *s.local.Load()
	for keys := range slices.Chunk(s.due(local), s.renewal.batch) {
		if err := local.reload(ctx, keys, s.renewing); err != nil {
			return err
		}
	}
	return nil
}

// due returns the keys of copies that are in use and have lived most of their lives.
func (s *Space[K, V]) due(local copies) (keys []any) {
	now := s.cache.clock.now()
	for key, kept := range local.all() {
		if c := kept.(*localCopy[V]); c.used.Load() && now.Sub(c.since) > c.life(s.localTTL)*7/10 {
			keys = append(keys, key)
		}
	}
	return keys
}

// renewing is the load of a renewal as copies are loaded.
func (s *Space[K, V]) renewing(ctx context.Context, keys []any) (map[any]any, error) {
	values, err := s.renewal.load(ctx, typed[K](keys))
	return s.asCopies(values, true), err
}
