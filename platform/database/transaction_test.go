package database_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
)

var errStep = errors.New("step failed")

// setup makes a database with one small table, on a real pool and as a sandbox: both must behave alike.
func setup(t *testing.T, db *database.DB) *database.DB {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Exec("CREATE TABLE notes (id int PRIMARY KEY, text text)").Error)
	return db
}

func insert(ctx context.Context, db *database.DB, id int) error {
	return db.Conn(ctx).Exec("INSERT INTO notes (id) VALUES (?)", id).Error
}

func count(t *testing.T, db *database.DB) (n int) {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT count(*) FROM notes").Scan(&n).Error)
	return n
}

func TestInTx(t *testing.T) {
	t.Parallel()
	for kind, open := range map[string]func(testing.TB) *database.DB{"pool": dbtest.Clone, "sandbox": dbtest.Tx} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			db := setup(t, open(t))
			t.Run("commits, then runs AfterCommit in order", func(t *testing.T) { commits(t, db) })
			t.Run("joins an open transaction", func(t *testing.T) { joins(t, db) })
			t.Run("a swallowed inner failure dooms the whole", func(t *testing.T) { dooms(t, db) })
			t.Run("a recovered inner panic dooms the whole", func(t *testing.T) { doomsAfterPanic(t, db) })
			t.Run("a swallowed statement failure is not committed", func(t *testing.T) { refusesAborted(t, db) })
			t.Run("a panic rolls back and goes on", func(t *testing.T) { panics(t, db) })
			t.Run("a failure outside a transaction stays alone", func(t *testing.T) { failsAlone(t, db) })
			t.Run("a panic in AfterCommit harms nobody", func(t *testing.T) { survivesAfterCommit(t, db) })
		})
	}
}

func commits(t *testing.T, db *database.DB) {
	before := count(t, db)
	var order []int
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		for i := range 3 {
			db.AfterCommit(ctx, func(ctx context.Context) {
				require.False(t, database.InTransaction(ctx))
				require.Equal(t, before+1, count(t, db))
				order = append(order, i)
			})
		}
		require.Empty(t, order)
		require.True(t, database.InTransaction(ctx))
		return insert(ctx, db, 1)
	})
	require.NoError(t, err)
	require.Equal(t, []int{0, 1, 2}, order)
}

func joins(t *testing.T, db *database.DB) {
	before := count(t, db)
	ran := false
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		inner := db.InTx(ctx, func(ctx context.Context) error {
			db.AfterCommit(ctx, func(context.Context) { ran = true })
			return insert(ctx, db, 10)
		})
		require.NoError(t, inner)
		require.False(t, ran)
		return errStep
	})
	require.ErrorIs(t, err, errStep)
	require.False(t, ran)
	require.Equal(t, before, count(t, db))
}

func dooms(t *testing.T, db *database.DB) {
	before := count(t, db)
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		_ = db.InTx(ctx, func(ctx context.Context) error {
			require.NoError(t, insert(ctx, db, 20))
			return errStep
		})
		return insert(ctx, db, 21)
	})
	require.ErrorIs(t, err, errStep)
	require.Equal(t, before, count(t, db))
}

func doomsAfterPanic(t *testing.T, db *database.DB) {
	before := count(t, db)
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		require.Panics(t, func() { _ = db.InTx(ctx, func(context.Context) error { panic("inner") }) })
		return insert(ctx, db, 25)
	})
	require.Error(t, err)
	require.Equal(t, before, count(t, db))
}

func refusesAborted(t *testing.T, db *database.DB) {
	before := count(t, db)
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		require.NoError(t, insert(ctx, db, 30))
		require.Error(t, insert(ctx, db, 30))
		return nil
	})
	require.Error(t, err)
	require.Equal(t, before, count(t, db))
}

func panics(t *testing.T, db *database.DB) {
	before := count(t, db)
	require.PanicsWithValue(t, "outer", func() {
		_ = db.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, insert(ctx, db, 40))
			panic("outer")
		})
	})
	require.Equal(t, before, count(t, db))
}

func failsAlone(t *testing.T, db *database.DB) {
	before := count(t, db)
	require.NoError(t, insert(t.Context(), db, 50))
	require.Error(t, insert(t.Context(), db, 50))
	require.Equal(t, before+1, count(t, db))
}

func survivesAfterCommit(t *testing.T, db *database.DB) {
	ran := false
	err := db.InTx(t.Context(), func(ctx context.Context) error {
		db.AfterCommit(ctx, func(context.Context) { panic("broken cache") })
		db.AfterCommit(ctx, func(context.Context) { ran = true })
		return insert(ctx, db, 60)
	})
	require.NoError(t, err)
	require.True(t, ran)
}

func TestAfterCommit_OutlivesACallerWhoLeft(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	ctx, leave := context.WithCancel(t.Context())
	var seen error
	err := db.InTx(ctx, func(ctx context.Context) error {
		db.AfterCommit(ctx, func(context.Context) { leave() })
		db.AfterCommit(ctx, func(ctx context.Context) { seen = ctx.Err() })
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, seen)
}

func TestInTx_TriesAgainAfterADeadlock(t *testing.T) {
	t.Parallel()
	db := setup(t, dbtest.Clone(t))
	require.NoError(t, insert(t.Context(), db, 1))
	require.NoError(t, insert(t.Context(), db, 2))

	var runs atomic.Int32
	var bothHold, done sync.WaitGroup
	bothHold.Add(2)
	lock := func(ctx context.Context, id int) error {
		err := db.Conn(ctx).Exec("UPDATE notes SET text = coalesce(text, '') || 'x' WHERE id = ?", id).Error
		if err != nil {
			return fmt.Errorf("lock: %w", err)
		}
		return nil
	}
	for _, order := range [][2]int{{1, 2}, {2, 1}} {
		done.Go(func() {
			first := true
			err := db.InTx(t.Context(), func(ctx context.Context) error {
				runs.Add(1)
				// Joined, and its failure ignored: the retry must be the outermost's, and happen all the same.
				_ = db.InTx(ctx, func(ctx context.Context) error {
					if err := lock(ctx, order[0]); err != nil {
						return err
					}
					if first {
						first = false
						bothHold.Done()
						bothHold.Wait()
					}
					return lock(ctx, order[1])
				})
				return nil
			})
			require.NoError(t, err)
		})
	}
	done.Wait()
	require.EqualValues(t, 3, runs.Load())
	var texts []string
	require.NoError(t, db.Conn(t.Context()).Raw("SELECT text FROM notes").Scan(&texts).Error)
	require.Equal(t, []string{"xx", "xx"}, texts)
}

func TestInTx_GivesUpAfterThreeRetries(t *testing.T) {
	t.Parallel()
	db := dbtest.Tx(t)
	runs := 0
	err := db.InTx(t.Context(), func(context.Context) error {
		runs++
		return &pgconn.PgError{Code: "40001"}
	})
	require.Error(t, err)
	require.Equal(t, 4, runs)
}
