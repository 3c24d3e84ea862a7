package idempotency

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// Store keeps the records in PostgreSQL. A first request costs two statements, a repetition two.
type Store struct{ db *database.DB }

// NewStore makes a store on the table idempotency_records.
func NewStore(db *database.DB) *Store { return &Store{db: db} }

// claimSQL begins a run: on a new key, on one that is too old, or on one whose run has stopped without an answer.
// A row comes back only if the run is ours. What a stopped run had attached stays.
const claimSQL = `
INSERT INTO idempotency_records AS r (user_id, route, key, body_hash, run_id, lease_until, created_at)
VALUES (@user, @route, @key, @hash, @run, now() + make_interval(secs => @lease), now())
ON CONFLICT (user_id, route, key) DO UPDATE SET
	body_hash = excluded.body_hash, run_id = excluded.run_id, lease_until = excluded.lease_until,
	resource = CASE WHEN r.created_at > now() - make_interval(secs => @kept) THEN r.resource END,
	created_at = CASE WHEN r.created_at > now() - make_interval(secs => @kept) THEN r.created_at ELSE now() END,
	status = NULL, headers = NULL, body = NULL
WHERE (r.status IS NULL AND r.lease_until <= now() AND r.body_hash = excluded.body_hash)
   OR r.created_at <= now() - make_interval(secs => @kept)
RETURNING r.resource`

// Begin claims the request. Either the run is ours, or there is a first answer to give again, or ErrInProgress or ErrKeyReused.
func (s *Store) Begin(ctx context.Context, request Request) (*Run, *Answer, error) {
	run := &Run{store: s, id: uuid.Must(uuid.NewV7()), request: request}
	var claimed []struct{ Resource *uuid.UUID }
	err := s.db.Conn(ctx).Raw(claimSQL, map[string]any{
		"user": request.UserID, "route": request.Route, "key": request.Key, "hash": request.Hash,
		"run": run.id, "lease": request.Lease.Seconds(), "kept": KeptFor.Seconds(),
	}).Scan(&claimed).Error
	if err != nil {
		return nil, nil, err
	}
	if len(claimed) == 1 {
		run.resource = claimed[0].Resource
		return run, nil, nil
	}
	answer, err := s.first(ctx, request)
	return nil, answer, err
}

// first reads the record that stood in the way of a claim.
func (s *Store) first(ctx context.Context, request Request) (*Answer, error) {
	var records []struct {
		Same    bool
		Status  *int
		Headers []byte
		Body    []byte
	}
	err := s.db.Conn(ctx).Raw(`SELECT body_hash = ? AS same, status, headers, body FROM idempotency_records
		WHERE user_id = ? AND route = ? AND key = ?`, request.Hash, request.UserID, request.Route, request.Key).Scan(&records).Error
	switch {
	case err != nil:
		return nil, err
	case len(records) == 0: // pruned between the two statements
		return nil, ErrInProgress
	case !records[0].Same:
		return nil, ErrKeyReused
	case records[0].Status == nil:
		return nil, ErrInProgress
	}
	answer := &Answer{Status: *records[0].Status, Body: records[0].Body}
	if err := json.Unmarshal(records[0].Headers, &answer.Header); err != nil {
		return nil, fmt.Errorf("idempotency: read the first answer's headers: %w", err)
	}
	return answer, nil
}

// Finish keeps the answer. A run that was taken over meanwhile keeps nothing.
func (r *Run) Finish(ctx context.Context, answer Answer) error {
	if r.store == nil || r.kept {
		return nil
	}
	headers, err := headersOf(answer)
	if err != nil {
		return err
	}
	return r.update(ctx, "keep the answer", `status = ?, headers = ?, body = ?`, answer.Status, headers, answer.Body)
}

// keep writes the answer into the transaction open in ctx, or returns ErrInProgress if the run was taken over: roll back.
func (s *Store) keep(ctx context.Context, run *Run, answer Answer) error {
	headers, err := headersOf(answer)
	if err != nil {
		return err
	}
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`UPDATE idempotency_records SET status = ?, headers = ?, body = ?
		WHERE user_id = ? AND route = ? AND key = ? AND run_id = ?`,
		answer.Status, headers, answer.Body, run.request.UserID, run.request.Route, run.request.Key, run.id), ErrInProgress)
}

func headersOf(answer Answer) (string, error) {
	headers, err := json.Marshal(answer.Header)
	if err != nil {
		return "", fmt.Errorf("idempotency: write headers: %w", err)
	}
	return string(headers), nil
}

// Hold gives signs of life until release is called: so long nobody takes the run over, and soon after the death of this process
// somebody may.
func (r *Run) Hold(ctx context.Context) (release func()) {
	if r.store == nil || r.request.Lease <= 0 {
		return func() {}
	}
	ctx, end := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		every := r.request.Lease / 4
		tick := time.NewTicker(every)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				r.renew(ctx, every)
			}
		}
	}()
	return end
}

// renew prolongs the lease. A failure is left to the next sign of life: should the run be taken over, it can commit nothing more.
func (r *Run) renew(ctx context.Context, within time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	_ = r.store.db.Conn(ctx).Exec(`UPDATE idempotency_records SET lease_until = now() + make_interval(secs => ?)
		WHERE user_id = ? AND route = ? AND key = ? AND run_id = ? AND status IS NULL`,
		r.request.Lease.Seconds(), r.request.UserID, r.request.Route, r.request.Key, r.id).Error
}

// Release gives the run up without an answer, so that the next repetition does it again at once.
func (r *Run) Release(ctx context.Context) error {
	if r.store == nil {
		return nil
	}
	return r.update(ctx, "release", `lease_until = now()`)
}

// update changes the record if it still is this run's. The caller may be gone already: that must not lose the answer.
func (r *Run) update(ctx context.Context, what, set string, values ...any) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	err := r.store.db.Conn(ctx).Exec(`UPDATE idempotency_records SET `+set+` WHERE user_id = ? AND route = ? AND key = ? AND run_id = ?`,
		append(values, r.request.UserID, r.request.Route, r.request.Key, r.id)...).Error
	if err != nil {
		return fmt.Errorf("idempotency: %s: %w", what, err)
	}
	return nil
}

func (s *Store) attach(ctx context.Context, run *Run, resource uuid.UUID) error {
	return database.AtLeastOne(s.db.Conn(ctx).Exec(`UPDATE idempotency_records SET resource = ? WHERE user_id = ? AND route = ? AND key = ? AND run_id = ?`,
		resource, run.request.UserID, run.request.Route, run.request.Key, run.id), ErrInProgress)
}

// Prune deletes records that began longer ago than olderThan (at least KeptFor makes sense) and returns how many there were.
func (s *Store) Prune(ctx context.Context, olderThan time.Duration) (int64, error) {
	done := s.db.Conn(ctx).Exec(`DELETE FROM idempotency_records WHERE created_at <= now() - make_interval(secs => ?)`, olderThan.Seconds())
	if done.Error != nil {
		return 0, done.Error
	}
	return done.RowsAffected, nil
}
