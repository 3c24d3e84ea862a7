package database

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"atrium/platform/background"
)

// listenCheck is how long a silent connection is trusted.
const listenCheck = 30 * time.Second

// relisten are the waits before a lost connection is opened again.
var relisten = background.Backoff{First: 100 * time.Millisecond, Longest: 10 * time.Second}

// Listen calls fn with the payload of every notification on channel, one after the other, until ctx ends; then it returns
// nil. It has a connection of its own on the direct URL, and connects again when that is lost. Each time it begins to
// listen, fn gets "" once, since what was sent before may have been missed. The only error is an unreadable URL.
func (db *DB) Listen(ctx context.Context, channel string, fn func(payload string)) error {
	cfg, err := parseURL(db.cfg.direct())
	if err != nil {
		return err
	}
	return background.Retry(ctx, relisten, db.log, "listening on "+channel, func(ctx context.Context) error {
		return listen(ctx, cfg, channel, fn)
	})
}

// Notify sends a notification to all who listen on channel: at once and outside any transaction, since NOTIFY inside one
// makes commits wait for each other. A sandbox notifies nobody, as nobody could see what it did.
func (db *DB) Notify(ctx context.Context, channel, payload string) error {
	if db.sandbox != nil {
		return nil
	}
	if _, err := db.pool.ExecContext(ctx, "SELECT pg_notify($1, $2)", channel, payload); err != nil {
		return fmt.Errorf("database: notify: %w", err)
	}
	return nil
}

func listen(ctx context.Context, cfg *pgx.ConnConfig, channel string, fn func(payload string)) error {
	conn, err := pgx.ConnectConfig(ctx, cfg.Copy())
	if err != nil {
		return fmt.Errorf("database: connect to listen: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return fmt.Errorf("database: listen: %w", err)
	}
	fn("")
	for {
		payload, err := nextNotification(ctx, conn)
		if err != nil {
			return err
		}
		fn(payload)
	}
}

// nextNotification waits, and asks the silent server now and then whether it is still there: a connection that was cut
// without a word would otherwise be waited on for ever.
func nextNotification(ctx context.Context, conn *pgx.Conn) (string, error) {
	for {
		quiet, cancel := context.WithTimeout(ctx, listenCheck)
		n, err := conn.WaitForNotification(quiet)
		cancel()
		if err == nil {
			return n.Payload, nil
		}
		if ctx.Err() != nil || !errors.Is(err, context.DeadlineExceeded) {
			return "", fmt.Errorf("database: wait for notification: %w", err)
		}
		if err := conn.Ping(ctx); err != nil {
			return "", fmt.Errorf("database: ping the listening connection: %w", err)
		}
	}
}
