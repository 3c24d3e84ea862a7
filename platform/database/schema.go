package database

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the database up to the newest of the SQL files in fsys. Of several processes that call it at once, one
// works and the others wait for it (an advisory lock on the direct URL). Files are forward only; one with an older number
// that came late, from another branch, is applied too.
func Migrate(ctx context.Context, cfg Config, fsys fs.FS) (err error) {
	conn, err := parseURL(cfg.direct())
	if err != nil {
		return err
	}
	if cfg.LockTimeout > 0 { // a migration gives up rather than queue everybody behind its lock
		conn.RuntimeParams["lock_timeout"] = milliseconds(cfg.LockTimeout)
	}
	pool := stdlib.OpenDB(*conn)
	defer func() { err = errors.Join(err, pool.Close()) }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300)) // seconds between tries, tries
	if err != nil {
		return fmt.Errorf("database: migration lock: %w", err)
	}
	provider, err := goose.NewProvider(goose.DialectPostgres, pool, fsys,
		goose.WithSessionLocker(locker), goose.WithAllowOutofOrder(true), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("database: read migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("database: migrate: %w", err)
	}
	return nil
}

// SchemaVersion returns the number of the newest migration that was applied, 0 for a database that was never migrated.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) {
	var exists bool
	err := db.Conn(ctx).Raw("SELECT to_regclass('goose_db_version') IS NOT NULL").Scan(&exists).Error
	if err != nil {
		return 0, fmt.Errorf("database: schema version: %w", err)
	}
	if !exists {
		return 0, nil
	}
	var version int64
	err = db.Conn(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version).Error
	if err != nil {
		return 0, fmt.Errorf("database: schema version: %w", err)
	}
	return version, nil
}

// CheckSchema returns nil if the database is at version latest exactly, else an error of one plain sentence for people.
func CheckSchema(ctx context.Context, db *DB, latest int64) error {
	version, err := db.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case version < latest:
		return fmt.Errorf("the database is at version %d, this build needs %d: run `atrium migrate`", version, latest)
	case version > latest:
		return fmt.Errorf("the database is at version %d, newer than this build, which knows %d: run the newer build", version, latest)
	}
	return nil
}
