package outbox

import (
	"context"
	"encoding/json"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// claimedRow is a row as the relay takes it.
type claimedRow struct {
	ID          uuid.UUID
	Kind        string
	Name        string
	Payload     json.RawMessage
	Trace       *string
	Alone       bool            // a worker lives that knows no batches
	Subscribers *string         // a JSON array; nil: never dispatched
	Drops       json.RawMessage // a JSON array; nil: none
}

func (r claimedRow) recorded() (names []string) {
	if r.Subscribers != nil {
		_ = json.Unmarshal([]byte(*r.Subscribers), &names) // PostgreSQL wrote it
	}
	return names
}

func (r claimedRow) delivery(subscriber string) Delivery {
	d := Delivery{ID: r.ID, Kind: r.Kind, Name: r.Name, Subscriber: subscriber, Payload: r.Payload}
	if r.Trace != nil {
		d.Trace = *r.Trace
	}
	return d
}

type receiptKey struct {
	id         uuid.UUID
	subscriber string
}

type receiptState int

const (
	stateOpen receiptState = iota
	stateTried
	stateDone
	stateDead
)

// claim locks due rows that no other relay has locked, urgent ones first.
func (r *Relay) claim(ctx context.Context) (rows []claimedRow, err error) {
	err = r.db.Conn(ctx).Raw(`
		WITH urgent AS (
			SELECT * FROM outbox WHERE finished_at IS NULL AND urgent AND due_at <= now()
			ORDER BY due_at LIMIT @batch FOR UPDATE SKIP LOCKED),
		others AS (
			SELECT * FROM outbox WHERE finished_at IS NULL AND NOT urgent AND due_at <= now()
			ORDER BY due_at LIMIT @batch FOR UPDATE SKIP LOCKED)
		SELECT id, kind, name, payload, trace, drops, array_to_json(subscribers)::text AS subscribers,
			EXISTS (`+knowsNoBatches+`) AS alone
		FROM (SELECT * FROM urgent UNION ALL SELECT * FROM others) AS due LIMIT @batch`,
		map[string]any{"batch": r.cfg.BatchSize, "known": knownFor.Seconds()}).Scan(&rows).Error
	return rows, err
}

// settled reads the receipts of rows that were dispatched before.
func (r *Relay) settled(ctx context.Context, rows []claimedRow) (map[receiptKey]receiptState, error) {
	var ids []uuid.UUID
	for _, row := range rows {
		if row.Subscribers != nil {
			ids = append(ids, row.ID)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var receipts []struct {
		EventID    uuid.UUID
		Subscriber string
		Done, Dead bool
	}
	err := r.db.Conn(ctx).Raw(`
		SELECT event_id, subscriber, done_at IS NOT NULL AS done, dead_at IS NOT NULL AS dead FROM event_receipts
		WHERE event_id = ANY(?)`, database.Array(ids)).Scan(&receipts).Error
	if err != nil {
		return nil, err
	}
	states := make(map[receiptKey]receiptState, len(receipts))
	for _, receipt := range receipts {
		state := stateTried
		switch {
		case receipt.Done:
			state = stateDone
		case receipt.Dead:
			state = stateDead
		}
		states[receiptKey{receipt.EventID, receipt.Subscriber}] = state
	}
	return states, nil
}

// settle writes down what route decided, by one statement, and puts the next look at what is handed on into the future: should this
// process die now, it comes again.
func (r *Relay) settle(ctx context.Context, p plan) error {
	if len(p.ids) == 0 {
		return nil
	}
	return r.db.Conn(ctx).Exec(`
		UPDATE outbox o SET dispatched_at = now(), attempts = o.attempts + 1, drops = NULL,
			subscribers = CASE WHEN d.subscribers IS NULL THEN o.subscribers ELSE ARRAY(SELECT json_array_elements_text(d.subscribers::json)) END,
			awaits = CASE WHEN d.awaits IS NOT NULL THEN ARRAY(SELECT json_array_elements_text(d.awaits::json)) END,
			finished_at = CASE WHEN d.finished THEN now() END,
			due_at = CASE WHEN d.parked THEN 'infinity' ELSE now() + make_interval(secs => ?) * least(o.attempts / 2 + 1, ?) END
		FROM unnest(?::uuid[], ?::text[], ?::text[], ?::boolean[], ?::boolean[]) AS d (id, subscribers, awaits, finished, parked)
		WHERE o.id = d.id`, r.cfg.RequeueAfter.Seconds(), patientUpTo,
		database.Array(p.ids), database.Array(p.subscribers), database.Array(p.awaits), database.Array(p.finished), database.Array(p.parked)).Error
}

// revive makes rows due whose claims have lapsed: who had them died, and nobody else would look for them before long. What was handed
// on a moment ago is left to whoever takes it.
func (r *Relay) revive(ctx context.Context) error {
	return r.db.Conn(ctx).Exec(`
		UPDATE outbox o SET due_at = now() FROM event_receipts r
		WHERE r.claimed_until <= clock_timestamp() AND r.event_id = o.id AND o.finished_at IS NULL
			AND o.due_at > now() AND o.due_at < 'infinity' AND o.dispatched_at < now() - interval '5 seconds'`).Error
}

// postpone makes rows due again a little later, at most ten seconds: Redis is usually back soon.
func (r *Relay) postpone(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return r.db.Conn(ctx).Exec(`
		UPDATE outbox SET attempts = attempts + 1,
			due_at = now() + least(make_interval(secs => least(greatest(attempts, 1), 10)), make_interval(secs => ?))
		WHERE id = ANY(?) AND finished_at IS NULL`, r.cfg.RequeueAfter.Seconds(), database.Array(ids)).Error
}

// detachDrops puts the Drops of rows into rows of their own, which are due in a second.
func (r *Relay) detachDrops(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return r.db.Conn(ctx).Exec(`
		WITH detached AS (
			INSERT INTO outbox (id, kind, name, payload, available_at, due_at)
			SELECT gen_random_uuid(), ?, ?, drops, now(), now() + interval '1 second' FROM outbox WHERE id = ANY(?) AND drops IS NOT NULL)
		UPDATE outbox SET drops = NULL WHERE id = ANY(?)`, KindDrop, dropName, database.Array(ids), database.Array(ids)).Error
}

// remove deletes rows of which nothing is to be remembered.
func (r *Relay) remove(ctx context.Context, ids []uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	return r.db.Conn(ctx).Exec(`DELETE FROM outbox WHERE id = ANY(?)`, database.Array(ids)).Error
}

// Resume makes rows due that were parked for a subscriber which is here now, whoever has parked them.
func (r *Relay) Resume(ctx context.Context) error {
	var parked []struct{ Kind, Name string }
	err := r.db.Conn(ctx).Raw(`
		SELECT DISTINCT kind, name FROM outbox WHERE finished_at IS NULL AND due_at = 'infinity'`).Scan(&parked).Error
	if err != nil {
		return err
	}
	for _, p := range parked {
		here := r.to.SubscribersOf(p.Kind, p.Name)
		if len(here) == 0 {
			continue
		}
		err := r.db.Conn(ctx).Exec(`
			UPDATE outbox o SET due_at = now(), awaits = NULL
			WHERE o.finished_at IS NULL AND o.due_at = 'infinity' AND o.kind = ? AND o.name = ? AND EXISTS (
				SELECT FROM unnest(o.subscribers) AS s (name)
				WHERE s.name = ANY(?) AND NOT EXISTS (
					SELECT FROM event_receipts r
					WHERE r.event_id = o.id AND r.subscriber = s.name AND (r.done_at IS NOT NULL OR r.dead_at IS NOT NULL)))`,
			p.Kind, p.Name, database.Array(here)).Error
		if err != nil {
			return err
		}
	}
	return nil
}
