package cache

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"atrium/platform/database"
)

// Derived keeps, in this process only, values that are made from entries of Spaces: a value is forgotten together with
// whichever entry it was made from, whoever's Space that is. What is read past the Spaces while it is made is not followed:
// of that it may be as old as its ttl.
type Derived[K comparable, V any] struct {
	local     copies // of derivedValues
	hit, miss prometheus.Counter
}

// derivedValue is a value with what it was made from.
type derivedValue struct {
	value   any
	sources *dependent
}

// NewDerived opens a place for derived values of at most localBytes together, each living at most ttl: some half of it, some all, so that what was
// made in one rush is not made anew in one. It is called name in the metrics.
func NewDerived[K comparable, V any](c *Cache, name string, ttl time.Duration, localBytes int) *Derived[K, V] {
	d := &Derived[K, V]{
		hit:  c.lookups.WithLabelValues(name, "derived", "hit"),
		miss: c.lookups.WithLabelValues(name, "derived", "miss"),
		local: newCopies(localBytes, c.clock, func(any, any) time.Duration { return c.localLife(jitter(ttl, 0.5, 1)) },
			func(value any) { value.(*derivedValue).sources.release() }),
	}
	sizes.watch(name, localBytes, func() copies { return d.local })
	return d
}

// LoadMany returns the values of keys. For those that are not here, prepare is called once, to bring all that they are made
// from into the Spaces by few round trips, then derive for each. A key for which derive reports false is absent from the
// answer, and so are those of whom it reports an error, which is returned. Inside a transaction nothing is kept.
func (d *Derived[K, V]) LoadMany(ctx context.Context, keys []K, prepare func(ctx context.Context, missing []K) error,
	derive func(ctx context.Context, key K) (V, bool, error)) (map[K]V, error) {
	found := make(map[K]V, len(keys))
	var missing []K
	pass := database.InTransaction(ctx)
	for _, key := range keys {
		if kept, ok := lookUp(d.local, key); ok && !pass {
			found[key] = as[V](kept.(*derivedValue).value)
		} else {
			missing = append(missing, key)
		}
	}
	d.hit.Add(float64(len(keys) - len(missing)))
	if len(missing) == 0 {
		return found, nil
	}
	d.miss.Add(float64(len(missing)))
	if err := prepare(ctx, missing); err != nil {
		return nil, err
	}
	for _, key := range missing {
		value, ok, err := d.derive(ctx, key, derive)
		if err != nil {
			return nil, err
		}
		if ok {
			found[key] = value
		}
	}
	return found, nil
}

func (d *Derived[K, V]) derive(ctx context.Context, key K, derive func(ctx context.Context, key K) (V, bool, error)) (V, bool, error) {
	sources := &dependent{forget: func() { d.local.forget(key) }}
	value, ok, err := derive(context.WithValue(ctx, dependentKey{}, sources), key)
	if err != nil || !ok || database.InTransaction(ctx) {
		sources.release()
		return value, ok, err
	}
	d.local.put(key, &derivedValue{value, sources})
	if sources.stale.Load() { // forgotten while it was made: the answer may be old, what is kept may not
		d.local.forget(key)
	}
	return value, true, nil
}

// dependent is a derived value, or one in the making, as the Spaces know it that it is made from.
type dependent struct {
	stale  atomic.Bool
	forget func()

	mu       sync.Mutex
	releases []func()
}

type dependentKey struct{}

// beingMade is the value being derived in ctx, nil where none is.
func beingMade(ctx context.Context) *dependent {
	d, _ := ctx.Value(dependentKey{}).(*dependent)
	return d
}

// follow notes how to take d off a Space's list.
func (d *dependent) follow(release func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.releases = append(d.releases, release)
}

// release takes d off all lists.
func (d *dependent) release() {
	d.mu.Lock()
	releases := d.releases
	d.releases = nil
	d.mu.Unlock()
	for _, release := range releases {
		release()
	}
}

// dependents are the derived values that were made from a Space's entries.
type dependents struct {
	mu    sync.Mutex
	byKey map[any][]*dependent
}

// note enters a value being made. It must come before the entries are read: a Drop afterwards finds it.
func (l *dependents) note(d *dependent, keys []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.byKey == nil {
		l.byKey = map[any][]*dependent{}
	}
	for _, key := range keys {
		l.byKey[key] = append(l.byKey[key], d)
	}
	d.follow(func() { l.remove(d, keys) })
}

func (l *dependents) remove(d *dependent, keys []any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, key := range keys {
		list := l.byKey[key]
		for i, other := range list {
			if other == d {
				list[i] = list[len(list)-1]
				list[len(list)-1] = nil
				list = list[:len(list)-1]
				break
			}
		}
		if len(list) == 0 {
			delete(l.byKey, key)
		} else {
			l.byKey[key] = list
		}
	}
}

// forget forgets what was made from keys.
func (l *dependents) forget(keys []any) {
	var all []*dependent
	l.mu.Lock()
	for _, key := range keys {
		all = append(all, l.byKey[key]...)
	}
	l.mu.Unlock()
	forgetAll(all)
}

// forgetAll forgets everything that was made from the Space.
func (l *dependents) forgetAll() {
	var all []*dependent
	l.mu.Lock()
	for _, list := range l.byKey {
		all = append(all, list...)
	}
	l.mu.Unlock()
	forgetAll(all)
}

func forgetAll(all []*dependent) {
	for _, d := range all {
		d.stale.Store(true)
		d.forget()
	}
}
