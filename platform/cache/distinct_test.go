package cache

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/redistest"
)

func TestUniques(t *testing.T) {
	t.Parallel()
	rdb := redistest.Open(t)
	u := NewDistinctCounter(New(rdb, zap.NewNop(), WithTimeout(testTimeout)), "test.uniques", time.Hour)
	drain := func() map[string]int64 {
		t.Helper()
		u.Flush(t.Context())
		all := map[string]int64{}
		require.NoError(t, u.Drain(t.Context(), func(_ context.Context, counts map[string]int64) error {
			for set, n := range counts {
				require.NotContains(t, all, set, "each once")
				all[set] = n
			}
			return nil
		}))
		return all
	}
	require.Empty(t, drain())
	for range 3 {
		u.Add("a", "one")
	}
	u.Add("a", "two")
	u.Add("b", "one")
	require.Equal(t, map[string]int64{"a": 2, "b": 1}, drain())
	require.Empty(t, drain(), "nothing grew")
	u.Add("a", "three")
	require.Equal(t, map[string]int64{"a": 3}, drain())

	for n := range drainedAtOnce + 7 {
		u.Add(fmt.Sprint("many ", n), "one")
	}
	u.Flush(t.Context())
	failed := errors.New("no database")
	calls := 0
	require.ErrorIs(t, u.Drain(t.Context(), func(context.Context, map[string]int64) error {
		if calls++; calls == 2 {
			return failed
		}
		return nil
	}), failed)
	u.Add("late", "one")
	require.Len(t, drain(), 7, "what was not written down is handed out again, what grew since then comes the next time")
	require.Equal(t, map[string]int64{"late": 1}, drain())
	ttl, err := rdb.TTL(t.Context(), "test.uniques:a").Result()
	require.NoError(t, err)
	require.Greater(t, ttl, time.Minute)
}

func TestUniques_WithoutRedis(t *testing.T) {
	t.Parallel()
	u := NewDistinctCounter(New(nil, zap.NewNop()), "test.uniques", time.Hour)
	u.Add("a", "one")
	u.Flush(t.Context())
	require.NoError(t, u.Drain(t.Context(), func(context.Context, map[string]int64) error { return errors.New("there is nothing to write") }))
}
