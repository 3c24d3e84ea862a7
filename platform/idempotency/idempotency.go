// Package idempotency makes repeated POSTs safe: the first answer is kept for 24 hours and given again.
package idempotency

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/fault"
)

// KeptFor is how long a first answer is given again.
const KeptFor = 24 * time.Hour

// What a request with a key can meet.
var (
	ErrKeyRequired  = fault.New(fault.KindMalformed, "idempotency.key_required", "Send an Idempotency-Key: a new one for each thing you want done once.")
	ErrKeyMalformed = fault.New(fault.KindMalformed, "idempotency.key_malformed", "An Idempotency-Key has 1 to 255 visible ASCII characters.")
	ErrKeyReused    = fault.Invalid("idempotency.key_reused", "This Idempotency-Key belongs to another request.")
	ErrInProgress   = fault.Conflict("idempotency.in_progress", "The first request with this Idempotency-Key is still running.").After(time.Second)
)

var errNoTransaction = errors.New("idempotency: Attach needs an open transaction")

// Request is what makes two requests the same: who, which route, which key; and what they must then agree in.
type Request struct {
	UserID uuid.UUID
	Route  string // method and pattern
	Key    string
	Hash   []byte        // of everything the answer depends on
	Lease  time.Duration // how long a first run without a sign of life counts as alive; see Hold
}

// Answer is a first answer, to be given again.
type Answer struct {
	Status int
	Header map[string]string
	Body   []byte
}

// Run is one execution of a request with a key. Between the crash of one run and the repetition, the record stays,
// with the resource that the first run had attached. It belongs to one goroutine.
type Run struct {
	store    *Store // nil: nothing is kept
	id       uuid.UUID
	request  Request
	resource *uuid.UUID
	kept     bool // the answer was committed with what was done
}

// NewRun makes a run that keeps nothing, where no database is at hand.
func NewRun(request Request) *Run { return &Run{request: request} }

type contextKey struct{}

// With returns a context in which Key, Attach and Attached speak of the run.
func With(ctx context.Context, run *Run) context.Context {
	return context.WithValue(ctx, contextKey{}, run)
}

func from(ctx context.Context) *Run {
	run, _ := ctx.Value(contextKey{}).(*Run)
	return run
}

// CheckKey returns ErrKeyMalformed for what cannot be a key.
func CheckKey(key string) error {
	if len(key) < 1 || len(key) > 255 {
		return ErrKeyMalformed
	}
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return ErrKeyMalformed
		}
	}
	return nil
}

// Key returns the Idempotency-Key of the request being handled, or "".
func Key(ctx context.Context) string {
	if run := from(ctx); run != nil {
		return run.request.Key
	}
	return ""
}

// Attach notes, in the transaction open in ctx, which resource the request made, so that a repetition after a crash finds it.
// Without a key it does nothing. ErrInProgress means that this run was too slow and a repetition has taken over: roll back.
func Attach(ctx context.Context, resource uuid.UUID) error {
	run := from(ctx)
	if run == nil || run.store == nil {
		return nil
	}
	if !database.InTransaction(ctx) {
		return errNoTransaction
	}
	return run.store.attach(ctx, run, resource)
}

// InTx runs fn in one transaction with the record of its answer: after a crash either nothing was done, or the answer is given again.
// An answer of nil rolls back without an error where fn has none. fn may run again, as in database.InTx.
func (r *Run) InTx(ctx context.Context, fn func(ctx context.Context) (*Answer, error)) error {
	if r.store == nil {
		_, err := fn(ctx)
		return err
	}
	err := r.store.db.InTx(ctx, func(ctx context.Context) error {
		answer, err := fn(ctx)
		switch {
		case err != nil:
			return err
		case answer == nil:
			return errNoAnswer
		}
		return r.store.keep(ctx, r, *answer)
	})
	r.kept = err == nil
	if errors.Is(err, errNoAnswer) {
		return nil
	}
	return err
}

var errNoAnswer = errors.New("idempotency: nothing was done")

// Attached returns the resource that an earlier, interrupted run of the same request made.
func Attached(ctx context.Context) (uuid.UUID, bool) {
	if run := from(ctx); run != nil && run.resource != nil {
		return *run.resource, true
	}
	return uuid.Nil, false
}
