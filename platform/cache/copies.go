package cache

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"
)

// copies is what this process keeps: of a Space, of derived values, or for itself (Local). It knows no types and hides how it is
// made: otter is generic throughout, and would be compiled once more in every package that sees a Space.
type copies interface {
	get(key any) (value any, ok bool)
	// getID is get of an id, which most keys are: nothing is allocated for it.
	getID(id uuid.UUID) (value any, ok bool)
	put(key, value any)
	forget(key any)
	// renew lets what is kept live so long from now.
	renew(key any, life time.Duration)
	// load joins concurrent loads of a key, and throws away what was loaded where the key was forgotten meanwhile.
	load(ctx context.Context, key any, load func(ctx context.Context) (any, error)) (any, error)
	// loadMany is load for many keys.
	loadMany(ctx context.Context, keys []any, load func(ctx context.Context, keys []any) (map[any]any, error)) (map[any]any, error)
	// all is every key and value, in no order; looking does not count as use.
	all() iter.Seq2[any, any]
	// reload replaces the values of keys by what load brings, or removes what it does not bring. What is written or forgotten
	// meanwhile stays so. An error leaves all as they are.
	reload(ctx context.Context, keys []any, load func(ctx context.Context, keys []any) (map[any]any, error)) error
	// settle removes at once what does not fit; else that happens in passing.
	settle()
	// len is about how many values there are, and bytes what they weigh.
	len() int
	bytes() uint64
}

// errLeftOut: a load that was joined did not bring the key.
var errLeftOut = otter.ErrNotFound

// neverByItself is longer than anything is kept: what is kept is reloaded when reload says so, never by a reader.
const neverByItself = 10 * 365 * 24 * time.Hour

// clock is a source of time as otter wants it; nil is the system's.
type clock func() time.Time

// NowNano returns the time in nanoseconds since 1970.
func (c clock) NowNano() int64 { return c.now().UnixNano() }

// Tick returns when otter is to look for what has expired: it does not depend on what the clock says.
func (c clock) Tick(every time.Duration) <-chan time.Time { return time.Tick(every) }

func (c clock) now() time.Time {
	if c == nil {
		return time.Now()
	}
	return c()
}

// slot is a key as the map has it. An id stands in it as it is: what is looked up is compared without following a pointer.
type slot struct {
	id    uuid.UUID
	other any // of every other key; nil: it is the id
}

func slotOf(key any) slot {
	if id, ok := key.(uuid.UUID); ok {
		return slot{id: id}
	}
	return slot{other: key}
}

func (s slot) key() any {
	if s.other == nil {
		return s.id
	}
	return s.other
}

func slotsOf(keys []any) []slot {
	all := make([]slot, len(keys))
	for i, key := range keys {
		all[i] = slotOf(key)
	}
	return all
}

// otterCopies implements copies.
type otterCopies struct{ kept *otter.Cache[slot, any] }

// newCopies keeps values of at most so many bytes together (but at least a megabyte), each as long as life says when it is written; gone
// hears of each that is no longer kept. They age by now, where that is nil by the system's clock. A value that is larger than all that is not kept.
//
//go:noinline
func newCopies(bytes int, now clock, life func(key, value any) time.Duration, gone func(value any)) copies {
	options := &otter.Options[slot, any]{
		MaximumWeight: uint64(max(bytes, MB)),
		Weigher:       func(key slot, value any) uint32 { return weigh(key.key(), value) },
		Logger:        &otter.NoopLogger{}, // whoever reloads is told

		RefreshCalculator: otter.RefreshWriting[slot, any](neverByItself),
		ExpiryCalculator:  otter.ExpiryWritingFunc(func(e otter.Entry[slot, any]) time.Duration { return max(life(e.Key.key(), e.Value), time.Millisecond) }),
	}
	if now != nil {
		options.Clock = now
	}
	if gone != nil {
		options.OnDeletion = func(e otter.DeletionEvent[slot, any]) { gone(e.Value) }
	}
	return otterCopies{otter.Must(options)}
}

func (c otterCopies) get(key any) (value any, ok bool) { return c.kept.GetIfPresent(slotOf(key)) }

func (c otterCopies) getID(id uuid.UUID) (value any, ok bool) {
	return c.kept.GetIfPresent(slot{id: id})
}

func (c otterCopies) put(key, value any) { c.kept.Set(slotOf(key), value) }

func (c otterCopies) forget(key any) { c.kept.Invalidate(slotOf(key)) }

func (c otterCopies) renew(key any, life time.Duration) { c.kept.SetExpiresAfter(slotOf(key), life) }

func (c otterCopies) load(ctx context.Context, key any, load func(ctx context.Context) (any, error)) (any, error) {
	return c.kept.Get(ctx, slotOf(key), otter.LoaderFunc[slot, any](func(ctx context.Context, _ slot) (any, error) { return load(ctx) }))
}

func (c otterCopies) loadMany(ctx context.Context, keys []any, load func(ctx context.Context, keys []any) (map[any]any, error)) (map[any]any, error) {
	loaded, err := c.kept.BulkGet(ctx, slotsOf(keys), bulk(load))
	found := make(map[any]any, len(loaded))
	for at, value := range loaded {
		found[at.key()] = value
	}
	return found, err
}

// bulk is a load as otter wants it.
func bulk(load func(ctx context.Context, keys []any) (map[any]any, error)) otter.BulkLoaderFunc[slot, any] {
	return func(ctx context.Context, slots []slot) (map[slot]any, error) {
		keys := make([]any, len(slots))
		for i, at := range slots {
			keys[i] = at.key()
		}
		loaded, err := load(ctx, keys)
		values := make(map[slot]any, len(loaded))
		for key, value := range loaded {
			values[slotOf(key)] = value
		}
		return values, err
	}
}

func (c otterCopies) all() iter.Seq2[any, any] {
	return func(yield func(key, value any) bool) {
		for at, value := range c.kept.All() {
			if !yield(at.key(), value) {
				return
			}
		}
	}
}

func (c otterCopies) reload(ctx context.Context, keys []any, load func(ctx context.Context, keys []any) (map[any]any, error)) error {
	var failures []error
	for _, result := range <-c.kept.BulkRefresh(ctx, slotsOf(keys), bulk(load)) {
		if result.Err != nil && !errors.Is(result.Err, errLeftOut) {
			failures = append(failures, result.Err)
		}
	}
	return errors.Join(failures...)
}

func (c otterCopies) settle() { c.kept.CleanUp() }

func (c otterCopies) len() int { return c.kept.EstimatedSize() }

func (c otterCopies) bytes() uint64 { return c.kept.WeightedSize() }

// lookUp is get of a key whose type is known.
func lookUp[K comparable](c copies, key K) (value any, ok bool) {
	if id, is := any(key).(uuid.UUID); is {
		return c.getID(id)
	}
	return c.get(key)
}

// as gives a value its type back; of none it makes the zero value.
func as[V any](value any) V {
	typed, _ := value.(V)
	return typed
}

func typed[K any](keys []any) []K {
	all := make([]K, len(keys))
	for i, key := range keys {
		all[i] = key.(K)
	}
	return all
}

func untyped[K any](keys []K) []any {
	all := make([]any, len(keys))
	for i, key := range keys {
		all[i] = key
	}
	return all
}
