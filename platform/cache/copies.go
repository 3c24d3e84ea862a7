package cache

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/maypok86/otter/v2"
)

// copies is what this process keeps: of a Space, of derived values, or for itself (Local). It knows no types and hides how it is
// made: otter is generic throughout, and would be compiled once more in every package that sees a Space.
type copies interface {
	get(key any) (value any, ok bool)
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

// otterCopies implements copies.
type otterCopies struct{ kept *otter.Cache[any, any] }

// newCopies keeps values of at most so many bytes together (but at least a megabyte), each as long as life says when it is written; gone
// hears of each that is no longer kept. They age by now, where that is nil by the system's clock. A value that is larger than all that is not kept.
//
//go:noinline
func newCopies(bytes int, now clock, life func(key, value any) time.Duration, gone func(value any)) copies {
	options := &otter.Options[any, any]{
		MaximumWeight: uint64(max(bytes, MB)),
		Weigher:       weigh,
		Logger:        &otter.NoopLogger{}, // whoever reloads is told

		RefreshCalculator: otter.RefreshWriting[any, any](neverByItself),
		ExpiryCalculator:  otter.ExpiryWritingFunc(func(e otter.Entry[any, any]) time.Duration { return max(life(e.Key, e.Value), time.Millisecond) }),
	}
	if now != nil {
		options.Clock = now
	}
	if gone != nil {
		options.OnDeletion = func(e otter.DeletionEvent[any, any]) { gone(e.Value) }
	}
	return otterCopies{otter.Must(options)}
}

func (c otterCopies) get(key any) (value any, ok bool) { return c.kept.GetIfPresent(key) }

func (c otterCopies) put(key, value any) { c.kept.Set(key, value) }

func (c otterCopies) forget(key any) { c.kept.Invalidate(key) }

func (c otterCopies) renew(key any, life time.Duration) { c.kept.SetExpiresAfter(key, life) }

func (c otterCopies) load(ctx context.Context, key any, load func(ctx context.Context) (any, error)) (any, error) {
	return c.kept.Get(ctx, key, otter.LoaderFunc[any, any](func(ctx context.Context, _ any) (any, error) { return load(ctx) }))
}

func (c otterCopies) loadMany(ctx context.Context, keys []any, load func(ctx context.Context, keys []any) (map[any]any, error)) (map[any]any, error) {
	return c.kept.BulkGet(ctx, keys, otter.BulkLoaderFunc[any, any](load))
}

func (c otterCopies) all() iter.Seq2[any, any] { return c.kept.All() }

func (c otterCopies) reload(ctx context.Context, keys []any, load func(ctx context.Context, keys []any) (map[any]any, error)) error {
	var failures []error
	for _, result := range <-c.kept.BulkRefresh(ctx, keys, otter.BulkLoaderFunc[any, any](load)) {
		if result.Err != nil && !errors.Is(result.Err, errLeftOut) {
			failures = append(failures, result.Err)
		}
	}
	return errors.Join(failures...)
}

func (c otterCopies) settle() { c.kept.CleanUp() }

func (c otterCopies) len() int { return c.kept.EstimatedSize() }

func (c otterCopies) bytes() uint64 { return c.kept.WeightedSize() }

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
