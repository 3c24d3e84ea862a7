package redistest_test

import (
	"testing"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"atrium/platform/redistest"
)

func TestOpen_EachTestHasItsOwn(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	one, two := redistest.Open(t), redistest.Open(t)
	require.NotEqual(t, one.Options().DB, two.Options().DB)
	require.NoError(t, one.Set(ctx, "key", "one", 0).Err())
	require.ErrorIs(t, two.Get(ctx, "key").Err(), redis.Nil)
}

func TestURL_IsCleanAgain(t *testing.T) {
	t.Parallel()
	var address string
	t.Run("a test that leaves something behind", func(t *testing.T) {
		address = redistest.URL(t)
		require.NoError(t, redistest.Dial(t, address).Set(t.Context(), "left", "behind", 0).Err())
	})
	require.ErrorIs(t, redistest.Dial(t, address).Get(t.Context(), "left").Err(), redis.Nil)
}

func TestBroken(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	line := redistest.Broken(t)
	client, direct := redistest.Dial(t, line.URL()), redistest.Dial(t, line.Direct())
	require.NoError(t, client.Set(ctx, "key", "1", 0).Err())

	line.Cut()
	require.Error(t, client.Get(ctx, "key").Err())
	require.NoError(t, direct.Set(ctx, "key", "2", 0).Err())

	line.Mend()
	require.Equal(t, "2", client.Get(ctx, "key").Val())
}

func TestServer_NobodyElseHasIt(t *testing.T) {
	t.Parallel()
	one, two := redistest.Dial(t, redistest.Server(t)), redistest.Dial(t, redistest.Server(t))
	require.NoError(t, one.Set(t.Context(), "key", "one", 0).Err())
	require.ErrorIs(t, two.Get(t.Context(), "key").Err(), redis.Nil)
}
