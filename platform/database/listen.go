package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"
	"go.uber.org/zap"
)

const (
	listenCheck     = 30 * time.Second      // how long a silent connection is trusted
	firstListenWait = 50 * time.Millisecond // between two tries to reconnect
	maxListenWait   = 5 * time.Second
)

// Listen calls fn with the payload of every notification on channel, one after the other, until ctx ends; then it returns
// nil. It has a connection of its own on the direct URL, and connects again when that is lost. Each time it begins to
// listen, fn gets "" once, since what was sent before may have been missed. The only error is an unreadable URL.
func (db *DB) Listen(ctx context.Context, channel string, fn func(payload string)) error {
	cfg, err := parseURL(db.cfg.direct())
	if err != nil {
		return err
	}
	for wait := firstListenWait; ctx.Err() == nil; wait = min(2*wait, maxListenWait) {
		began := time.Now()
		if err := listen(ctx, cfg, channel, fn); ctx.Err() == nil {
			db.log.Warn("listening is interrupted", zap.String("channel", channel), zap.Error(err))
		}
		if time.Since(began) > maxListenWait {
			wait = firstListenWait
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait + rand.N(wait)):
		}
	}
	return nil
}

// Notify sends a notification to all who listen on channel: at once and outside any transaction, since NOTIFY inside one
// makes commits wait for each other. A rehearsal notifies nobody, as nobody could see what it did.
func (db *DB) Notify(ctx context.Context, channel, payload string) error {
	if db.rehearsal != nil {
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
		patient, cancel := context.WithTimeout(ctx, listenCheck)
		n, err := conn.WaitForNotification(patient)
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
