package cache

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"atrium/platform/background"
)

// renewed are copies that live for a minute, on a clock of their own, and are renewed by two. What is loaded has the value of truth.
type renewed struct {
	*Space[string, int]
	t      *testing.T
	past   atomic.Int64 // nanoseconds
	truth  int
	loads  int
	during func(keys []string) error // runs after the truth was read
}

func newRenewed(t *testing.T) *renewed {
	r := &renewed{t: t, truth: 1}
	begin := time.Now()
	now := func() time.Time { return begin.Add(time.Duration(r.past.Load())) }
	return r.in(New(nil, zap.NewNop(), WithClock(now)), "numbers")
}

// in opens the Space in a cache.
func (r *renewed) in(c *Cache, name string) *renewed {
	r.Space = NewSpace[string, int](c, name, time.Hour, time.Minute, MB).RenewBy(2, r.load)
	return r
}

func (r *renewed) load(_ context.Context, keys []string) (map[string]int, error) {
	r.loads++
	found := map[string]int{}
	for _, key := range keys {
		if key != "gone" || r.truth == 1 {
			found[key] = r.truth
		}
	}
	if r.during != nil {
		return found, r.during(keys)
	}
	return found, nil
}

func (r *renewed) read(keys ...string) map[string]int {
	r.t.Helper()
	found, err := r.LoadMany(r.t.Context(), keys, r.load)
	require.NoError(r.t, err)
	return found
}

// grow lets copies grow older, by less than they live.
func (r *renewed) grow() { r.past.Add(int64(50 * time.Second)) }

func TestRenewBy_WhatIsInUseIsLoadedAnewInBatches(t *testing.T) {
	t.Parallel()
	r := newRenewed(t)
	r.read("a", "b", "c", "idle", "gone")
	r.read("a", "b", "c", "gone") // in use
	r.loads = 0
	require.NoError(t, r.cache.Renew(t.Context()))
	require.Zero(t, r.loads, "nothing is old yet")

	r.grow()
	r.truth = 2
	require.NoError(t, r.cache.Renew(t.Context()))
	require.Equal(t, 2, r.loads, "four keys, two at once")
	r.grow()
	r.loads = 0
	require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2}, r.read("a", "b", "c"), "past the end of what they were")
	require.Zero(t, r.loads, "all of it stood here")
	require.Empty(t, r.read("gone"), "what is no more is not kept")
	require.Equal(t, map[string]int{"idle": 2}, r.read("idle"))
	require.Equal(t, 2, r.loads, "what nobody asked for has expired")

	r.grow()
	r.truth, r.loads = 3, 0
	for range 2 {
		require.NoError(t, r.cache.Renew(t.Context()))
	}
	require.Equal(t, 2, r.loads, "once: nobody asked between the two")
}

func TestRenewBy_WhatIsForgottenMeanwhileDoesNotComeBack(t *testing.T) {
	t.Parallel()
	for name, forget := range map[string]func(r *renewed){
		"dropped here":                func(r *renewed) { r.Drop(t.Context(), "a") },
		"dropped by another":          func(r *renewed) { require.NoError(t, r.forget([]byte(`["a"]`))) },
		"all, as Drops are not heard": func(r *renewed) { r.forgetAll() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRenewed(t)
			r.read("a", "b")
			r.read("a", "b")
			r.grow()
			r.truth = 2
			r.during = func([]string) error { // it was read, and is changed before the copy is replaced
				r.truth = 3
				forget(r)
				return nil
			}
			require.NoError(t, r.cache.Renew(t.Context()))
			r.during = nil
			_, ok := (*r.local.Load()).get("a")
			require.False(t, ok, "what was read before the Drop is not kept")
			require.Equal(t, 3, r.read("a", "b")["a"])
		})
	}
}

func TestRenewBy_AnErrorLeavesWhatIsThereAndOtherSpacesAlone(t *testing.T) {
	t.Parallel()
	r := newRenewed(t)
	others := make([]*renewed, 4) // they are renewed in no order
	for i := range others {
		others[i] = (&renewed{t: t, truth: 1}).in(r.cache, fmt.Sprint("others ", i))
	}
	for range 2 {
		r.read("a")
		for _, other := range others {
			other.read("a")
		}
	}
	failure := errors.New("away")
	r.grow()
	r.truth, r.loads = 2, 0
	for _, other := range others {
		other.truth = 2
	}
	r.during = func([]string) error { return failure }
	require.ErrorIs(t, r.cache.Renew(t.Context()), failure)
	require.Equal(t, 1, r.loads)
	require.Equal(t, map[string]int{"a": 1}, r.read("a"))
	require.Equal(t, 1, r.loads, "it stood here")
	for _, other := range others {
		require.Equal(t, map[string]int{"a": 2}, other.read("a"))
	}

	r.during = nil
	require.NoError(t, r.cache.Renew(t.Context()), "it is tried again")
	require.Equal(t, map[string]int{"a": 2}, r.read("a"))
}

func TestKeepFresh_CostsReadersNothingUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logged := observer.New(zapcore.WarnLevel)
		r := (&renewed{t: t, truth: 1}).in(New(nil, zap.New(core)), "numbers")
		defer (*r.local.Load()).(otterCopies).kept.StopAllGoroutines()
		byReaders := 0
		read := func(context.Context, []string) (map[string]int, error) {
			byReaders++
			return map[string]int{"a": 1}, nil
		}
		for _, during := range []func([]string) error{nil, func([]string) error { return errors.New("away") }} {
			r.during, r.loads, byReaders = during, 0, 0
			ctx, stop := context.WithCancel(t.Context())
			ended := make(chan error)
			go func() { ended <- r.cache.KeepFresh(ctx) }()
			for range 600 { // ten minutes
				_, err := r.LoadMany(t.Context(), []string{"a"}, read)
				require.NoError(t, err)
				background.Pause(t.Context(), time.Second)
			}
			background.Pause(t.Context(), renewEvery/2) // between two renewals: one that is cut off has nothing to tell
			stop()
			require.NoError(t, <-ended)
			if during == nil {
				require.Equal(t, 1, byReaders, "the first of all")
				require.InDelta(t, 7, r.loads, 2, "once in most of a life")
				require.Empty(t, logged.All())
			}
		}
		require.Greater(t, byReaders, 5, "readers load what could not be renewed")
		require.Equal(t, r.loads, logged.Len(), "each failure is told")
	})
}
