package cache

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/stacktest"
)

// doubles is a Space of numbers and, derived from it, what they are twice.
type doubles struct {
	truth   sync.Map // int -> int
	numbers *Space[int, int]
	twice   *Derived[int, int]
	made    atomic.Int32
}

func newDoubles(c *Cache) *doubles {
	return &doubles{
		numbers: NewSpace[int, int](c, "numbers", time.Minute, time.Minute, MB),
		twice:   NewDerived[int, int](c, "twice", time.Minute, MB),
	}
}

func (d *doubles) set(ctx context.Context, key, value int) {
	d.truth.Store(key, value)
	d.numbers.Drop(ctx, key)
}

func (d *doubles) load(ctx context.Context, keys []int) (map[int]int, error) {
	return d.numbers.LoadMany(ctx, keys, func(_ context.Context, missing []int) (map[int]int, error) {
		found := map[int]int{}
		for _, key := range missing {
			if value, ok := d.truth.Load(key); ok {
				found[key] = value.(int)
			}
		}
		return found, nil
	})
}

func (d *doubles) get(ctx context.Context, keys ...int) (map[int]int, error) {
	return d.twice.LoadMany(ctx, keys,
		func(ctx context.Context, missing []int) error {
			_, err := d.load(ctx, missing)
			return err
		},
		func(ctx context.Context, key int) (int, bool, error) {
			d.made.Add(1)
			found, err := d.load(ctx, []int{key})
			value, ok := found[key]
			return 2 * value, ok, err
		})
}

func TestDerived_IsForgottenWithWhatItIsMadeFrom(t *testing.T) {
	t.Parallel()
	d := newDoubles(New(nil, zap.NewNop()))
	get := func() map[int]int {
		found, err := d.get(t.Context(), 1, 2, 3)
		require.NoError(t, err)
		return found
	}
	d.set(t.Context(), 1, 10)
	d.set(t.Context(), 2, 20)
	require.Equal(t, map[int]int{1: 20, 2: 40}, get())
	require.Equal(t, map[int]int{1: 20, 2: 40}, get())
	require.EqualValues(t, 4, d.made.Load(), "three, and again the one that was absent")

	d.set(t.Context(), 1, 11)
	require.Equal(t, map[int]int{1: 22, 2: 40}, get())
	require.EqualValues(t, 6, d.made.Load(), "only what changed is made again")

	d.numbers.forgetAll()
	d.truth.Store(2, 21)
	require.Equal(t, map[int]int{1: 22, 2: 42}, get())
}

func TestDerived_WhatIsForgottenWhileItIsMadeIsNotKept(t *testing.T) {
	t.Parallel()
	d := newDoubles(New(nil, zap.NewNop()))
	d.set(t.Context(), 1, 10)
	found, err := d.twice.LoadMany(t.Context(), []int{1}, func(context.Context, []int) error { return nil },
		func(ctx context.Context, key int) (int, bool, error) {
			numbers, err := d.load(ctx, []int{key})
			d.set(t.Context(), key, 11)
			return 2 * numbers[key], true, err
		})
	require.NoError(t, err)
	require.Equal(t, map[int]int{1: 20}, found, "it was so when it was read")
	found, err = d.get(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, map[int]int{1: 22}, found)
}

func TestDerived_LeavesNothingBehind(t *testing.T) {
	t.Parallel()
	d := newDoubles(New(nil, zap.NewNop()))
	for key := range 2 * MB / perEntry { // more than it keeps
		d.truth.Store(key, key)
		_, err := d.get(t.Context(), key)
		require.NoError(t, err)
	}
	require.Eventually(t, func() bool {
		d.twice.local.settle()
		d.numbers.made.mu.Lock()
		defer d.numbers.made.mu.Unlock()
		return len(d.numbers.made.byKey) <= MB/perEntry
	}, 5*time.Second, 10*time.Millisecond, "lists of what was derived end with it")
}

func TestDerived_AnErrorIsNotKept(t *testing.T) {
	t.Parallel()
	d := newDoubles(New(nil, zap.NewNop()))
	broken := errors.New("broken")
	_, err := d.twice.LoadMany(t.Context(), []int{1}, func(context.Context, []int) error { return nil },
		func(context.Context, int) (int, bool, error) { return 0, false, broken })
	require.ErrorIs(t, err, broken)
	d.set(t.Context(), 1, 1)
	found, err := d.get(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, map[int]int{1: 2}, found)
}

// Whoever has written reads what they wrote, however many read at the same time.
func TestDerived_RaceOfReadersAndWriters(t *testing.T) {
	t.Parallel()
	d := newDoubles(New(nil, zap.NewNop()))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					_, _ = d.get(context.Background(), 1, 2)
				}
			}
		})
	}
	for n := range stacktest.Budget(300, 30_000) {
		d.set(t.Context(), 1+n%2, n)
		found, err := d.get(t.Context(), 1+n%2)
		require.NoError(t, err)
		require.Equal(t, 2*n, found[1+n%2])
	}
	close(stop)
	readers.Wait()
}
