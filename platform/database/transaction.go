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
)

// maxRetries bounds how often InTx tries again after PostgreSQL broke a deadlock.
const maxRetries = 3

// transaction is what a context carries while InTx runs. It belongs to one goroutine.
type transaction struct {
	pool        gorm.ConnPool // that it was begun on
	conn        gorm.ConnPool
	commit      func() error
	rollback    func() error // does nothing after a commit
	doomed      error        // the first failure of a joined step; commit is refused
	collected   map[any]any  // by key: see Collect
	lastSteps   []func(ctx context.Context) error
	afterCommit []func(ctx context.Context)
}

type transactionKey struct{}

func (db *DB) transaction(ctx context.Context) *transaction {
	if tx, ok := ctx.Value(transactionKey{}).(*transaction); ok && tx.pool == db.gorm.ConnPool {
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

// Collection is what the steps of one transaction bring together.
type Collection struct {
	LastStep    func(ctx context.Context) error // runs inside the transaction when its steps are done; an error rolls back
	AfterCommit func(ctx context.Context)       // runs as with DB.AfterCommit
}

// Collect returns what the transaction in ctx collects under key; the first call of a transaction begins it. Without a transaction
// it reports false. A transaction that is tried again begins anew.
func Collect[T any](ctx context.Context, key any, begin func() (T, Collection)) (collected T, ok bool) {
	tx, ok := ctx.Value(transactionKey{}).(*transaction)
	if !ok {
		return collected, false
	}
	if known, ok := tx.collected[key].(T); ok {
		return known, true
	}
	collected, steps := begin()
	if tx.collected == nil {
		tx.collected = map[any]any{}
	}
	tx.collected[key] = collected
	tx.lastSteps = append(tx.lastSteps, steps.LastStep)
	tx.afterCommit = append(tx.afterCommit, steps.AfterCommit)
	return collected, true
}

func (db *DB) runOutermost(ctx context.Context, fn func(ctx context.Context) error) (*transaction, error) {
	tx, err := db.begin(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = tx.rollback() }()
	ctx = context.WithValue(ctx, transactionKey{}, tx)
	if err := fn(ctx); err != nil {
		return nil, err
	}
	if tx.doomed != nil {
		return nil, fmt.Errorf("database: not committed, since a step inside failed: %w", tx.doomed)
	}
	for i := 0; i < len(tx.lastSteps); i++ { // a last step may begin another collection
		if err := tx.lastSteps[i](ctx); err != nil {
			return nil, err
		}
	}
	if err := tx.commit(); err != nil {
		return nil, commitFailed(err)
	}
	return tx, nil
}

func (db *DB) begin(ctx context.Context) (*transaction, error) {
	if db.sandbox != nil {
		return db.sandbox.begin(ctx)
	}
	pool := boundedPool{db.pool, db.cfg.AcquireTimeout}
	sqlTx, release, err := pool.begin(ctx)
	if err != nil {
		return nil, beginFailed(ctx, err)
	}
	ending := func(end func() error) func() error {
		return func() error {
			defer release()
			return end()
		}
	}
	return &transaction{pool: pool, conn: sqlTx, commit: ending(sqlTx.Commit), rollback: ending(sqlTx.Rollback)}, nil
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

func beginFailed(ctx context.Context, err error) error {
	failed := failedOperation(fmt.Errorf("begin: %w", err))
	if ctx.Err() != nil {
		return failed
	}
	return errUnavailable.Because(failed)
}

// commitFailed says whether trying again makes sense. Whether a commit took effect whose answer was lost is not known.
func commitFailed(err error) error {
	failed := failedOperation(fmt.Errorf("commit: %w", err))
	if isUnavailable(err) {
		return errUnavailable.Because(failed)
	}
	return failed
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
