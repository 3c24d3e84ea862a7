package outbox

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/platform/background"
	"atrium/platform/database"
)

const (
	// heartbeat is how often a process gives a sign of life.
	heartbeat = 5 * time.Second
	// livingFor is how long a worker without one counts as living: it is handed what only it can do.
	livingFor = 20 * time.Second
	// knownFor is how long an event waits for the subscribers of a process that is gone: longer than a roll-out takes.
	knownFor = time.Hour
)

// Handler is one handler of a process, as others need to know it to enqueue for it.
type Handler struct {
	Kind     string // KindEvent or KindTask
	Subject  string // the event's or the task's name
	Name     string // the subscriber's; of a task its own
	Queue    string
	Timeout  time.Duration
	MaxRetry int
}

// Process is this process in the registry of those that live, in PostgreSQL. Relays of other builds, and of workers with other
// modules, learn from it whom an event is for, and who works.
type Process struct {
	db       *database.DB
	log      *zap.Logger
	id       uuid.UUID
	works    bool
	handlers []Handler
}

// NewProcess describes a process that knows handlers, and runs them if it works.
func NewProcess(db *database.DB, handlers []Handler, works bool, log *zap.Logger) *Process {
	return &Process{db: db, log: log, id: uuid.New(), works: works, handlers: handlers}
}

// Join enters the process. From then on events wait for its subscribers, and it is handed what it handles.
func (p *Process) Join(ctx context.Context) error {
	var kinds, subjects, names, queues []string
	var timeouts []float64
	var retries []int64
	for _, h := range p.handlers {
		kinds, subjects, names, queues = append(kinds, h.Kind), append(subjects, h.Subject), append(names, h.Name), append(queues, h.Queue)
		timeouts, retries = append(timeouts, h.Timeout.Seconds()), append(retries, int64(h.MaxRetry))
	}
	err := p.db.InTx(ctx, func(ctx context.Context) error {
		err := p.db.Conn(ctx).Exec(`
			INSERT INTO processes (id, works, takes_batches) VALUES (?, ?, true)
			ON CONFLICT (id) DO UPDATE SET works = excluded.works, seen_at = now()`, p.id, p.works).Error
		if err != nil {
			return err
		}
		return p.db.Conn(ctx).Exec(`
			INSERT INTO process_handlers (process_id, kind, subject, handler, queue, timeout, max_retry)
			SELECT ?, * FROM unnest(?::text[], ?::text[], ?::text[], ?::text[], ?::float8[], ?::int[])
			ON CONFLICT DO NOTHING`,
			p.id, database.Array(kinds), database.Array(subjects), database.Array(names), database.Array(queues),
			database.Array(timeouts), database.Array(retries)).Error
	})
	if err != nil {
		return fmt.Errorf("outbox: enter the process: %w", err)
	}
	return nil
}

// Run gives signs of life until ctx ends, then returns nil.
func (p *Process) Run(ctx context.Context) error {
	return background.Every(ctx, heartbeat, p.log, "give a sign of life", p.beat)
}

func (p *Process) beat(ctx context.Context) error {
	seen := p.db.Conn(ctx).Exec(`UPDATE processes SET seen_at = now() WHERE id = ?`, p.id)
	if seen.Error == nil && seen.RowsAffected == 0 { // forgotten, after a long silence
		return p.Join(ctx)
	}
	return seen.Error
}

// Leave says that the process works no more. What it knew is remembered for a while: it may be a restart.
func (p *Process) Leave(ctx context.Context) error {
	return p.db.Conn(ctx).Exec(`UPDATE processes SET works = false, seen_at = now() WHERE id = ?`, p.id).Error
}

// peer is a handler of any process that lived not long ago.
type peer struct {
	Handler
	living bool // a living worker has it
}

