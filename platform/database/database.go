// Package database is the one door to PostgreSQL: a pool behind GORM, transactions that travel in the context, and errors
// that name the operation which failed, or are what a violated constraint means.
package database

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/stdlib"
	"go.uber.org/zap"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"atrium/platform/secret"
)

// Config says where PostgreSQL is and how much of it this process may use.
type Config struct {
	URL              secret.Text   `koanf:"url" validate:"required"`
	DirectURL        secret.Text   `koanf:"direct_url"` // for LISTEN and migrations, past any pooler; empty: URL
	MaxConnections   int           `koanf:"max_connections" validate:"min=1,max=500"`
	AcquireTimeout   time.Duration `koanf:"acquire_timeout" validate:"min=1ms"` // for a connection, while all are busy
	StatementTimeout time.Duration `koanf:"statement_timeout" validate:"min=1ms"`
	LockTimeout      time.Duration `koanf:"lock_timeout" validate:"min=1ms"`
}

// direct is where sessions go that a pooler would break: LISTEN and migrations.
func (c Config) direct() secret.Text {
	if c.DirectURL != "" {
		return c.DirectURL
	}
	return c.URL
}

// DB is the database. Safe for concurrent use.
type DB struct {
	cfg     Config
	log     *zap.Logger
	pool    *sql.DB
	probe   *sql.DB // one connection, for Ping
	gorm    *gorm.DB
	sandbox *sandbox // only in a DB made by Sandbox
}

// Option changes how Open sets the database up.
type Option func(*options)

type options struct {
	log    *zap.Logger
	tracer pgx.QueryTracer
}

// WithLogger sends warnings (slow statements, retried transactions) to log. Without it they are dropped.
// Statements are logged without their values.
func WithLogger(log *zap.Logger) Option { return func(o *options) { o.log = log } }

// WithTracer lets a tracer see every statement, such as OpenTelemetry's.
func WithTracer(t pgx.QueryTracer) Option { return func(o *options) { o.tracer = t } }

// Open connects (lazily: no query is sent) and sets the pool up. The error is an unreadable URL.
func Open(cfg Config, opts ...Option) (*DB, error) {
	set := options{log: zap.NewNop()}
	for _, opt := range opts {
		opt(&set)
	}
	pool, err := openPool(cfg.URL, cfg, set)
	if err != nil {
		return nil, err
	}
	g, err := openGorm(boundedPool{pool, cfg.AcquireTimeout}, set.log)
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	probe, err := openPool(cfg.URL, cfg, options{log: zap.NewNop()})
	if err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	probe.SetMaxOpenConns(1)
	return &DB{cfg: cfg, log: set.log, pool: pool, probe: probe, gorm: g}, nil
}

// Close ends the pool and everything that waits for a connection. Closing a sandbox rolls it back instead.
func (db *DB) Close() error {
	if db.sandbox != nil {
		return db.sandbox.end()
	}
	return errors.Join(db.pool.Close(), db.probe.Close())
}

// WithConstraints is the same database, pool and transactions, for a store whose constraints mean these errors.
func (db *DB) WithConstraints(c Constraints) *DB {
	mapped := *db
	mapped.gorm = db.gorm.Session(&gorm.Session{NewDB: true})
	own := *mapped.gorm.Dialector.(*dialector)
	own.constraints = c
	mapped.gorm.Dialector = &own
	return &mapped
}

// Conn is a store's only door: the transaction open in ctx, else the pool. Errors come back translated: see Constraints,
// and any other names the function that called.
func (db *DB) Conn(ctx context.Context) *gorm.DB {
	conn := db.gorm.WithContext(ctx)
	if tx := db.transaction(ctx); tx != nil {
		conn.Statement.ConnPool = tx.conn
	}
	return conn
}

// Ping asks the server for a sign of life, on a connection of its own: a pool that is busy is no server that is away.
func (db *DB) Ping(ctx context.Context) error {
	if err := db.probe.PingContext(ctx); err != nil {
		return fmt.Errorf("database: ping: %w", err)
	}
	return nil
}

// Pool is for metrics alone: what is read or written goes through Conn.
func (db *DB) Pool() *sql.DB { return db.pool }

// openPool prepares a pool whose sessions carry the timeouts and speak UTC.
func openPool(url secret.Text, cfg Config, set options) (*sql.DB, error) {
	conn, err := parseURL(url)
	if err != nil {
		return nil, err
	}
	conn.Tracer = set.tracer
	conn.RuntimeParams["statement_timeout"] = milliseconds(cfg.StatementTimeout)
	conn.RuntimeParams["lock_timeout"] = milliseconds(cfg.LockTimeout)
	// Twice the time of a statement: enough for work between two statements, too little to hold locks for long.
	conn.RuntimeParams["idle_in_transaction_session_timeout"] = milliseconds(max(2*cfg.StatementTimeout, 10*time.Second))
	pool := stdlib.OpenDB(*conn, stdlib.OptionAfterConnect(readTimesInUTC))
	pool.SetMaxOpenConns(cfg.MaxConnections)
	pool.SetMaxIdleConns(cfg.MaxConnections)
	pool.SetConnMaxIdleTime(5 * time.Minute)
	pool.SetConnMaxLifetime(30 * time.Minute) // so that a fail-over is noticed
	return pool, nil
}

// parseURL hides the URL from its own error: it holds the password.
func parseURL(url secret.Text) (*pgx.ConnConfig, error) {
	conn, err := pgx.ParseConfig(url.Reveal())
	if err != nil {
		return nil, errors.New("database: the URL is not a PostgreSQL URL")
	}
	conn.RuntimeParams["timezone"] = "UTC"
	if conn.ConnectTimeout == 0 {
		conn.ConnectTimeout = 5 * time.Second
	}
	return conn, nil
}

// readTimesInUTC makes times come back in UTC; the driver would give them in this machine's zone.
func readTimesInUTC(_ context.Context, conn *pgx.Conn) error {
	conn.TypeMap().RegisterType(&pgtype.Type{
		Name: "timestamptz", OID: pgtype.TimestamptzOID, Codec: &pgtype.TimestamptzCodec{ScanLocation: time.UTC},
	})
	return nil
}

// openGorm puts GORM on a pool. GORM prepares nothing itself: the driver keeps prepared statements per connection,
// and notices when a migration has changed them.
func openGorm(pool gorm.ConnPool, log *zap.Logger) (*gorm.DB, error) {
	driver := &dialector{Dialector: postgres.Dialector{Config: &postgres.Config{Conn: pool}}}
	g, err := gorm.Open(driver, &gorm.Config{
		SkipDefaultTransaction: true,
		DisableAutomaticPing:   true,
		TranslateError:         true,
		Logger:                 queryLog{log},
		NowFunc:                now,
	})
	if err == nil {
		err = g.Callback().Row().After("gorm:row").Register("database:translate", translateRow)
	}
	if err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	return g, nil
}

// now is as fine as PostgreSQL keeps it, so that a value written equals the value read.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

func milliseconds(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
