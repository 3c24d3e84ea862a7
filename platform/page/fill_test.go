package page_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/platform/page"
)

// A page is short only at the end, whatever is left out, and no entry is asked for twice.
func TestFill(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		hidden := rapid.SliceOfN(rapid.Bool(), 0, 300).Draw(t, "hidden")
		need := rapid.IntRange(1, 51).Draw(t, "need")
		var want []int
		for n, isHidden := range hidden {
			if !isHidden && len(want) < need {
				want = append(want, n)
			}
		}
		asked := 0
		rows, err := page.Fill(-1, need,
			func(after, n int) ([]int, error) {
				require.Equal(t, asked, after+1, "it goes on where it stopped")
				var found []int
				for ; asked < len(hidden) && len(found) < n; asked++ {
					found = append(found, asked)
				}
				return found, nil
			},
			func(rows []int) (kept []int, err error) {
				for _, n := range rows {
					if !hidden[n] {
						kept = append(kept, n)
					}
				}
				return kept, nil
			})
		require.NoError(t, err)
		require.Equal(t, want, rows)
	})
}

func TestFill_EndsWithTheFirstError(t *testing.T) {
	t.Parallel()
	_, err := page.Fill(0, 2,
		func(int, int) ([]int, error) { return []int{1, 2, 3}, nil },
		func([]int) ([]int, error) { return nil, context.Canceled })
	require.ErrorIs(t, err, context.Canceled)
}
