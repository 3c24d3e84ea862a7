package cache

import (
	"context"
	"time"
)

// Local keeps values for this process alone: what costs time to make and is nobody else's business, such as signatures. It needs
// no Redis. Safe for concurrent use. Values that others change belong into a Space.
type Local[K comparable, V any] struct{ kept copies }

// NewLocal keeps values of at most so many bytes together, each as long as life says when it is written. It is called name in the metrics.
func NewLocal[K comparable, V any](name string, bytes int, life func(key K, value V) time.Duration) *Local[K, V] {
	kept := newCopies(bytes, nil, func(key, value any) time.Duration { return life(as[K](key), as[V](value)) }, nil)
	sizes.watch(name, bytes, func() copies { return kept })
	return &Local[K, V]{kept}
}

// Get returns what is kept under key.
func (l *Local[K, V]) Get(key K) (value V, ok bool) {
	found, ok := lookUp(l.kept, key)
	return as[V](found), ok
}

// Put keeps value under key in place of what was there.
func (l *Local[K, V]) Put(key K, value V) { l.kept.put(key, value) }

// Renew lets what is kept under key live so long from now; where there is nothing, nothing happens.
func (l *Local[K, V]) Renew(key K, life time.Duration) { l.kept.renew(key, life) }

// Forget keeps nothing under key any more.
func (l *Local[K, V]) Forget(key K) { l.kept.forget(key) }

// Load returns what is kept under key, or what load makes, which is kept then. Whoever asks meanwhile waits for the same load. An
// error is returned and not kept.
func (l *Local[K, V]) Load(key K, load func() (V, error)) (V, error) {
	value, err := l.kept.load(context.Background(), key, func(context.Context) (any, error) { return load() })
	return as[V](value), err
}

// Len is about how many values are kept.
func (l *Local[K, V]) Len() int { return l.kept.len() }
