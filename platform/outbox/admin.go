package outbox

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
)

// The faults of replaying.
var (
	ErrNotFound        = fault.NotFound("outbox.not_found", "The outbox has no such row.")
	ErrNothingToReplay = fault.Conflict("outbox.finished", "Every subscriber of this row is done.")
)

// Filter chooses rows to list: unfinished ones, newest first.
type Filter struct {
	Dead  bool   // only those that a subscriber has given up
	Name  string // only this event or task; "": all
	Limit int    // at most so many; 0: 50
}

// Entry is a row for people who look after the system. Of the payload it holds the ids only.
type Entry struct {
	ID          uuid.UUID           `json:"id"`
	Kind        string              `json:"kind"`
	Name        string              `json:"name"`
	IDs         map[string][]string `json:"ids" gorm:"-"`
	CreatedAt   time.Time           `json:"created_at"`
	AvailableAt time.Time           `json:"available_at"`
	Attempts    int                 `json:"attempts"`
	Parked      bool                `json:"parked"` // nobody can take it on: no living worker has its handler, or it is dead
	Subscribers []Standing          `json:"subscribers" gorm:"-"`
}

// StandingDone is the state of a subscriber that has done its part.
const StandingDone = "done"

// Standing is how one subscriber stands to a row.
type Standing struct {
	Subscriber string `json:"subscriber"`
	State      string `json:"state"` // waiting, running, done, dead
	Tries      int    `json:"tries"`
	LastError  string `json:"last_error,omitempty"`
}

