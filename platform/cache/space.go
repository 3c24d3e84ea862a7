package cache

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"atrium/platform/database"
)

// Space is a typed part of the cache: values of V by keys of K (uuid.UUID, string, ...), JSON in Redis.
// Values are shared between callers: do not write into their slices and maps.
type Space[K comparable, V any] struct {
	cache         *Cache
	name          string
	ttl, localTTL time.Duration

	// local is replaced as a whole to forget everything: a load under way then fills the old one, which nobody reads.
	local    atomic.Pointer[copies]
	newLocal func() copies
	made     dependents   // what was derived from the entries
	drops    atomic.Int64 // how often keys were forgotten here
	renewal  renewal[K, V]
	with     []companion // see ReadWith

	localHit, localMiss, redisHit, redisMiss prometheus.Counter
}

// NewSpace opens the space called name ("users.ref"); values live about ttl (jittered by 10 %) in Redis and at most
// localTTL in this process, which keeps at most localBytes of them. Change the name when the shape of V changes.
// A name can be opened once.
func NewSpace[K comparable, V any](c *Cache, name string, ttl, localTTL time.Duration, localBytes int) *Space[K, V] {
	s := &Space[K, V]{
		cache:     c,
		name:      name,
		ttl:       ttl,
		localTTL:  localTTL,
		localHit:  c.lookups.WithLabelValues(name, "local", "hit"),
		localMiss: c.lookups.WithLabelValues(name, "local", "miss"),
		redisHit:  c.lookups.WithLabelValues(name, "redis", "hit"),
		redisMiss: c.lookups.WithLabelValues(name, "redis", "miss"),
	}
	s.newLocal = func() copies {
		return newCopies(localBytes, c.clock, func(_, kept any) time.Duration { return c.localLife(kept.(*localCopy[V]).life(localTTL)) }, nil)
	}
	s.forgetAll()
	c.register(name, s)
	sizes.watch(name, localBytes, func() copies { return *s.local.Load() })
	return s
}

// companion is a Space that is read together with another one of the same keys.
type companion interface {
	absent(keys []any) (names []string, drops int64)
}

// ReadWith says that who asks for keys here asks for them in other Spaces next: in a batch (see InBatch) Redis is asked for all at once.
// Call it before the cache is used.
func (s *Space[K, V]) ReadWith(others ...companion) { s.with = append(s.with, others...) }

// Load returns the value of key, from the nearest level that has it; concurrent loads of one key are one load.
// An error of load is returned and not cached. Inside a transaction the cache is passed by:
// load sees what is not committed yet, and nobody else may.
func (s *Space[K, V]) Load(ctx context.Context, key K, load func(ctx context.Context) (V, error)) (V, error) {
	if database.InTransaction(ctx) {
		return load(ctx)
	}
	s.note(ctx, key)
	local := *s.local.Load()
	if kept, ok := lookUp(local, key); ok {
		s.localHit.Inc()
		return used[V](kept), nil
	}
	s.localMiss.Inc()
	loader := func(ctx context.Context) (any, error) {
		values, err := s.fill(ctx, []K{key}, func(ctx context.Context, _ []K) (map[K]V, error) {
			value, err := load(ctx)
			return map[K]V{key: value}, err
		})
		return s.asCopies(values, false)[key], err
	}
	drops := s.drops.Load()
	loaded, err := local.load(ctx, key, loader)
	if err == nil && s.drops.Load() != drops { // perhaps of this key, while it was loaded
		local.forget(key)
		loaded, err = local.load(ctx, key, loader)
	}
	if errors.Is(err, errLeftOut) {
		// We waited for a LoadMany that left the key out. What that means here, load knows.
		return load(ctx)
	}
	if err != nil {
		var none V
		return none, err
	}
	return loaded.(*localCopy[V]).value, nil
}

// LoadMany returns the values of keys in one round trip per level; load gets the keys that no level has.
// A key that load leaves out is absent from the answer (and not cached). Inside a transaction it is load(ctx, keys).
func (s *Space[K, V]) LoadMany(ctx context.Context, keys []K, load func(ctx context.Context, missing []K) (map[K]V, error)) (map[K]V, error) {
	if len(keys) == 0 {
		return map[K]V{}, nil
	}
	if database.InTransaction(ctx) {
		return load(ctx, keys)
	}
	s.note(ctx, keys...)
	local := *s.local.Load()
	found := make(map[K]V, len(keys))
	var missing []K
	for _, key := range keys {
		if kept, ok := lookUp(local, key); ok {
			found[key] = used[V](kept)
		} else {
			missing = append(missing, key)
		}
	}
	s.localHit.Add(float64(len(keys) - len(missing)))
	if len(missing) == 0 {
		return found, nil
	}
	s.localMiss.Add(float64(len(missing)))
	drops := s.drops.Load()
	loaded, err := local.loadMany(ctx, untyped(missing), s.filling(load))
	if err != nil {
		return nil, err
	}
	for key, kept := range loaded {
		found[key.(K)] = kept.(*localCopy[V]).value
	}
	if s.drops.Load() != drops { // perhaps of some of these, while they were loaded
		for _, key := range missing {
			local.forget(key)
		}
	}
	return found, nil
}

// filling is fill as copies are loaded.
func (s *Space[K, V]) filling(load func(ctx context.Context, missing []K) (map[K]V, error)) func(context.Context, []any) (map[any]any, error) {
	return func(ctx context.Context, keys []any) (map[any]any, error) {
		values, err := s.fill(ctx, typed[K](keys), load)
		return s.asCopies(values, false), err
	}
}

