package database

import (
	"context"
	"database/sql"
	"errors"
	"sync"
	"time"
)

// errBusy: every connection stayed busy.
var errBusy = errors.New("no connection became free in time")

// boundedPool is a pool that nobody waits for longer than timeout: who would is told to come again, instead of holding a request
// until its own deadline. It implements gorm.ConnPool.
type boundedPool struct {
	*sql.DB
	timeout time.Duration
}

// acquire takes a connection, which the caller closes.
func (p boundedPool) acquire(ctx context.Context) (*sql.Conn, error) {
	waiting, cancel := context.WithTimeoutCause(ctx, p.timeout, errBusy)
	defer cancel()
	conn, err := p.Conn(waiting)
	if err != nil && ctx.Err() == nil && errors.Is(context.Cause(waiting), errBusy) {
		return nil, errBusy
	}
	return conn, err
}

// ExecContext implements gorm.ConnPool.
func (p boundedPool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	return conn.ExecContext(ctx, query, args...)
}

// QueryContext implements gorm.ConnPool. The connection goes back when the rows are closed, which its Close waits for.
func (p boundedPool) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := conn.QueryContext(ctx, query, args...)
	go func() { _ = conn.Close() }()
	return rows, err
}

// begin starts a transaction whose connection goes back with its end.
func (p boundedPool) begin(ctx context.Context) (tx *sql.Tx, release func(), err error) {
	conn, err := p.acquire(ctx)
	if err != nil {
		return nil, nil, err
	}
	release = sync.OnceFunc(func() { _ = conn.Close() })
	tx, err = conn.BeginTx(ctx, nil)
	if err != nil {
		release()
	}
	return tx, release, err
}
