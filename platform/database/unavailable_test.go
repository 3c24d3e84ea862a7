package database_test

import (
	"context"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

// unavailable checks that an error tells to come again, which HTTP makes a 503 with Retry-After of.
func unavailable(t *testing.T, err error) {
	t.Helper()
	var f *fault.Error
	require.ErrorAs(t, err, &f)
	require.Equal(t, fault.KindUnavailable, f.Kind)
	require.Equal(t, "database.unavailable", f.Code)
	require.Positive(t, f.RetryAfter)
}

func run(db *database.DB, ctx context.Context, statement string) error {
	return db.Conn(ctx).Exec(statement).Error
}

func TestFault_R3_H1_WhatPassesIsUnavailable(t *testing.T) {
	t.Parallel()
	cfg := dbtest.Config(t)
	cfg.MaxConnections, cfg.AcquireTimeout, cfg.StatementTimeout, cfg.LockTimeout = 4, time.Second, 300*time.Millisecond, 100*time.Millisecond
	line := stacktest.NewProxy(t, cfg.URL.Reveal())
	cfg.URL = secret.Text(line.URL())
	db := dbtest.Open(t, cfg)
	ctx := t.Context()
	require.NoError(t, run(db, ctx, "CREATE TABLE things (id int)"))

	t.Run("a locked table", func(t *testing.T) {
		require.NoError(t, db.InTx(ctx, func(locking context.Context) error {
			require.NoError(t, run(db, locking, "LOCK TABLE things"))
			unavailable(t, run(db, ctx, "INSERT INTO things VALUES (1)"))
			return nil
		}))
	})
	t.Run("a statement that takes too long", func(t *testing.T) { unavailable(t, run(db, ctx, "SELECT pg_sleep(5)")) })
	for _, code := range []string{"53100", "53200", "53300", "57P01", "57P03", "58030", "08006"} {
		t.Run("state "+code, func(t *testing.T) {
			unavailable(t, run(db, ctx, "DO $$ BEGIN RAISE EXCEPTION 'x' USING ERRCODE = '"+code+"'; END $$"))
		})
	}
	t.Run("a mistake of ours stays one", func(t *testing.T) {
		require.Equal(t, fault.KindInternal, fault.KindOf(run(db, ctx, "SELECT nothing")))
	})
	t.Run("a caller who hangs up", func(t *testing.T) {
		gone, cancel := context.WithCancel(ctx)
		cancel()
		require.Equal(t, fault.KindInternal, fault.KindOf(run(db, gone, "SELECT 1")))
	})
	t.Run("connections that are all busy", func(t *testing.T) {
		var holding, held sync.WaitGroup
		done := make(chan struct{})
		for range cfg.MaxConnections {
			holding.Add(1)
			held.Go(func() {
				_ = db.InTx(ctx, func(context.Context) error { holding.Done(); <-done; return nil })
			})
		}
		holding.Wait()
		began := time.Now()
		unavailable(t, run(db, ctx, "SELECT 1"))
		unavailable(t, db.InTx(ctx, func(context.Context) error { return nil }))
		require.Less(t, time.Since(began), 10*time.Second, "the wait is bounded")
		require.NoError(t, db.Ping(ctx), "a busy pool is no server that is away")
		close(done)
		held.Wait()
		require.NoError(t, run(db, ctx, "SELECT 1"))
	})
	t.Run("a server that is away", func(t *testing.T) {
		app := apptest.New(t, httpserver.Routes{Register: func(r *httpserver.Router) {
			httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/things", Name: "read-things", Summary: "Reads things.", Access: httpserver.Anonymous},
				func(ctx context.Context, _ *struct{}) (*httpserver.Empty, error) {
					return httpserver.NoContent(run(db, ctx, "SELECT 1"))
				})
		}})
		app.Do(t, apptest.Request{Method: http.MethodGet, Path: "/v1/things"}).Want(http.StatusNoContent)
		line.Cut()
		for range 2 * cfg.MaxConnections {
			answer := app.Do(t, apptest.Request{Method: http.MethodGet, Path: "/v1/things"})
			require.Equal(t, http.StatusServiceUnavailable, answer.Status, string(answer.Body))
			require.NotEmpty(t, answer.Header.Get("Retry-After"))
		}
		unavailable(t, db.InTx(ctx, func(context.Context) error { return nil }))
		line.Mend()
		require.Eventually(t, func() bool { return run(db, ctx, "SELECT 1") == nil }, 10*time.Second, 10*time.Millisecond)
	})
}
