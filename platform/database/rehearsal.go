package database

import (
	"context"
	"database/sql"
	"fmt"

	"gorm.io/gorm"
)

// rehearsal is one transaction that stands in for the whole pool and is never committed.
type rehearsal struct{ tx *sql.Tx }

// Rehearse returns a database on which everything happens and nothing lasts: all of it is one transaction, rolled back
// by Close. InTx and AfterCommit behave as ever (by savepoints). It is for tests, for one goroutine at a time. PostgreSQL's
// now() stands still inside, deferred constraints are not checked, and a statement whose context ends takes the rehearsal
// with it.
func (db *DB) Rehearse(ctx context.Context) (*DB, error) {
	tx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, fmt.Errorf("database: begin a rehearsal: %w", err)
	}
	r := &rehearsal{tx: tx}
	rehearsed := *db
	rehearsed.rehearsal = r
	rehearsed.gorm = db.gorm.Session(&gorm.Session{NewDB: true, Context: context.Background()})
	rehearsed.gorm.ConnPool, rehearsed.gorm.Statement.ConnPool = r, r
	return &rehearsed, nil
}

func (r *rehearsal) end() error {
	if err := r.tx.Rollback(); err != nil {
		return fmt.Errorf("database: end a rehearsal: %w", err)
	}
	return nil
}

// begin opens what stands for a transaction: a savepoint.
func (r *rehearsal) begin(ctx context.Context) (*transaction, error) {
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
func (r *rehearsal) guard(ctx context.Context, statement func() error) error {
	if _, err := r.tx.ExecContext(ctx, "SAVEPOINT statement"); err != nil {
		return err
	}
	err := statement()
	if err != nil {
		if _, undo := r.tx.ExecContext(context.WithoutCancel(ctx), "ROLLBACK TO SAVEPOINT statement"); undo != nil {
			return fmt.Errorf("%w (and the rehearsal is over: %w)", err, undo)
		}
	}
	return err
}

// PrepareContext is part of GORM's pool; it is not used, see openGorm.
func (r *rehearsal) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.tx.PrepareContext(ctx, query)
}

// ExecContext runs one statement.
func (r *rehearsal) ExecContext(ctx context.Context, query string, args ...any) (result sql.Result, err error) {
	err = r.guard(ctx, func() error {
		result, err = r.tx.ExecContext(ctx, query, args...)
		return err
	})
	return result, err
}

// QueryContext runs one query.
func (r *rehearsal) QueryContext(ctx context.Context, query string, args ...any) (rows *sql.Rows, err error) {
	err = r.guard(ctx, func() error {
		rows, err = r.tx.QueryContext(ctx, query, args...) //nolint:rowserrcheck,sqlclosecheck // the caller reads and closes the rows
		return err
	})
	return rows, err
}

// QueryRowContext runs one query for one row; its error comes with Scan.
func (r *rehearsal) QueryRowContext(ctx context.Context, query string, args ...any) (row *sql.Row) {
	_ = r.guard(ctx, func() error {
		row = r.tx.QueryRowContext(ctx, query, args...)
		return row.Err()
	})
	if row == nil { // the guard itself failed: this query fails the same way
		row = r.tx.QueryRowContext(ctx, query, args...)
	}
	return row
}
