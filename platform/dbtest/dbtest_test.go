package dbtest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/migrations"
	"atrium/platform/database"
	"atrium/platform/dbtest"
)

const insert = "INSERT INTO schedule_leases (name, next_at) VALUES ('same', now())"

func count(t *testing.T, db *database.DB, query string, args ...any) (n int) {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

func TestTx_IsAloneAndLeavesNothing(t *testing.T) {
	t.Parallel()
	one, two := dbtest.Tx(t), dbtest.Tx(t)
	for _, db := range []*database.DB{one, two} { // the same unique value at the same time: neither waits for the other
		require.NoError(t, db.InTx(t.Context(), func(ctx context.Context) error { return db.Conn(ctx).Exec(insert).Error }))
	}
	t.Run("reused", func(t *testing.T) {
		for range 3 {
			t.Run("", func(t *testing.T) {
				db := dbtest.Tx(t)
				require.Zero(t, count(t, db, "SELECT count(*) FROM schedule_leases"))
				require.NoError(t, db.Conn(t.Context()).Exec(insert).Error)
			})
		}
	})
}

func TestClone_IsMigratedAndDropped(t *testing.T) {
	t.Parallel()
	var name string
	t.Run("a test with a clone", func(t *testing.T) {
		db := dbtest.Clone(t)
		require.NoError(t, database.CheckSchema(t.Context(), db, migrations.Latest()))
		require.NoError(t, db.Conn(t.Context()).Exec(insert).Error)
		require.NoError(t, db.Conn(t.Context()).Raw("SELECT current_database()").Scan(&name).Error)
	})
	require.Zero(t, count(t, dbtest.Tx(t), "SELECT count(*) FROM pg_database WHERE datname = ?", name))
}
