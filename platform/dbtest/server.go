package dbtest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"atrium/migrations"
	"atrium/platform/database"
	"atrium/platform/secret"
)

const (
	prefix   = "atrium_test_" // every database that this package makes
	leftover = 2 * time.Hour  // after which nobody can still be using one
	lockKey  = 0x61747269756d // "atrium": guards making and clearing templates
	missing  = "3D000"        // invalid_catalog_name: the database is not there
	busy     = "55006"        // object_in_use
	taken    = "42P04"        // duplicate_database
)

// server is the test server as this process sees it. Templates and the databases of Tx are shared by all processes.
type server struct {
	url      *url.URL
	admin    *pgxpool.Pool
	leases   *pgx.Conn // holds the advisory locks of the slots this process has taken, for as long as it lives
	schema   string    // names the migrations' content: templates of other schemas are other databases
	mu       sync.Mutex
	idle     []*database.DB
	nextSlot int
}

var (
	once       sync.Once
	theServer  *server
	connectErr error
)

// connect joins the server once per process and makes sure that the template is there.
func connect(ctx context.Context, address string) (*server, error) {
	once.Do(func() { theServer, connectErr = newServer(ctx, address) })
	return theServer, connectErr
}

func newServer(ctx context.Context, address string) (*server, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("ATRIUM_DATABASE_URL is not a URL")
	}
	s := &server{url: u}
	if s.schema, err = schemaName(migrations.FS); err != nil {
		return nil, err
	}
	if s.admin, err = newPool(ctx, address); err != nil {
		return nil, err
	}
	if s.leases, err = pgx.Connect(ctx, address); err != nil {
		return nil, err
	}
	return s, s.ensureTemplate(ctx)
}

// schemaName is a hash of all migrations, names and contents.
func schemaName(fsys fs.FS) (string, error) {
	hash := sha256.New()
	err := fs.WalkDir(fsys, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(fsys, path)
		if err != nil {
			return err
		}
		_, err = io.WriteString(hash, path+"\x00"+string(content)+"\x00")
		return err
	})
	return hex.EncodeToString(hash.Sum(nil))[:12], err
}

func (s *server) template() string { return prefix + "template_" + s.schema }

// ensureTemplate makes the template if it is not there and notes that it is in use; one process at a time does so.
// It also clears away what killed tests and older schemas left behind.
func (s *server) ensureTemplate(ctx context.Context) error {
	conn, err := s.admin.Acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	if _, err := conn.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockKey)); err != nil {
		return err
	}
	defer func() { _, _ = conn.Exec(ctx, "SELECT pg_advisory_unlock($1)", int64(lockKey)) }()

	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", s.template()).Scan(&exists)
	if err != nil {
		return err
	}
	if !exists {
		if err := s.buildTemplate(ctx, conn); err != nil {
			return err
		}
	}
	if _, err := conn.Exec(ctx, noteUse(s.template())); err != nil {
		return err
	}
	return clearLeftovers(ctx, conn)
}

// buildTemplate migrates under another name, so that a template that exists is always complete.
func (s *server) buildTemplate(ctx context.Context, conn *pgxpool.Conn) error {
	draft := prefix + "draft_" + s.schema
	for _, statement := range []string{
		"DROP DATABASE IF EXISTS " + quote(draft) + " WITH (FORCE)",
		"CREATE DATABASE " + quote(draft),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	if err := database.Migrate(ctx, database.Config{URL: secret.Text(s.urlOf(draft))}, migrations.FS); err != nil {
		return err
	}
	for _, statement := range []string{
		"ALTER DATABASE " + quote(draft) + " ALLOW_CONNECTIONS false", // a connection would stop it from being copied
		"ALTER DATABASE " + quote(draft) + " RENAME TO " + quote(s.template()),
	} {
		if _, err := conn.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// clearLeftovers drops databases of this package that nobody has used for long: templates and slots of older schemas by
// the note on them, clones of killed tests by the time in their names.
func clearLeftovers(ctx context.Context, conn *pgxpool.Conn) error {
	rows, err := conn.Query(ctx, `SELECT datname, coalesce(shobj_description(oid, 'pg_database'), '') FROM pg_database
		WHERE datname LIKE $1 || '%' AND NOT EXISTS (SELECT FROM pg_stat_activity a WHERE a.datname = pg_database.datname)`, prefix)
	if err != nil {
		return err
	}
	defer rows.Close()
	var old []string
	for rows.Next() {
		var name, note string
		if err := rows.Scan(&name, &note); err != nil {
			return err
		}
		if lastUse, known := lastUse(name, note); known && time.Since(lastUse) > leftover {
			old = append(old, name)
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	for _, name := range old { // one that came into use again meanwhile stays
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+quote(name)); err != nil && !hasState(err, busy) {
			return err
		}
	}
	return nil
}

// noteUse writes the time on a database, for clearLeftovers.
func noteUse(name string) string {
	return fmt.Sprintf("COMMENT ON DATABASE %s IS '%d'", quote(name), time.Now().Unix())
}

func lastUse(name, note string) (time.Time, bool) {
	if stamp, ok := strings.CutPrefix(name, prefix+"clone_"); ok {
		note, _, _ = strings.Cut(stamp, "_")
	}
	seconds, err := strconv.ParseInt(note, 10, 64)
	return time.Unix(seconds, 0), err == nil
}

func cloneName() string {
	return fmt.Sprintf("%sclone_%d_%s", prefix, time.Now().Unix(), uuid.NewString()[:8])
}

// copyTemplate makes a database from the template, and the template first if another schema's tests cleared it away.
func (s *server) copyTemplate(ctx context.Context, name string) error {
	create := "CREATE DATABASE " + quote(name) + " TEMPLATE " + quote(s.template())
	_, err := s.admin.Exec(ctx, create)
	if hasState(err, missing) {
		if err := s.ensureTemplate(ctx); err != nil {
			return err
		}
		_, err = s.admin.Exec(ctx, create)
	}
	return err
}

// take leases a database for a Tx test: one that this process already holds, else the first that no process holds.
// Whatever happens in it is rolled back, so it can be used again and again.
func (s *server) take(ctx context.Context) (*database.DB, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.idle); n > 0 {
		db := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return db, nil
	}
	for ; ; s.nextSlot++ {
		name := fmt.Sprintf("%sslot_%s_%d", prefix, s.schema, s.nextSlot)
		var ours bool
		const lock = "SELECT pg_try_advisory_lock(hashtext('dbtest'), hashtext($1))"
		if err := s.leases.QueryRow(ctx, lock, name).Scan(&ours); err != nil {
			return nil, err
		}
		if ours {
			s.nextSlot++
			return s.openSlot(ctx, name)
		}
	}
}

func (s *server) openSlot(ctx context.Context, name string) (*database.DB, error) {
	if err := s.copyTemplate(ctx, name); err != nil && !hasState(err, taken) {
		return nil, err
	}
	if _, err := s.admin.Exec(ctx, noteUse(name)); err != nil {
		return nil, err
	}
	cfg := s.config(name)
	cfg.MaxConnections = 3
	return database.Open(cfg)
}

func (s *server) giveBack(slot *database.DB) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = append(s.idle, slot)
}

func hasState(err error, code string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == code
}
