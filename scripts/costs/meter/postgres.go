package meter

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

// own marks the statements of this package, so that they are not counted.
const own = "/* costs */"

// postgres reads the counters of PostgreSQL by a session of its own.
type postgres struct{ conn *pgx.Conn }

// openPostgres connects. It needs pg_stat_statements to be preloaded, and a user who may create the extension.
func openPostgres(ctx context.Context, url string) (*postgres, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fmt.Errorf("the database's URL is not one of PostgreSQL")
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return nil, err
	}
	_, err = conn.Exec(ctx, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements "+own)
	return &postgres{conn}, err
}

// postmaster is the process that has started all others of PostgreSQL.
func (p *postgres) postmaster(ctx context.Context) (int, error) {
	var session int
	if err := p.conn.QueryRow(ctx, "SELECT "+own+" pg_backend_pid()").Scan(&session); err != nil {
		return 0, err
	}
	return parent(session), nil
}

// read adds what PostgreSQL has counted so far.
func (p *postgres) read(ctx context.Context, c *Counters) error {
	err := p.conn.QueryRow(ctx, `SELECT `+own+` (tup_inserted + tup_updated + tup_deleted)::float8, w.wal_bytes::float8, w.wal_fpi::float8
		FROM pg_stat_database, pg_stat_wal w WHERE datname = current_database()`).Scan(&c.Rows, &c.WAL, &c.PageImages)
	if err != nil {
		return fmt.Errorf("read PostgreSQL's counters: %w", err)
	}
	return p.readStatements(ctx, c)
}

func (p *postgres) readStatements(ctx context.Context, c *Counters) error {
	rows, err := p.conn.Query(ctx, `SELECT s.query, s.calls::float8, s.rows::float8, s.wal_bytes::float8 `+own+` FROM pg_stat_statements s
		JOIN pg_database d ON d.oid = s.dbid WHERE d.datname = current_database()`)
	if err != nil {
		return fmt.Errorf("read pg_stat_statements: %w", err)
	}
	c.ByStatement = map[string]Statement{}
	var text string
	var one Statement
	_, err = pgx.ForEachRow(rows, []any{&text, &one.Calls, &one.Rows, &one.WAL}, func() error {
		if strings.Contains(text, own) {
			return nil
		}
		text = strings.Join(strings.Fields(text), " ")
		if !framesTransaction(text) {
			c.Statements += one.Calls
		}
		c.ByStatement[text] = c.ByStatement[text].plus(one, 1)
		return nil
	})
	return err
}

// framesTransaction reports whether a statement only begins or ends a transaction.
func framesTransaction(text string) bool {
	first, _, _ := strings.Cut(strings.ToLower(text), " ")
	return first == "begin" || first == "commit" || first == "rollback"
}
