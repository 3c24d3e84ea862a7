package database

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/gorm"
)

// sandbox is one transaction that stands in for the whole pool and is never committed.
type sandbox struct{ tx *sql.Tx }

// Sandbox returns a database on which everything happens and nothing lasts: all of it is one transaction, rolled back
// by Close. InTx and AfterCommit behave as ever (by savepoints). It is for tests, for one goroutine at a time. PostgreSQL's
// now() stands still inside, deferred constraints are not checked, and a statement whose context ends takes the sandbox
// with it.
func (db *DB) Sandbox(ctx context.Context) (*DB, error) {
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("database: begin a sandbox: %w", err)
	}
	r := &sandbox{tx: tx}
	boxed := *db
	boxed.sandbox = r
	boxed.gorm = db.gorm.Session(&gorm.Session{NewDB: true, Context: context.Background()})
	boxed.gorm.ConnPool, boxed.gorm.Statement.ConnPool = r, r
	return &boxed, nil
}

func (r *sandbox) end() error {
	if err := r.tx.Rollback(); err != nil {
		return fmt.Errorf("database: end a sandbox: %w", err)
	}
	return nil
}

// begin opens what stands for a transaction: a savepoint.
func (r *sandbox) begin(ctx context.Context) (*transaction, error) {
	run := func(statement string) error {
		_, err := r.tx.ExecContext(context.WithoutCancel(ctx), statement)
		return err
	}
	if err := run("SAVEPOINT step"); err != nil {
		return nil, failedOperation(fmt.Errorf("begin: %w", err))
	}
	ended := false
	end := func(statement string) error {
		if ended {
			return nil
		}
		err := run(statement)
		ended = err == nil
		return err
	}
	return &transaction{
		pool:     r,
		conn:     r.tx,
		commit:   func() error { return end("RELEASE SAVEPOINT step") },
		rollback: func() error { return end("ROLLBACK TO SAVEPOINT step") },
	}, nil
}

// guard lets one statement outside InTx fail alone, as it would on a real pool.
func (r *sandbox) guard(ctx context.Context, statement func() error) error {
	if _, err := r.tx.ExecContext(ctx, "SAVEPOINT statement"); err != nil {
		return err
	}
	err := statement()
	if err != nil {
		if _, undo := r.tx.ExecContext(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT statement"); undo != nil {
			return fmt.Errorf("%w (and the sandbox is over: %w)", err, undo)
		}
	}
	return err
}

// PrepareContext is part of GORM's pool; it is not used, see openGorm.
func (r *sandbox) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.tx.PrepareContext(ctx, query)
}

// ExecContext runs one statement.
func (r *sandbox) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = r.guard(ctx, func() error {
		result, err = r.tx.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// QueryContext runs one query.
func (r *sandbox) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = r.guard(ctx, func() error {
		rows, err = r.tx.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the caller reads and closes the rows
		return err
	})
	return rows, err
}

// QueryRowContext runs one query for one row; its error comes with Scan.
func (r *sandbox) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	_ = r.guard(ctx, func() error {
		row = r.tx.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	if row == nil { // the guard itself failed: this query fails the same way
		row = r.tx.QueryRowContext(ctx, query, args...)
	}
	return row
}
