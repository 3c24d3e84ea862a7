package database

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
	"gorm.io/plugin/dbresolver"
)

// rest is how long a replica that could not be reached is left alone.
const rest = 2 * time.Second

// replica is a pool that hands over to the primary while its server cannot be reached.
type replica struct {
	pool       *sql.DB
	primary    *sql.DB
	log        *zap.Logger
	restsUntil atomic.Int64 // unix nanoseconds
}

// openReads makes the handle that reads from replicas, by dbresolver. Without replicas it is the primary.
func (db *DB) openReads(set options) (*gorm.DB, error) {
	if len(db.cfg.ReplicaURLs) == 0 {
		return db.primary, nil
	}
	var dialectors []gorm.Dialector
	for _, url := range db.cfg.ReplicaURLs {
		pool, err := openPool(url, db.cfg, set)
		if err != nil {
			return nil, err
		}
		r := &replica{pool: pool, primary: db.pool, log: db.log}
		db.replicas = append(db.replicas, r)
		dialectors = append(dialectors, postgres.New(postgres.Config{Conn: r}))
	}
	set.plugins = append(set.plugins, dbresolver.Register(dbresolver.Config{
		Replicas: dialectors, Policy: dbresolver.PolicyFunc(pickReplica),
	}))
	return openGorm(db.pool, set)
}

// pickReplica chooses at random among the replicas that answer; if none does, any: it hands over to the primary.
func pickReplica(pools []gorm.ConnPool) gorm.ConnPool {
	start := rand.IntN(len(pools))
	for i := range pools {
		pool := pools[(start+i)%len(pools)]
		if r, ok := pool.(*replica); ok && !r.resting() {
			return pool
		}
	}
	return pools[start]
}

func (r *replica) resting() bool { return time.Now().UnixNano() < r.restsUntil.Load() }

// QueryContext reads here, or from the primary when this server cannot be reached.
func (r *replica) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if r.resting() {
		return r.primary.QueryContext(ctx, query, args...)
	}
	rows, err := r.pool.QueryContext(ctx, query, args...)
	if r.unreachable(ctx, err) {
		return r.primary.QueryContext(ctx, query, args...)
	}
	return rows, err
}

// QueryRowContext is QueryContext for one row.
func (r *replica) QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row {
	if r.resting() {
		return r.primary.QueryRowContext(ctx, query, args...)
	}
	row := r.pool.QueryRowContext(ctx, query, args...)
	if r.unreachable(ctx, row.Err()) {
		return r.primary.QueryRowContext(ctx, query, args...)
	}
	return row
}

// ExecContext goes to the primary: a replica takes no writes.
func (r *replica) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	return r.primary.ExecContext(ctx, query, args...)
}

// PrepareContext goes to the primary; GORM does not ask for it, see openGorm.
func (r *replica) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	return r.primary.PrepareContext(ctx, query)
}

// unreachable judges an error: does it speak of the server rather than of the query? Then the replica rests.
func (r *replica) unreachable(ctx context.Context, err error) bool {
	if err == nil || ctx.Err() != nil {
		return false
	}
	switch state := sqlState(err); {
	case state == "": // no answer from PostgreSQL at all
	case state[:2] == "08", state[:2] == "53", state[:2] == "57" && state != "57014": // connection, resources, shutdown
	case state == "40001": // the query was in the way of replication
		return true
	default:
		return false
	}
	if !r.resting() {
		r.log.Warn("a read replica cannot be reached: the primary answers", zap.Error(err))
	}
	r.restsUntil.Store(time.Now().Add(rest).UnixNano())
	return true
}