// peers reads who else handles what is in rows, by kind and subject.
func (r *Relay) peers(ctx context.Context, rows []claimedRow) (map[rowType][]peer, error) {
	var names []string
	for _, row := range rows {
		if !slices.Contains(names, row.Name) {
			names = append(names, row.Name)
		}
	}
	if len(names) == 0 {
		return nil, nil
	}
	var found []struct {
		Kind, Subject, Handler, Queue string
		Timeout                       float64
		MaxRetry                      int
		Living                        bool
	}
	err := r.db.Conn(ctx).Raw(`
		SELECT DISTINCT ON (h.kind, h.handler) h.kind, h.subject, h.handler, h.queue, h.timeout, h.max_retry,
			p.works AND p.seen_at > clock_timestamp() - make_interval(secs => ?) AS living
		FROM process_handlers h JOIN processes p ON p.id = h.process_id
		WHERE h.subject = ANY(?) AND p.seen_at > clock_timestamp() - make_interval(secs => ?)
		ORDER BY h.kind, h.handler, living DESC, p.started_at DESC`,
		livingFor.Seconds(), database.Array(names), knownFor.Seconds()).Scan(&found).Error
	if err != nil {
		return nil, err
	}
	byType := map[rowType][]peer{}
	for _, f := range found {
		key := rowType{f.Kind, f.Subject}
		byType[key] = append(byType[key], peer{living: f.Living, Handler: Handler{
			Kind: f.Kind, Subject: f.Subject, Name: f.Handler, Queue: f.Queue, MaxRetry: f.MaxRetry,
			Timeout: time.Duration(f.Timeout * float64(time.Second)),
		}})
	}
	return byType, nil
}

// unpark makes rows due that wait for somebody who works now, wherever that is.
func (r *Relay) unpark(ctx context.Context) error {
	return r.db.Conn(ctx).Exec(`
		UPDATE outbox SET due_at = now(), awaits = NULL
		WHERE finished_at IS NULL AND awaits IS NOT NULL AND awaits && ARRAY(
			SELECT DISTINCT h.handler FROM process_handlers h JOIN processes p ON p.id = h.process_id
			WHERE p.works AND p.seen_at > clock_timestamp() - make_interval(secs => ?))`, livingFor.Seconds()).Error
}

// Parked is work that waits for a handler that no living worker has.
type Parked struct {
	Handler string
	Rows    int64
	Oldest  time.Duration // since the oldest could have been done
	Known   bool          // a process that lived within the last hour knows the handler: it is not switched off, a worker is missing
}

// countUpTo bounds how much of what is parked is counted at each look.
const countUpTo = 100_000

// parked counts what is parked, by handler.
func parked(ctx context.Context, db *database.DB) ([]Parked, error) {
	var found []struct {
		Handler string
		Rows    int64
		Oldest  float64
		Known   bool
	}
	err := db.Conn(ctx).Raw(`
		SELECT w.handler, count(*) AS rows, greatest(extract(epoch FROM now() - min(o.available_at)), 0)::float8 AS oldest,
			EXISTS (SELECT FROM process_handlers h JOIN processes p ON p.id = h.process_id
				WHERE h.handler = w.handler AND p.seen_at > clock_timestamp() - make_interval(secs => ?)) AS known
		FROM (SELECT awaits, available_at FROM outbox
			WHERE finished_at IS NULL AND awaits IS NOT NULL AND awaits @> '{}' AND available_at <= now() LIMIT ?) o
			CROSS JOIN unnest(o.awaits) AS w (handler)
		GROUP BY w.handler ORDER BY w.handler`, knownFor.Seconds(), countUpTo).Scan(&found).Error
	if err != nil {
		return nil, err
	}
	all := make([]Parked, len(found))
	for i, f := range found {
		all[i] = Parked{Handler: f.Handler, Rows: f.Rows, Oldest: time.Duration(f.Oldest * float64(time.Second)), Known: f.Known}
	}
	return all, nil
}

// forsake ends the wait of events for subscribers that no process has had for as long as finished rows are kept, unless they are
// lasting: what nobody listens to any more is news of yesterday. Tasks wait for ever.
func (o *Outbox) forsake(ctx context.Context, olderThan time.Duration) error {
	err := o.db.Conn(ctx).Exec(`DELETE FROM processes WHERE seen_at < now() - make_interval(secs => ?)`, max(olderThan, knownFor).Seconds()).Error
	if err != nil {
		return err
	}
	return o.db.Conn(ctx).Exec(`
		UPDATE outbox SET finished_at = now()
		WHERE finished_at IS NULL AND awaits IS NOT NULL AND kind = 'event' AND due_at = 'infinity'
			AND available_at < now() - make_interval(secs => ?)
			AND NOT awaits && ARRAY(SELECT handler FROM process_handlers)
			AND NOT awaits && ARRAY(SELECT subscriber FROM lasting_subscribers)
			AND NOT EXISTS (SELECT FROM event_receipts r WHERE r.event_id = outbox.id AND r.dead_at IS NOT NULL)`, olderThan.Seconds()).Error
}
