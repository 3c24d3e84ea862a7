package etag_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/etag"
	"atrium/platform/fault"
)

func TestMatch(t *testing.T) {
	t.Parallel()
	for header, matches := range map[string]bool{
		`"7"`: true, `"6", "7"`: true, ` "7" `: true, `*`: true,
		`"6"`: false, `7`: false, `W/"7"`: false, `"07"`: false, `"+7"`: false, `"abc"`: false, `""`: false, `,`: false, `"7`: false,
	} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			match, err := etag.Parse(header)
			require.NoError(t, err)
			if matches {
				require.NoError(t, match.Check(7))
				return
			}
			err = match.Check(7)
			require.ErrorIs(t, err, etag.ErrStale)
			var stale *fault.Error
			require.ErrorAs(t, err, &stale)
			require.Equal(t, `"7"`, stale.Details["current_etag"])
		})
	}
	t.Run("missing", func(t *testing.T) {
		t.Parallel()
		_, err := etag.Parse("  ")
		require.ErrorIs(t, err, etag.ErrMissing)
	})
	require.NoError(t, etag.Version(3).Check(3))
	require.Error(t, etag.Version(3).Check(4))
}
