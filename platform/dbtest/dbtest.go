// Package dbtest gives tests a real PostgreSQL with the whole schema: Tx for most, Clone where commits, locks or races
// matter. It needs ATRIUM_DATABASE_URL, a user that may create databases; `make test` sets it.
package dbtest

import (
	"context"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"atrium/platform/database"
	"atrium/platform/secret"
)

// setupTimeout bounds each step of the set-up.
const setupTimeout = 2 * time.Minute

// Tx returns a database of its own on which everything is rolled back when the test ends (see database.Sandbox): fast, and
// for one goroutine at a time. PostgreSQL's now() stands still in it.
func Tx(t testing.TB) *database.DB {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	s := connected(ctx, t)
	slot, err := s.take(ctx)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	db, err := slot.Sandbox(context.Background())
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Logf("dbtest: %v", err) // the connection is gone, and with it what was not committed
		}
		s.giveBack(slot)
	})
	return db
}

// Clone returns a database of its own, empty but for the schema, with real commits. It is dropped when the test ends.
func Clone(t testing.TB) *database.DB {
	t.Helper()
	return Open(t, Config(t))
}

// Config makes what Clone makes, for code that opens the database itself.
func Config(t testing.TB) database.Config {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
	defer cancel()
	s := connected(ctx, t)
	name := cloneName()
	if err := s.copyTemplate(ctx, name); err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), setupTimeout)
		defer cancel()
		if _, err := s.admin.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)+" WITH (FORCE)"); err != nil {
			t.Errorf("dbtest: drop the clone: %v", err)
		}
	})
	return s.config(name)
}

// Open opens a database and closes it when the test ends. Warnings go to the test's log.
func Open(t testing.TB, cfg database.Config) *database.DB {
	t.Helper()
	db, err := database.Open(cfg, database.WithLogger(zaptest.NewLogger(t, zaptest.Level(zap.WarnLevel))))
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func connected(ctx context.Context, t testing.TB) *server {
	t.Helper()
	url := os.Getenv("ATRIUM_DATABASE_URL")
	if url == "" {
		t.Fatal("this test needs PostgreSQL: run it by `make test`, or set ATRIUM_DATABASE_URL")
	}
	s, err := connect(ctx, url)
	if err != nil {
		t.Fatalf("dbtest: %v", err)
	}
	return s
}

// config describes one database of the server. Times are generous, since tests share a small machine.
func (s *server) config(name string) database.Config {
	return database.Config{
		URL:              secret.Text(s.urlOf(name)),
		MaxConnections:   10,
		AcquireTimeout:   30 * time.Second,
		StatementTimeout: 30 * time.Second,
		LockTimeout:      15 * time.Second,
	}
}

// urlOf is the server's URL with another database.
func (s *server) urlOf(name string) string {
	u := *s.url
	u.Path = "/" + name
	return u.String()
}

func quote(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

func newPool(ctx context.Context, url string) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	cfg.MaxConns = 3
	cfg.MinConns = 0
	return pgxpool.NewWithConfig(ctx, cfg)
}
