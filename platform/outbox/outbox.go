// Package outbox keeps events and tasks in PostgreSQL until they are done, so that nothing is lost when Redis,
// a worker or this process goes away. The Relay hands them on, Receipts tell who has done its part.
package outbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/propagation"

	"atrium/platform/database"
)

// The kinds of rows.
const (
	KindEvent = "event" // for every subscriber there is
	KindTask  = "task"  // for one handler, of the task's name
	KindDrop  = "drop"  // for the relay itself: what the caches of all instances are to forget
)

// Event is a past-tense fact that modules publish: ids and facts true at the time, JSON-able.
// EventName is its name on the wire, "posts.published.v1".
type Event interface{ EventName() string }

// Task is work for one handler. TaskName is its name on the wire, "uploads.make_variants".
type Task interface{ TaskName() string }

// Outbox writes rows; the Relay moves them on. Safe for concurrent use.
type Outbox struct {
	db    *database.DB
	waker *waker
}

// New makes an Outbox on the database.
func New(db *database.DB) *Outbox { return &Outbox{db: db, waker: newWaker(db)} }

// Publish has an event written by the last step of the transaction open in ctx; without one it returns an error.
func (o *Outbox) Publish(ctx context.Context, e Event) error {
	return o.add(ctx, KindEvent, e.EventName(), e, nil)
}

// PublishAll is Publish for many events, in their order.
func (o *Outbox) PublishAll(ctx context.Context, events []Event) error {
	for _, e := range events {
		if err := o.Publish(ctx, e); err != nil {
			return err
		}
	}
	return nil
}

// Enqueue has a task written by the last step of the transaction open in ctx; without one it returns an error.
func (o *Outbox) Enqueue(ctx context.Context, t Task, opts ...Option) error {
	return o.add(ctx, KindTask, t.TaskName(), t, opts)
}

// EnqueueAll is Enqueue for many tasks, in their order. The options hold for each of them.
func (o *Outbox) EnqueueAll(ctx context.Context, tasks []Task, opts ...Option) error {
	for _, t := range tasks {
		if err := o.Enqueue(ctx, t, opts...); err != nil {
			return err
		}
	}
	return nil
}

// KeepDrop has what caches are to forget written with the transaction open in ctx; without one it returns an error. A relay repeats it
// until it has happened.
func (o *Outbox) KeepDrop(ctx context.Context, drop any) error {
	pending, err := o.pending(ctx)
	if err != nil {
		return err
	}
	content, err := json.Marshal(drop)
	if err != nil {
		return fmt.Errorf("outbox: a Drop: %w", err)
	}
	pending.drops = append(pending.drops, content)
	return nil
}

// Option changes how a task is enqueued.
type Option func(*row)

// At delays the task until t. The delay is kept in PostgreSQL.
func At(t time.Time) Option { return func(r *row) { r.availableAt = &t } }

// Urgent has the task handed on before everything that is not, however much of that waits.
func Urgent() Option { return func(r *row) { r.urgent = true } }

// row is a row to be written.
type row struct {
	id          uuid.UUID
	kind        string
	name        string
	payload     string
	trace       *string
	availableAt *time.Time // nil: at once
	urgent      bool
	drops       *string // a JSON array; nil: none
}

// pending is what one transaction is to write, by one statement.
type pending struct {
	rows    []row
	drops   []json.RawMessage
	written bool
}

type pendingKey struct{ outbox *Outbox }

// pending returns what the transaction open in ctx is to write.
func (o *Outbox) pending(ctx context.Context) (*pending, error) {
	p, ok := database.Collect(ctx, pendingKey{o}, func() (*pending, database.Collection) {
		p := &pending{}
		return p, database.Collection{
			LastStep:    func(ctx context.Context) error { return o.write(ctx, p) },
			AfterCommit: func(context.Context) { o.waker.wake() },
		}
	})
	switch {
	case !ok:
		return nil, errors.New("outbox: publish and enqueue need a transaction: call them inside InTx")
	case p.written:
		return nil, errors.New("outbox: the last step of this transaction has written its rows")
	}
	return p, nil
}

func (o *Outbox) add(ctx context.Context, kind, name string, content any, opts []Option) error {
	pending, err := o.pending(ctx)
	if err != nil {
		return err
	}
	payload, err := json.Marshal(content)
	if err != nil {
		return fmt.Errorf("outbox: %s: %w", name, err)
	}
	id, err := uuid.NewV7()
	if err != nil {
		return fmt.Errorf("outbox: new id: %w", err)
	}
	r := row{id: id, kind: kind, name: name, payload: string(payload), trace: traceOf(ctx)}
	for _, opt := range opts {
		opt(&r)
	}
	pending.rows = append(pending.rows, r)
	return nil
}

// write writes what was collected.
func (o *Outbox) write(ctx context.Context, p *pending) error {
	p.written = true
	rows, err := p.withDrops()
	if err != nil || len(rows) == 0 {
		return err
	}
	c := columnsOf(rows)
	err = o.db.Conn(ctx).Exec(`
		INSERT INTO outbox (id, kind, name, payload, trace, available_at, due_at, urgent, drops)
		SELECT id, kind, name, payload::jsonb, trace, coalesce(at, now()), coalesce(at, now()), urgent, drops::jsonb
		FROM unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::timestamptz[], ?::boolean[], ?::text[])
			AS r (id, kind, name, payload, trace, at, urgent, drops)`,
		database.Array(c.ids), database.Array(c.kinds), database.Array(c.names), database.Array(c.payloads), database.Array(c.traces),
		database.Array(c.at), database.Array(c.urgent), database.Array(c.drops)).Error
	if err != nil {
		return fmt.Errorf("outbox: write %s: %w", rows[0].name, err)
	}
	return nil
}

// withDrops returns the rows with the Drops in the first of them that is due at once, or in a row of their own.
func (p *pending) withDrops() ([]row, error) {
	if len(p.drops) == 0 {
		return p.rows, nil
	}
	content, err := json.Marshal(p.drops)
	if err != nil {
		return nil, fmt.Errorf("outbox: Drops: %w", err)
	}
	drops := string(content)
	for i, r := range p.rows {
		if r.availableAt == nil {
			p.rows[i].drops = &drops
			return p.rows, nil
		}
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("outbox: new id: %w", err)
	}
	return append(p.rows, row{id: id, kind: KindDrop, name: dropName, payload: drops}), nil
}

// dropName is the name of rows that hold nothing but Drops.
const dropName = "cache.drop"

// columns are rows as PostgreSQL's unnest takes them.
type columns struct {
	ids                    []uuid.UUID
	kinds, names, payloads []string
	traces, drops          []*string
	at                     []*time.Time
	urgent                 []bool
}

func columnsOf(rows []row) (c columns) {
	for _, r := range rows {
		c.ids, c.kinds, c.names, c.payloads = append(c.ids, r.id), append(c.kinds, r.kind), append(c.names, r.name), append(c.payloads, r.payload)
		c.traces, c.drops, c.at, c.urgent = append(c.traces, r.trace), append(c.drops, r.drops), append(c.at, r.availableAt), append(c.urgent, r.urgent)
	}
	return c
}

// traceOf is the traceparent of ctx, nil without a trace.
func traceOf(ctx context.Context) *string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	if parent := carrier["traceparent"]; parent != "" {
		return &parent
	}
	return nil
}
