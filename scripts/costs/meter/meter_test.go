package meter_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
	"atrium/platform/redistest"
	"atrium/scripts/costs/meter"
)

func TestWire_CountsWhatEndsWell(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t)
	wire, err := meter.NewWire(t.Context(), cfg.URL.Reveal())
	require.NoError(t, err)
	conn, err := pgx.Connect(t.Context(), wire.URL())
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	cost := func(statements ...string) meter.Traffic {
		before := wire.Traffic()
		for _, statement := range statements {
			_, err := conn.Exec(t.Context(), statement)
			require.NoError(t, err)
		}
		return wire.Traffic().Plus(before, -1)
	}

	require.Equal(t, meter.Traffic{RoundTrips: 1, Transactions: 1}, cost("SELECT 1"))
	require.Equal(t, meter.Traffic{RoundTrips: 4, Transactions: 1}, cost("BEGIN", "SELECT 1", "SELECT 2", "COMMIT"))
	require.Equal(t, meter.Traffic{RoundTrips: 3}, cost("BEGIN", "SELECT 1", "ROLLBACK"))
	before := wire.Traffic()
	require.NoError(t, conn.Ping(t.Context()))
	_, err = conn.Prepare(t.Context(), "one", "SELECT 1")
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "nonsense")
	require.Error(t, err)
	require.Equal(t, meter.Traffic{RoundTrips: 3, Bare: 2}, wire.Traffic().Plus(before, -1))
}

func TestWatch_TellsScriptsAndLooksInVainApart(t *testing.T) {
	t.Parallel()
	address := redistest.Server(t)
	rdb := redistest.Dial(t, address)
	watch, err := meter.NewWatch(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(watch.Close)
	look := redis.NewScript(`
local id = redis.call("RPOPLPUSH", KEYS[1], KEYS[2])
if id then redis.call("SET", KEYS[1] .. ":found", id) end
return id`)
	run := func() error {
		return look.Eval(t.Context(), rdb, []string{"list:018f0000-0000-7000-8000-000000000001", "taken"}).Err()
	}

	require.ErrorIs(t, run(), redis.Nil)
	require.NoError(t, rdb.LPush(t.Context(), "list:018f0000-0000-7000-8000-000000000001", `a "quoted" one`).Err())
	require.NoError(t, run())
	seen, err := watch.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, map[meter.Command]float64{
		{Name: "eval", Key: "list:*", Vain: true}:                    1,
		{Name: "rpoplpush", Key: "list:*", Script: true, Vain: true}: 1,
		{Name: "lpush", Key: "list:*"}:                               1,
		{Name: "eval", Key: "list:*"}:                                1,
		{Name: "rpoplpush", Key: "list:*", Script: true}:             1,
		{Name: "set", Key: "list:*:found", Script: true}:             1,
	}, seen)
}
