package cache

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// renewed is a Space whose copies are due for renewal at once; calls gets the keys of each load.
func renewed(t *testing.T, load func(ctx context.Context, keys []string) (map[string]int, error)) (s *Space[string, int], read func(keys ...string) map[string]int) {
	s = NewSpace[string, int](New(nil, zap.NewNop()), "numbers", time.Minute, time.Minute, MB).RenewBy(2, load)
	s.localTTL = -time.Hour // all copies are old
	return s, func(keys ...string) map[string]int {
		found, err := s.LoadMany(t.Context(), keys, load)
		require.NoError(t, err)
		return found
	}
}

func TestRenewBy_WhatIsInUseIsLoadedAnewInBatches(t *testing.T) {
	t.Parallel()
	now, loads := 1, 0
	s, read := renewed(t, func(_ context.Context, keys []string) (map[string]int, error) {
		loads++
		found := map[string]int{}
		for _, key := range keys {
			if key != "gone" || now == 1 {
				found[key] = now
			}
		}
		return found, nil
	})
	read("a", "b", "c", "idle", "gone")
	read("a", "b", "c", "gone") // in use
	now, loads = 2, 0
	require.NoError(t, s.renew(t.Context()))
	require.Equal(t, 2, loads, "four keys, two at once")
	loads = 0
	require.Equal(t, map[string]int{"a": 2, "b": 2, "c": 2, "idle": 1}, read("a", "b", "c", "idle"))
	require.Zero(t, loads, "all of it stood here")
	require.Empty(t, read("gone"), "what is no more is not kept")

	now, loads = 3, 0
	require.NoError(t, s.renew(t.Context()))
	require.NoError(t, s.renew(t.Context()))
	require.Equal(t, 2, loads, "once: nobody asked between the two")
}

func TestRenewBy_WhatIsForgottenMeanwhileDoesNotComeBack(t *testing.T) {
	t.Parallel()
	now := 1
	var s *Space[string, int]
	s, read := renewed(t, func(ctx context.Context, keys []string) (map[string]int, error) {
		found := map[string]int{}
		for _, key := range keys {
			found[key] = now
		}
		if now == 2 { // it was read, and is changed before the copy is replaced
			now = 3
			s.Drop(ctx, "a")
		}
		return found, nil
	})
	read("a", "b")
	read("a", "b")
	now = 2
	require.NoError(t, s.renew(t.Context()))
	require.Equal(t, map[string]int{"a": 3, "b": 2}, read("a", "b"))
}

func TestRenewBy_AnErrorLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	failure := error(nil)
	s, read := renewed(t, func(_ context.Context, keys []string) (map[string]int, error) {
		return map[string]int{"a": 1}, failure
	})
	read("a")
	read("a")
	failure = errors.New("away")
	require.ErrorIs(t, s.renew(t.Context()), failure)
	require.Equal(t, map[string]int{"a": 1}, read("a"))
}
