package cache

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

type household struct {
	Name    string
	Members map[uuid.UUID]*household
	Photos  [][]byte
	Since   time.Time
	any     any
}

func TestWeigh_CountsWhatAValueLeadsTo(t *testing.T) {
	t.Parallel()
	empty := weigh(1, &household{})
	for want, value := range map[int]any{
		10_000: &household{Name: strings.Repeat("a", 10_000)},
		16_000: make([]uuid.UUID, 1000),
		20_000: &household{Photos: [][]byte{make([]byte, 10_000), make([]byte, 10_000)}},
		5_000:  &household{any: &household{any: []any{strings.Repeat("b", 5_000)}}},
		8_000:  map[int64]struct{}{},
	} {
		if numbers, ok := value.(map[int64]struct{}); ok {
			for n := range int64(1000) {
				numbers[n] = struct{}{}
			}
			want += 1000 * perMapEntry
		}
		require.InEpsilon(t, want+int(empty), int(weigh(1, value)), 0.15, "%T", value)
	}
	circular := &household{}
	circular.Members = map[uuid.UUID]*household{{1}: circular}
	require.Less(t, weigh(1, circular), uint32(10_000), "what leads to itself has an end")
	require.Less(t, weigh(1, time.Now()), uint32(1000), "the zone is everybody's")
}

// However large values are, a process keeps no more bytes of them than it was told, and its metrics say how many.
func TestFault_R12_CachesAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	c := New(nil, zap.NewNop())
	space := NewSpace[int, []byte](c, "r12.space", time.Hour, time.Hour, MB)
	derived := NewDerived[int, []byte](c, "r12.derived", time.Hour, MB)
	local := NewLocal("r12.local", MB, func(int, []byte) time.Duration { return time.Hour })
	const large = 10_000
	for n := range 1000 {
		value := make([]byte, large)
		_, err := space.Load(t.Context(), n, func(context.Context) ([]byte, error) { return value, nil })
		require.NoError(t, err)
		_, err = derived.LoadMany(t.Context(), []int{n}, func(context.Context, []int) error { return nil },
			func(context.Context, int) ([]byte, bool, error) { return value, true, nil })
		require.NoError(t, err)
		local.Put(n, value)
	}
	for name, kept := range map[string]copies{"r12.space": *space.local.Load(), "r12.derived": derived.local, "r12.local": local.kept} {
		kept.settle()
		require.LessOrEqual(t, kept.bytes(), uint64(MB), name)
		require.LessOrEqual(t, kept.len(), MB/large, name)
		require.Greater(t, kept.len(), MB/large/2, name)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	for _, metric := range []string{"atrium_cache_local_bytes", "atrium_cache_local_limit_bytes", "atrium_cache_local_entries"} {
		n, err := testutil.GatherAndCount(registry, metric)
		require.NoError(t, err)
		require.GreaterOrEqual(t, n, 3, metric)
	}
}

// While Redis is away for long, what it has yet to forget is bounded too: the oldest is left to the outbox.
func TestFault_R12_MissedDropsAreBoundedByBytes(t *testing.T) {
	t.Parallel()
	r := newRemote(nil, zap.NewNop())
	r.broken = true
	message, until := make([]byte, 100_000), time.Now().Add(time.Hour)
	for range 1000 {
		require.True(t, r.postpone([]forgotten{{keys: []string{"a", "b"}, message: message, until: until}}))
		require.LessOrEqual(t, r.missedBytes(), missedMost)
	}
	require.InDelta(t, missedMost/100_000, len(r.missed), 5)
	require.Greater(t, r.missedBytes(), missedMost/2)
}
