package database

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.uber.org/zap"
	"gorm.io/gorm"

	"atrium/platform/fault"
)

// maxRetries bounds how often InTx tries again after PostgreSQL broke a deadlock.
const maxRetries = 3

// transaction is what a context carries while InTx runs. It belongs to one goroutine.
type transaction struct {
	owner       *DB
	conn        *gorm.DB
	commit      func() error
	rollback    func() error // does nothing after a commit
	doomed      error        // the first failure of a joined step; commit is refused
	afterCommit []func(ctx context.Context)
}

type transactionKey struct{}

func (db *DB) transaction(ctx context.Context) *transaction {
	if tx, ok := ctx.Value(transactionKey{}).(*transaction); ok && tx.owner == db {
		return tx
	}
	return nil
}

// InTransaction reports whether ctx carries an open transaction.
func InTransaction(ctx context.Context) bool {
	_, ok := ctx.Value(transactionKey{}).(*transaction)
	return ok
}

// InTx runs fn in one transaction (read committed). Inside another InTx it joins that one: if fn fails then, the whole
// transaction is rolled back, even where the caller ignores the error. The outermost one commits, then runs the
// AfterCommit functions. A deadlock or serialization failure is tried again up to three times, so fn must not do anything
// but database work. A panic rolls back and goes on.
func (db *DB) InTx(ctx context.Context, fn func(ctx context.Context) error) error {
	if tx := db.transaction(ctx); tx != nil {
		return tx.join(ctx, fn)
	}
	for retry := 0; ; retry++ {
		tx, err := db.runOutermost(ctx, fn)
		if err == nil {
			db.runAfterCommit(ctx, tx)
			return nil
		}
		if retry == maxRetries || !retryable(err) || !pause(ctx, retry) {
			return err
		}
		db.log.Info("transaction tried again", zap.Int("retry", retry+1), zap.Error(err))
	}
}

// AfterCommit runs fn once the transaction in ctx has committed, before InTx returns; never if it rolls back.
// Without a transaction it runs at once. Functions run in the order of their calls, with a context that outlives a caller
// who went away, since the commit cannot be taken back. A panic in one is logged and stops neither the others nor the caller.
func (db *DB) AfterCommit(ctx context.Context, fn func(ctx context.Context)) {
	if tx := db.transaction(ctx); tx != nil {
		tx.afterCommit = append(tx.afterCommit, fn)
		return
	}
	db.runGuarded(context.WithoutCancel(ctx), fn)
}

func (db *DB) runOutermost(ctx context.Context, fn func(ctx context.Context) error) (*transaction, error) {
	tx, err := db.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.rollback() }()
	if err := fn(context.WithValue(ctx, transactionKey{}, tx)); err != nil {
		return nil, err
	}
	if tx.doomed != nil {
		return nil, fmt.Errorf("database: not committed, since a step inside failed: %w", tx.doomed)
	}
	if err := tx.commit(); err != nil {
		return nil, fmt.Errorf("database: commit: %w", err)
	}
	return tx, nil
}

func (db *DB) begin(ctx context.Context) (*transaction, error) {
	if db.rehearsal != nil {
		return db.rehearsal.begin(ctx, db)
	}
	sqlTx, err := db.pool.BeginTx(ctx, nil)
	if err != nil {
		return nil, beginFailed(ctx, err)
	}
	return &transaction{owner: db, conn: onPool(db.primary, sqlTx), commit: sqlTx.Commit, rollback: sqlTx.Rollback}, nil
}

// join runs a step inside tx. There are no savepoints: what is half done stays half done, so failure dooms the whole.
func (tx *transaction) join(ctx context.Context, fn func(ctx context.Context) error) error {
	finished := false
	defer func() {
		if !finished && tx.doomed == nil {
			tx.doomed = errors.New("a step panicked")
		}
	}()
	err := fn(ctx)
	finished = true
	if err != nil && tx.doomed == nil {
		tx.doomed = err
	}
	return err
}

func (db *DB) runAfterCommit(ctx context.Context, tx *transaction) {
	ctx = context.WithoutCancel(ctx)
	for _, fn := range tx.afterCommit {
		db.runGuarded(ctx, fn)
	}
}

func (db *DB) runGuarded(ctx context.Context, fn func(ctx context.Context)) {
	defer func() {
		if p := recover(); p != nil {
			db.log.Error("a function after commit panicked", zap.Any("panic", p), zap.ByteString("stack", debug.Stack()))
		}
	}()
	fn(ctx)
}

// onPool is g on another connection pool.
func onPool(g *gorm.DB, pool gorm.ConnPool) *gorm.DB {
	session := g.Session(&gorm.Session{NewDB: true, Context: context.Background()})
	session.Statement.ConnPool = pool
	return session
}

func beginFailed(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("database: begin: %w", err)
	}
	return fault.Unavailable("database.unavailable", "The database cannot be reached at the moment.").Because(err)
}

func retryable(err error) bool {
	code := sqlState(err)
	return code == "40001" || code == "40P01" // serialization_failure, deadlock_detected
}

// sqlState is the five-character code of PostgreSQL in err, or "".
func sqlState(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

// pause waits a little longer at each retry, at random, so that two that met do not meet again. False: ctx ended.
func pause(ctx context.Context, retry int) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(rand.N(10 * time.Millisecond << retry)):
		return true
	}
}
