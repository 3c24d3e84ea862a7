package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

// Migrate brings the database up to the newest of the SQL files in fsys. Of several processes that call it at once, one
// works and the others wait for it (an advisory lock on the direct URL). Files are forward only; one with an older number
// that came late, from another branch, is applied too. What the files declare about older builds is written down for CheckSchema.
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
	if err := declare(ctx, pool, fsys); err != nil {
		return fmt.Errorf("database: declare what older builds can work with: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("database: migrate: %w", err)
	}
	return nil
}

// compatibleFrom is how a migration's file says that older builds can work with the schema that it makes: those whose newest
// migration has this version or a later one.
var compatibleFrom = regexp.MustCompile(`(?m)^-- \+atrium compatible-from (\d+)\s*$`)

// CompatibleFrom reads from a migration's text which builds can work with its schema, those that know nothing of it: whose newest
// migration has the version that is returned, or a later one. Without a declaration there are none.
func CompatibleFrom(migration []byte) (version int64, ok bool) {
	found := compatibleFrom.FindSubmatch(migration)
	if found == nil {
		return 0, false
	}
	version, err := strconv.ParseInt(string(found[1]), 10, 64)
	return version, err == nil
}

// declare writes down what the files say of older builds, before they are applied: a build that finds a newer version finds the
// declaration too.
func declare(ctx context.Context, pool *sql.DB, fsys fs.FS) error {
	declared, err := declarations(fsys)
	if err != nil {
		return err
	}
	tx, err := pool.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }()
	for _, statement := range []string{
		"SELECT pg_advisory_xact_lock(hashtext('schema_compatibility'))", // two that create the table would meet
		"CREATE TABLE IF NOT EXISTS schema_compatibility (version bigint PRIMARY KEY, compatible_from bigint NOT NULL)",
	} {
		if _, err := tx.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	for version, from := range declared {
		_, err := tx.ExecContext(ctx, `INSERT INTO schema_compatibility (version, compatible_from) VALUES ($1, $2)
			ON CONFLICT (version) DO UPDATE SET compatible_from = excluded.compatible_from`, version, from)
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

func declarations(fsys fs.FS) (map[int64]int64, error) {
	names, err := fs.Glob(fsys, "*.sql")
	if err != nil {
		return nil, err
	}
	declared := map[int64]int64{}
	for _, name := range names {
		text, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		number, _, _ := strings.Cut(name, "_")
		version, err := strconv.ParseInt(number, 10, 64)
		if from, ok := CompatibleFrom(text); ok && err == nil {
			declared[version] = from
		}
	}
	return declared, nil
}

// SchemaVersion returns the number of the newest migration that was applied, 0 for a database that was never migrated.
func (db *DB) SchemaVersion(ctx context.Context) (int64, error) {
	exists, err := db.hasTable(ctx, "goose_db_version")
	if err != nil || !exists {
		return 0, err
	}
	var version int64
	err = db.Conn(ctx).Raw("SELECT coalesce(max(version_id), 0) FROM goose_db_version WHERE is_applied").Scan(&version).Error
	if err != nil {
		return 0, fmt.Errorf("database: schema version: %w", err)
	}
	return version, nil
}

func (db *DB) hasTable(ctx context.Context, name string) (exists bool, err error) {
	if err := db.Conn(ctx).Raw("SELECT to_regclass(?) IS NOT NULL", name).Scan(&exists).Error; err != nil {
		return false, fmt.Errorf("database: schema version: %w", err)
	}
	return exists, nil
}

// CheckSchema returns nil if a build whose newest migration is latest can work with the database: that migration was applied, and
// every newer one declares itself compatible with such a build. Else its error is one plain sentence for people.
func CheckSchema(ctx context.Context, db *DB, latest int64) error {
	version, err := db.SchemaVersion(ctx)
	switch {
	case err != nil:
		return err
	case version < latest:
		return fmt.Errorf("the database is at version %d, this build needs %d: run `atrium migrate`", version, latest)
	case version > latest:
		return db.checkNewer(ctx, version, latest)
	}
	return nil
}

// checkNewer looks at a schema with migrations that the build does not know.
func (db *DB) checkNewer(ctx context.Context, version, latest int64) error {
	declared, err := db.hasTable(ctx, "schema_compatibility")
	if err != nil {
		return err
	}
	var found struct{ Alien, Own int64 } // the oldest newer migration that does not go with this build; how often its own was applied
	query := `
		SELECT coalesce(min(g.version_id) FILTER (WHERE g.version_id > @latest AND (c.compatible_from IS NULL OR c.compatible_from > @latest)), 0) AS alien,
			count(*) FILTER (WHERE g.version_id = @latest) AS own
		FROM goose_db_version g LEFT JOIN schema_compatibility c ON c.version = g.version_id WHERE g.is_applied`
	if declared {
		if err := db.Conn(ctx).Raw(query, map[string]any{"latest": latest}).Scan(&found).Error; err != nil {
			return fmt.Errorf("database: schema version: %w", err)
		}
	}
	switch {
	case !declared || found.Alien > 0:
		return fmt.Errorf("the database is at version %d, newer than this build, which knows %d and would not work with it: run the newer build", version, latest)
	case found.Own == 0:
		return fmt.Errorf("the database is at version %d but lacks %d, which this build needs: run `atrium migrate`", version, latest)
	}
	return nil
}
