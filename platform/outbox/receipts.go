package outbox

import (
	"context"
	"time"
	"unicode/utf8"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Receipts record what each subscriber did with each row: at most one receipt per subscriber and row.
type Receipts struct{ db *database.DB }

// NewReceipts opens the receipts of the database.
func NewReceipts(db *database.DB) *Receipts { return &Receipts{db: db} }

// State is how a subscriber stands to a row.
type State int

// The states that Claim tells apart.
const (
	Claimed State = iota // it is yours: run it
	Settled              // done, given up, or the row is long gone: nothing to run
	Busy                 // another run has it; Wait says for how long at most
)

// Claim is the answer to a run that asks whether it may.
type Claim struct {
	State State
	Tries int           // which try this is, from 1
	Wait  time.Duration // until another run's claim ends
}

// Take writes the receipt of a subscriber into the transaction open in ctx: what the transaction does and the receipt are
// committed together. A second run waits for the first and finds it settled. tries counts this run; 0: nothing to run.
func (r *Receipts) Take(ctx context.Context, subscriber string, id uuid.UUID) (tries int, err error) {
	err = r.db.Conn(ctx).Raw(`
		INSERT INTO event_receipts AS r (subscriber, event_id, done_at, tries)
		SELECT ?, id, now(), 1 FROM outbox WHERE id = ?
		ON CONFLICT (event_id, subscriber) DO UPDATE SET done_at = now(), tries = r.tries + 1, last_error = NULL
		WHERE r.done_at IS NULL AND r.dead_at IS NULL
		RETURNING tries`, subscriber, id).Scan(&tries).Error
	if err != nil {
		return 0, err
	}
	return tries, nil
}

// Taken is a row that is to be run.
type Taken struct {
	ID      uuid.UUID
	Tries   int  // which try this is, from 1
	Receipt bool // there is one, and so a row to be finished
}

// TakeAll is Take for many rows, and returns those that are to be run, for subscribers that take batches; those are never taken by Take.
// A row that waits for this subscriber alone, and was not tried before, needs no receipt: it is deleted in the transaction, and what runs
// it again finds it gone. While a worker of a build lives that knows receipts only, there are receipts.
func (r *Receipts) TakeAll(ctx context.Context, subscriber string, ids []uuid.UUID) (taken []Taken, err error) {
	var there []uuid.UUID // locked before receipts are looked at: another run of one of them has committed by then
	err = r.db.Conn(ctx).Raw(`SELECT id FROM outbox WHERE id = ANY(?) ORDER BY id FOR UPDATE`, database.Array(ids)).Scan(&there).Error
	if err != nil || len(there) == 0 {
		return nil, err
	}
	err = r.db.Conn(ctx).Raw(`
		WITH sole AS (
			SELECT id FROM outbox o WHERE id = ANY(@ids) AND finished_at IS NULL AND subscribers = ARRAY[(@subscriber)::text]
				AND NOT EXISTS (SELECT FROM event_receipts r WHERE r.event_id = o.id)
				AND NOT EXISTS (`+knowsNoBatches+`)),
		gone AS (DELETE FROM outbox o USING sole WHERE o.id = sole.id RETURNING o.id),
		receipts AS (
			INSERT INTO event_receipts AS r (subscriber, event_id, done_at, tries)
			SELECT @subscriber, id, now(), 1 FROM outbox WHERE id = ANY(@ids) AND id NOT IN (SELECT id FROM sole)
			ON CONFLICT (event_id, subscriber) DO UPDATE SET done_at = now(), tries = r.tries + 1, last_error = NULL
			WHERE r.done_at IS NULL AND r.dead_at IS NULL
			RETURNING event_id, tries)
		SELECT id, 1 AS tries, false AS receipt FROM gone UNION ALL SELECT event_id, tries, true FROM receipts`,
		map[string]any{"ids": database.Array(there), "subscriber": subscriber, "known": knownFor.Seconds()}).Scan(&taken).Error
	return taken, err
}

// knowsNoBatches finds processes of a build before whose workers write receipts and lock no rows. One that works no more may still end
// what it runs.
const knowsNoBatches = `SELECT FROM processes WHERE NOT takes_batches
	AND seen_at > now() - CASE WHEN works THEN make_interval(secs => @known) ELSE interval '2 minutes' END`

// Split notes of rows that they were tried together in vain, so that each comes alone, in a moment.
func (r *Receipts) Split(ctx context.Context, subscriber string, ids []uuid.UUID) error {
	return r.db.Conn(ctx).Exec(`
		WITH tried AS (
			INSERT INTO event_receipts (subscriber, event_id, tries) SELECT ?, id, 0 FROM outbox WHERE id = ANY(?) ON CONFLICT DO NOTHING)
		UPDATE outbox SET due_at = now() + interval '1 second' WHERE id = ANY(?) AND finished_at IS NULL AND due_at < 'infinity'`,
		subscriber, database.Array(ids), database.Array(ids)).Error
}

// Claim reserves a row for one run of an effect or a job, for as long as lease. Whoever dies in between leaves it to
// others when the lease ends.
func (r *Receipts) Claim(ctx context.Context, subscriber string, id uuid.UUID, lease time.Duration) (Claim, error) {
	var tries int
	err := r.db.Conn(ctx).Raw(`
		INSERT INTO event_receipts AS r (subscriber, event_id, claimed_until, tries)
		SELECT ?, id, clock_timestamp() + make_interval(secs => ?), 1 FROM outbox WHERE id = ?
		ON CONFLICT (event_id, subscriber) DO UPDATE SET claimed_until = excluded.claimed_until, tries = r.tries + 1
		WHERE r.done_at IS NULL AND r.dead_at IS NULL AND (r.claimed_until IS NULL OR r.claimed_until <= clock_timestamp())
		RETURNING tries`, subscriber, lease.Seconds(), id).Scan(&tries).Error
	if err != nil {
		return Claim{}, err
	}
	if tries > 0 {
		return Claim{State: Claimed, Tries: tries}, nil
	}
	var wait float64
	err = r.db.Conn(ctx).Raw(`
		SELECT extract(epoch FROM claimed_until - clock_timestamp())::float8 FROM event_receipts
		WHERE event_id = ? AND subscriber = ? AND done_at IS NULL AND dead_at IS NULL AND claimed_until IS NOT NULL`,
		id, subscriber).Scan(&wait).Error
	if err != nil {
		return Claim{}, err
	}
	if wait > 0 {
		return Claim{State: Busy, Wait: time.Duration(wait * float64(time.Second))}, nil
	}
	return Claim{State: Settled}, nil
}

// Renew prolongs the claim of a try, and reports whether it still has it.
func (r *Receipts) Renew(ctx context.Context, subscriber string, id uuid.UUID, tries int, lease time.Duration) (bool, error) {
	done := r.db.Conn(ctx).Exec(`
		UPDATE event_receipts SET claimed_until = clock_timestamp() + make_interval(secs => ?)
		WHERE event_id = ? AND subscriber = ? AND tries = ? AND claimed_until IS NOT NULL AND done_at IS NULL`,
		lease.Seconds(), id, subscriber, tries)
	return done.RowsAffected > 0, done.Error
}

// Release ends the claim of a try that was interrupted, as if it had never begun, and has the row handed on again at once.
func (r *Receipts) Release(ctx context.Context, subscriber string, id uuid.UUID, tries int) error {
	return r.db.Conn(ctx).Exec(`
		WITH released AS (
			UPDATE event_receipts SET claimed_until = NULL, tries = tries - 1
			WHERE event_id = @id AND subscriber = @subscriber AND tries = @tries AND claimed_until IS NOT NULL AND done_at IS NULL
			RETURNING event_id)
		UPDATE outbox o SET due_at = now() FROM released r WHERE o.id = r.event_id AND o.finished_at IS NULL`,
		map[string]any{"id": id, "subscriber": subscriber, "tries": tries}).Error
}

// Forgo ends the claim of a try in which nothing was tried, as if it had never begun. The row keeps its time.
func (r *Receipts) Forgo(ctx context.Context, subscriber string, id uuid.UUID, tries int) error {
	return r.db.Conn(ctx).Exec(`
		UPDATE event_receipts SET claimed_until = NULL, tries = tries - 1
		WHERE event_id = ? AND subscriber = ? AND tries = ? AND claimed_until IS NOT NULL AND done_at IS NULL`, id, subscriber, tries).Error
}

// Lapsed reports whether a claim of the row has ended without a word: whoever had it is gone.
func (r *Receipts) Lapsed(ctx context.Context, subscriber string, id uuid.UUID) (lapsed bool, err error) {
	err = r.db.Conn(ctx).Raw(`SELECT EXISTS (
		SELECT FROM event_receipts WHERE event_id = ? AND subscriber = ? AND claimed_until <= clock_timestamp())`, id, subscriber).
		Scan(&lapsed).Error
	return lapsed, err
}

// PutBack has rows handed on again in a moment: they came to a worker that does not know their handler.
func (r *Receipts) PutBack(ctx context.Context, ids ...uuid.UUID) error {
	return r.db.Conn(ctx).Exec(`
		UPDATE outbox SET due_at = now() + interval '1 second' WHERE id = ANY(?) AND finished_at IS NULL AND due_at < 'infinity'`,
		database.Array(ids)).Error
}

// Done marks a claimed row as done, and finishes it where it waits for this subscriber alone, as every task does: then it reports true,
// and there is nothing left to Finish.
func (r *Receipts) Done(ctx context.Context, subscriber string, id uuid.UUID) (finished bool, err error) {
	done := r.db.Conn(ctx).Exec(`
		WITH done AS (
			UPDATE event_receipts SET done_at = clock_timestamp(), claimed_until = NULL, dead_at = NULL, last_error = NULL
			WHERE event_id = @id AND subscriber = @subscriber AND done_at IS NULL RETURNING event_id)
		UPDATE outbox o SET finished_at = now() FROM done
		WHERE o.id = done.event_id AND o.finished_at IS NULL AND o.subscribers = ARRAY[(@subscriber)::text]`,
		map[string]any{"id": id, "subscriber": subscriber})
	return done.RowsAffected == 1, done.Error
}

// Fail notes a failed try and ends its claim, unless a later try has begun. dead gives the row up for this subscriber
// until Replay.
func (r *Receipts) Fail(ctx context.Context, subscriber string, id uuid.UUID, tries int, cause error, dead bool) error {
	return r.db.Conn(ctx).Exec(`
		INSERT INTO event_receipts AS r (subscriber, event_id, tries, last_error, dead_at)
		SELECT ?, id, ?, ?, CASE WHEN ? THEN clock_timestamp() END FROM outbox WHERE id = ?
		ON CONFLICT (event_id, subscriber) DO UPDATE
		SET tries = excluded.tries, last_error = excluded.last_error, dead_at = excluded.dead_at, claimed_until = NULL
		WHERE r.done_at IS NULL AND r.tries <= excluded.tries`,
		subscriber, tries, clip(cause.Error(), 500), dead, id).Error
}

// Finish marks rows as finished whose every recorded subscriber is done. It is called after the receipts are committed, so the
// last of several sees all the others'; if it is not called at all, the relay finds out at its next look.
func (r *Receipts) Finish(ctx context.Context, ids ...uuid.UUID) error {
	return r.db.Conn(ctx).Exec(`
		UPDATE outbox o SET finished_at = now()
		WHERE o.id = ANY(?) AND o.finished_at IS NULL AND o.subscribers IS NOT NULL AND NOT EXISTS (
			SELECT FROM unnest(o.subscribers) AS s (name) WHERE NOT EXISTS (
				SELECT FROM event_receipts r WHERE r.event_id = o.id AND r.subscriber = s.name AND r.done_at IS NOT NULL))`,
		database.Array(ids)).Error
}

// clip cuts text to at most n bytes, between characters, and to what PostgreSQL's text can hold.
func clip(text string, n int) string {
	clean := make([]rune, 0, min(len(text), n))
	size := 0
	for _, c := range text {
		if size += utf8.RuneLen(c); size > n {
			break
		}
		if c != 0 {
			clean = append(clean, c)
		}
	}
	return string(clean)
}
