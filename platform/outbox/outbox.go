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

// Publish writes an event into the transaction open in ctx; without one it returns an error.
func (o *Outbox) Publish(ctx context.Context, e Event) error {
	return o.write(ctx, KindEvent, []named{{e.EventName(), e}}, nil)
}

// PublishAll is Publish for many events, in their order, by one statement.
func (o *Outbox) PublishAll(ctx context.Context, events []Event) error {
	content := make([]named, len(events))
	for i, e := range events {
		content[i] = named{e.EventName(), e}
	}
	return o.write(ctx, KindEvent, content, nil)
}

// Enqueue writes a task into the transaction open in ctx; without one it returns an error.
func (o *Outbox) Enqueue(ctx context.Context, t Task, opts ...Option) error {
	return o.write(ctx, KindTask, []named{{t.TaskName(), t}}, opts)
}

// EnqueueAll is Enqueue for many tasks, in their order, by one statement. The options hold for each of them.
func (o *Outbox) EnqueueAll(ctx context.Context, tasks []Task, opts ...Option) error {
	content := make([]named, len(tasks))
	for i, t := range tasks {
		content[i] = named{t.TaskName(), t}
	}
	return o.write(ctx, KindTask, content, opts)
}

// KeepDrop writes what caches are to forget into the transaction open in ctx; without one it returns an error. A relay repeats it
// until it has happened.
func (o *Outbox) KeepDrop(ctx context.Context, drops any) error {
	return o.write(ctx, KindDrop, []named{{"cache.drop", drops}}, nil)
}

// Option changes how a task is enqueued.
type Option func(*row)

type row struct{ availableAt time.Time }

// At delays the task until t. The delay is kept in PostgreSQL.
func At(t time.Time) Option { return func(r *row) { r.availableAt = t } }

type named struct {
	name    string
	content any
}

func (o *Outbox) write(ctx context.Context, kind string, all []named, opts []Option) error {
	if !database.InTransaction(ctx) {
		return errors.New("outbox: publish and enqueue need a transaction: call them inside InTx")
	}
	if len(all) == 0 {
		return nil
	}
	var set row
	for _, opt := range opts {
		opt(&set)
	}
	ids, names, payloads := make([]uuid.UUID, len(all)), make([]string, len(all)), make([]string, len(all))
	for i, n := range all {
		payload, err := json.Marshal(n.content)
		if err != nil {
			return fmt.Errorf("outbox: %s: %w", n.name, err)
		}
		if ids[i], err = uuid.NewV7(); err != nil {
			return fmt.Errorf("outbox: new id: %w", err)
		}
		names[i], payloads[i] = n.name, string(payload)
	}
	err := o.db.Conn(ctx).Exec(`
		INSERT INTO outbox (id, kind, name, payload, trace, available_at, due_at)
		SELECT id, ?, name, payload::jsonb, ?, coalesce(?, now()), coalesce(?, now())
		FROM unnest(?::uuid[], ?::text[], ?::text[]) AS r (id, name, payload)`,
		kind, traceOf(ctx), optional(set.availableAt), optional(set.availableAt),
		database.Array(ids), database.Array(names), database.Array(payloads)).Error
	if err != nil {
		return fmt.Errorf("outbox: write %s: %w", all[0].name, err)
	}
	o.db.AfterCommit(ctx, func(context.Context) { o.waker.wake() })
	return nil
}

func optional(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
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
