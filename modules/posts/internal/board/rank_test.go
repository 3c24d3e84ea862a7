package board

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/platform/stacktest"
)

func TestBetween_PropertyThereIsAlwaysRoom(t *testing.T) {
	stacktest.Properties(t, 200, 20_000)
	rapid.Check(t, func(t *rapid.T) {
		var ranks []string
		for range rapid.IntRange(1, 120).Draw(t, "moves") {
			at := rapid.IntRange(0, len(ranks)).Draw(t, "at")
			var a, b string
			if at > 0 {
				a = ranks[at-1]
			}
			if at < len(ranks) {
				b = ranks[at]
			}
			rank := between(a, b)
			if rank <= a || b != "" && rank >= b || rank[len(rank)-1] == '0' {
				t.Fatalf("%q is not between %q and %q", rank, a, b)
			}
			ranks = slices.Insert(ranks, at, rank)
		}
	})
}

func TestBetween_TheEndsTakeSmallSteps(t *testing.T) {
	t.Parallel()
	last, first := "", ""
	for range maxItems {
		last, first = between(last, ""), between("", first)
	}
	require.Less(t, len(last), 20)
	require.Less(t, len(first), 20)
	ranks := spread(maxItems)
	require.True(t, slices.IsSorted(ranks))
	require.Len(t, slices.Compact(slices.Clone(ranks)), maxItems)
	for i := range ranks[1:] {
		require.Greater(t, between(ranks[i], ranks[i+1]), ranks[i])
	}
}
