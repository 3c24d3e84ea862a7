package cache

import (
	"context"
	"sync"
)

// batch is what one request or task asks of Redis and gives it, brought together.
type batch struct {
	remote *remote

	mu      sync.Mutex
	ahead   map[string]readAhead // by the key in Redis: read, and not yet asked for
	entries []entry              // to be written
}

// readAhead is what Redis said of a key before its Space asked for it.
type readAhead struct {
	text, lease string
	drops       int64 // of the Space, before it was read: a Drop since then makes it worthless
}

type batchKey struct{ cache *Cache }

// InBatch runs fn with a ctx in which Spaces bring together what they ask of Redis and give it: what several loads found goes there by
// one command, after fn or when it has become much. Use it around whatever reads many things, a request say; what is in a batch already
// joins it. A nil *Cache brings nothing together.
func (c *Cache) InBatch(ctx context.Context, fn func(ctx context.Context)) {
	if c == nil || client(c.remote) == nil || batchOf(ctx, c) != nil {
		fn(ctx)
		return
	}
	b := &batch{remote: c.remote}
	defer b.flush(ctx)
	fn(context.WithValue(ctx, batchKey{c}, b))
}

func batchOf(ctx context.Context, c *Cache) *batch {
	b, _ := ctx.Value(batchKey{c}).(*batch)
	return b
}

// flush gives Redis what was loaded. A lease that a Drop has taken meanwhile keeps what is old from it.
func (b *batch) flush(ctx context.Context) {
	b.mu.Lock()
	entries := b.entries
	b.entries = nil
	b.mu.Unlock()
	b.remote.write(ctx, entries)
}

// add keeps entries until the flush, which comes at once where they have become many.
func (b *batch) add(ctx context.Context, entries []entry) {
	b.mu.Lock()
	b.entries = append(b.entries, entries...)
	many := len(b.entries) >= scriptKeys
	b.mu.Unlock()
	if many {
		b.flush(ctx)
	}
}

// put keeps what was read ahead of a Space that has forgotten keys so many times.
func (b *batch) put(key string, a readAhead) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ahead == nil {
		b.ahead = map[string]readAhead{}
	}
	b.ahead[key] = a
}

// take hands out what was read ahead of all the keys, once; false where some of it was not, or was before the last of so many Drops.
func (b *batch) take(keys []string, drops int64) (texts []string, lease string, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, key := range keys {
		a, there := b.ahead[key]
		if !there || a.drops != drops || lease != "" && a.lease != lease {
			return nil, "", false
		}
		texts, lease = append(texts, a.text), a.lease
	}
	for _, key := range keys {
		delete(b.ahead, key)
	}
	return texts, lease, true
}
