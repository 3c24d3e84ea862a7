// Package meter reads what PostgreSQL, Redis and the product have done so far by their own counters, so that the cost of a deed is a
// difference. It is for a stack that nobody else uses.
package meter

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"atrium/platform/background"
)

// flushed is how long an idle session of PostgreSQL may keep what it counted to itself, and a little more.
const flushed = 10500 * time.Millisecond

// Meter reads counters. It belongs to one goroutine.
type Meter struct {
	wire                      *Wire
	postgres                  *postgres
	redis                     *redisServer
	server, postmaster, cache int // processes
	opened                    time.Time
}

// Open connects to both servers. wire is what the product goes by to PostgreSQL, server its process.
func Open(ctx context.Context, wire *Wire, redis string, server int) (*Meter, error) {
	m := &Meter{wire: wire, server: server, opened: time.Now()}
	var err error
	if m.postgres, err = openPostgres(ctx, wire.direct.String()); err != nil {
		return nil, err
	}
	if m.redis, err = openRedis(redis); err != nil {
		return nil, err
	}
	if m.postmaster, err = m.postgres.postmaster(ctx); err != nil {
		return nil, err
	}
	m.cache, err = m.redis.process(ctx)
	return m, err
}

// Read waits until every session of PostgreSQL has told what it counted, and returns all counters.
func (m *Meter) Read(ctx context.Context) (c Counters, err error) {
	background.Pause(ctx, flushed)
	c.Seconds, c.Traffic = time.Since(m.opened).Seconds(), m.wire.Traffic()
	c.CPU = CPU{Server: seconds(m.server), PostgreSQL: familySeconds(m.postmaster), Redis: seconds(m.cache)}
	if err := m.redis.read(ctx, &c); err != nil {
		return c, err
	}
	return c, m.postgres.read(ctx, &c)
}

// Query reads a column of texts from the product's database. It is not counted.
func (m *Meter) Query(ctx context.Context, query string) (texts []string, err error) {
	rows, err := m.postgres.conn.Query(ctx, query+" "+own)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