// Drop forgets keys here at once, in Redis and on the other instances within a second (as soon as Redis can be
// reached, where it cannot). What follows from a transaction is DropAfterCommit. A load that began before the Drop does not bring the old
// value back.
func (s *Space[K, V]) Drop(ctx context.Context, keys ...K) {
	if len(keys) == 0 {
		return
	}
	due := &pendingDrops{}
	due.add(s.forgotten(keys), func() { s.forgetLocal(keys) })
	s.cache.dropAll(ctx, due)
}

// forgotten is the Drop of keys as Redis gets it.
func (s *Space[K, V]) forgotten(keys []K) forgotten {
	return forgotten{
		keys:    s.remoteKeys(keys),
		message: mustMarshal(s.cache.newDrop(s.name, keys)),
		until:   time.Now().Add(s.ttl + s.ttl/10),
	}
}

// fill asks Redis for keys, then load for the rest, and gives Redis what load found.
func (s *Space[K, V]) fill(ctx context.Context, keys []K, load func(ctx context.Context, missing []K) (map[K]V, error)) (map[K]V, error) {
	values := make(map[K]V, len(keys))
	missing := keys
	texts, lease := s.read(ctx, keys)
	if lease != "" {
		missing = s.decode(keys, texts, values)
	}
	if len(missing) == 0 {
		return values, nil
	}
	loaded, err := load(ctx, missing)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(loaded))
	for _, key := range missing {
		value, ok := loaded[key]
		if !ok {
			continue
		}
		values[key] = value
		if text, err := json.Marshal(value); err == nil {
			entries = append(entries, entry{s.remoteKey(key), lease, text, jitter(s.ttl, 0.9, 1.1)})
		}
	}
	if lease != "" {
		s.write(ctx, entries)
	}
	return values, nil
}

// read asks Redis for keys, and in a batch by the same command for what is read with them (see ReadWith).
func (s *Space[K, V]) read(ctx context.Context, keys []K) (texts []string, lease string) {
	names, b := s.remoteKeys(keys), batchOf(ctx, s.cache)
	if b == nil {
		return s.cache.remote.read(ctx, names)
	}
	if texts, lease, ok := b.take(names, s.drops.Load()); ok {
		return texts, lease
	}
	asked := names
	ahead := make([]readAhead, 0, len(names)*len(s.with))
	for _, c := range s.with {
		more, drops := c.absent(untyped(keys))
		asked = append(asked, more...)
		for range more {
			ahead = append(ahead, readAhead{drops: drops})
		}
	}
	if texts, lease = s.cache.remote.read(ctx, asked); lease == "" {
		return nil, ""
	}
	for i, a := range ahead {
		a.text, a.lease = texts[len(names)+i], lease
		b.put(asked[len(names)+i], a)
	}
	return texts[:len(names)], lease
}

// write gives Redis entries, in a batch at its end.
func (s *Space[K, V]) write(ctx context.Context, entries []entry) {
	if b := batchOf(ctx, s.cache); b != nil {
		b.add(ctx, entries)
		return
	}
	s.cache.remote.write(ctx, entries)
}

// decode puts what Redis knew into values and returns the keys of the rest.
// What is not readable (written by another version) counts as unknown.
func (s *Space[K, V]) decode(keys []K, texts []string, values map[K]V) (missing []K) {
	for i, key := range keys {
		var value V
		if texts[i] != "" && json.Unmarshal([]byte(texts[i]), &value) == nil {
			values[key] = value
		} else {
			missing = append(missing, key)
		}
	}
	s.redisHit.Add(float64(len(values)))
	s.redisMiss.Add(float64(len(missing)))
	return missing
}

// note enters the value that is being derived in ctx, if there is one, as made from keys.
func (s *Space[K, V]) note(ctx context.Context, keys ...K) {
	if d := beingMade(ctx); d != nil {
		s.made.note(d, untyped(keys))
	}
}

func (s *Space[K, V]) forget(list json.RawMessage) error {
	var raw []json.RawMessage
	if err := json.Unmarshal(list, &raw); err != nil {
		return err
	}
	var unreadable error
	keys := make([]K, 0, len(raw))
	for _, one := range raw {
		var key K
		if err := json.Unmarshal(one, &key); err != nil {
			unreadable = err
			continue
		}
		keys = append(keys, key)
	}
	s.forgetLocal(keys)
	return unreadable
}

func (s *Space[K, V]) forgetLocal(keys []K) {
	s.drops.Add(1)
	local := *s.local.Load()
	for _, key := range keys {
		local.forget(key)
	}
	s.made.forget(untyped(keys))
}

func (s *Space[K, V]) forgetAll() {
	s.drops.Add(1)
	local := s.newLocal()
	s.local.Store(&local)
	s.made.forgetAll()
}

// absent names in Redis those of the keys of which there is no copy in this process, and tells how often keys were forgotten before.
func (s *Space[K, V]) absent(keys []any) (names []string, drops int64) {
	drops = s.drops.Load()
	local := *s.local.Load()
	for _, key := range keys {
		if _, ok := local.get(key); !ok {
			names = append(names, s.remoteKey(key.(K)))
		}
	}
	return names, drops
}

func (s *Space[K, V]) remoteKeys(keys []K) []string {
	out := make([]string, len(keys))
	for i, key := range keys {
		out[i] = s.remoteKey(key)
	}
	return out
}

// remoteKey is the key's name in Redis: a string as it is, anything else as its JSON.
func (s *Space[K, V]) remoteKey(key K) string {
	if text, ok := any(key).(string); ok {
		return s.name + ":" + text
	}
	return remoteName(s.name, mustMarshal(key))
}

// jitter spreads d evenly over low*d to high*d, so that what was filled together does not end together.
func jitter(d time.Duration, low, high float64) time.Duration {
	return time.Duration(float64(d) * (low + rand.Float64()*(high-low)))
}
