package consent

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/users"
)

func TestOldEnough_GoesByTheZoneThatIsFurthestAhead(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 5, 17, 9, 0, 0, 0, time.UTC)
	require.NoError(t, oldEnough("2010-05-17", 16, now))
	require.ErrorIs(t, oldEnough("2010-05-19", 16, now), users.ErrTooYoung)
}