// List returns unfinished rows.
func (o *Outbox) List(ctx context.Context, f Filter) ([]Entry, error) {
	if f.Limit == 0 {
		f.Limit = 50
	}
	var rows []struct {
		Entry     `gorm:"embedded"`
		Payload   json.RawMessage
		Standings json.RawMessage
	}
	err := o.db.Conn(ctx).Raw(`
		SELECT o.id, o.kind, o.name, o.created_at, o.available_at, o.attempts, o.due_at = 'infinity' AS parked, o.payload,
			coalesce((SELECT json_agg(json_build_object('subscriber', s.name, 'tries', coalesce(r.tries, 0),
				'last_error', coalesce(r.last_error, ''), 'state', CASE
					WHEN r.done_at IS NOT NULL THEN 'done' WHEN r.dead_at IS NOT NULL THEN 'dead'
					WHEN r.claimed_until > now() THEN 'running' ELSE 'waiting' END) ORDER BY s.name)
				FROM unnest(o.subscribers) AS s (name)
				LEFT JOIN event_receipts r ON r.event_id = o.id AND r.subscriber = s.name), '[]') AS standings
		FROM outbox o
		WHERE o.finished_at IS NULL AND (? = '' OR o.name = ?)
			AND (NOT ? OR EXISTS (SELECT FROM event_receipts r WHERE r.event_id = o.id AND r.dead_at IS NOT NULL))
		ORDER BY o.id DESC LIMIT ?`, f.Name, f.Name, f.Dead, f.Limit).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	entries := make([]Entry, len(rows))
	for i, row := range rows {
		entries[i] = row.Entry
		entries[i].IDs = IDs(row.Payload)
		if err := json.Unmarshal(row.Standings, &entries[i].Subscribers); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

// Standings returns how every subscriber stands to one row. There are none for a row that nobody listens to, that was not
// dispatched yet, or that was finished and pruned.
func (o *Outbox) Standings(ctx context.Context, id uuid.UUID) (found []Standing, err error) {
	err = o.db.Conn(ctx).Raw(`
		SELECT s.name AS subscriber, coalesce(r.tries, 0) AS tries, coalesce(r.last_error, '') AS last_error, CASE
			WHEN r.done_at IS NOT NULL THEN 'done' WHEN r.dead_at IS NOT NULL THEN 'dead'
			WHEN r.claimed_until > now() THEN 'running' ELSE 'waiting' END AS state
		FROM outbox o CROSS JOIN unnest(o.subscribers) AS s (name)
		LEFT JOIN event_receipts r ON r.event_id = o.id AND r.subscriber = s.name
		WHERE o.id = ? ORDER BY s.name`, id).Scan(&found).Error
	if err != nil {
		return nil, err
	}
	return found, nil
}

// Replay gives a row that was given up another full set of tries, and makes it due now. It returns ErrNotFound or
// ErrNothingToReplay.
func (o *Outbox) Replay(ctx context.Context, id uuid.UUID) error {
	err := o.db.InTx(ctx, func(ctx context.Context) error {
		var found []bool
		err := o.db.Conn(ctx).Raw(`SELECT finished_at IS NOT NULL FROM outbox WHERE id = ? FOR UPDATE`, id).Scan(&found).Error
		switch {
		case err != nil:
			return err
		case len(found) == 0:
			return ErrNotFound
		case found[0]:
			return ErrNothingToReplay
		}
		err = o.db.Conn(ctx).Exec(`
			UPDATE event_receipts SET dead_at = NULL, tries = 0 WHERE event_id = ? AND dead_at IS NOT NULL AND done_at IS NULL`, id).Error
		if err != nil {
			return err
		}
		if err := o.db.Conn(ctx).Exec(`UPDATE outbox SET due_at = now(), attempts = 0 WHERE id = ?`, id).Error; err != nil {
			return err
		}
		o.db.AfterCommit(ctx, func(context.Context) { o.waker.wake() })
		return nil
	})
	return err
}

// replayBatch bounds how many receipts one statement of ReplayAll revives.
const replayBatch = 500

// ReplayAll is Replay for everything of one kind that was given up: of an event or a task by its name, or of a subscriber by its. It
// works in batches and returns how many receipts there were.
func (o *Outbox) ReplayAll(ctx context.Context, name string) (total int64, err error) {
	defer o.waker.wake()
	for {
		var revived int64
		err := o.db.Conn(ctx).Raw(`
			WITH dead AS (
				SELECT r.event_id, r.subscriber FROM event_receipts r JOIN outbox o ON o.id = r.event_id
				WHERE r.dead_at IS NOT NULL AND r.done_at IS NULL AND o.finished_at IS NULL AND @name IN (o.name, r.subscriber)
				LIMIT @batch FOR UPDATE OF r SKIP LOCKED),
			revived AS (
				UPDATE event_receipts r SET dead_at = NULL, tries = 0 FROM dead
				WHERE r.event_id = dead.event_id AND r.subscriber = dead.subscriber RETURNING r.event_id),
			woken AS (UPDATE outbox SET due_at = now(), attempts = 0 WHERE id IN (SELECT event_id FROM revived))
			SELECT count(*) FROM revived`, map[string]any{"name": name, "batch": replayBatch}).Scan(&revived).Error
		if err != nil {
			return total, err
		}
		if total += revived; revived < replayBatch {
			return total, nil
		}
	}
}

// Backlog is what waits, for metrics.
type Backlog struct {
	Lag    time.Duration // age of the oldest row that waits and is neither parked nor dead; 0: none
	Dead   int64         // receipts given up
	Parked []Parked      // what no living worker can do
}

// Backlog measures what waits.
func (o *Outbox) Backlog(ctx context.Context) (Backlog, error) {
	var read struct {
		Lag  float64
		Dead int64
	}
	err := o.db.Conn(ctx).Raw(`
		SELECT greatest(coalesce(extract(epoch FROM now() - (
				SELECT min(available_at) FROM outbox WHERE finished_at IS NULL AND due_at < 'infinity'))::float8, 0), 0) AS lag,
			(SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL) AS dead`).Scan(&read).Error
	if err != nil {
		return Backlog{}, err
	}
	waiting, err := parked(ctx, o.db)
	return Backlog{Lag: time.Duration(read.Lag * float64(time.Second)), Dead: read.Dead, Parked: waiting}, err
}

// pruneBatch bounds how many rows one statement of Prune deletes.
const pruneBatch = 1000

// Prune deletes rows that finished longer ago than olderThan, with their receipts, and returns how many. It works in small
// batches. Processes that have been silent for as long are forgotten, and events wait no more for subscribers that only they had.
func (o *Outbox) Prune(ctx context.Context, olderThan time.Duration) (int64, error) {
	if err := o.forsake(ctx, olderThan); err != nil {
		return 0, err
	}
	var total int64
	for {
		var gone int64
		err := o.db.Conn(ctx).Raw(`
			WITH gone AS (
				DELETE FROM outbox WHERE id IN (
					SELECT id FROM outbox WHERE finished_at < now() - make_interval(secs => ?)
					LIMIT ? FOR UPDATE SKIP LOCKED)
				RETURNING id),
			receipts AS (DELETE FROM event_receipts r USING gone WHERE r.event_id = gone.id)
			SELECT count(*) FROM gone`, olderThan.Seconds(), pruneBatch).Scan(&gone).Error
		if err != nil {
			return total, err
		}
		if total += gone; gone < pruneBatch {
			return total, nil
		}
	}
}

// IDs picks what is an id out of a payload, by field: the rest may be personal, and is not shown to anyone.
func IDs(payload json.RawMessage) map[string][]string {
	var fields map[string]any
	_ = json.Unmarshal(payload, &fields) // what is no object has no named ids
	found := map[string][]string{}
	for name, value := range fields {
		values, ok := value.([]any)
		if !ok {
			values = []any{value}
		}
		for _, v := range values {
			if text, ok := v.(string); ok && uuid.Validate(text) == nil {
				found[name] = append(found[name], text)
			}
		}
	}
	return found
}
