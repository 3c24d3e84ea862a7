// Package tasks runs handlers of events and tasks on asynq, and schedules. It is the only package that knows asynq.
package tasks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/outbox"
)

// Handler is one named piece of work: a subscriber of an event, or the handler of a task.
type Handler struct {
	name     string // of the subscriber or the task
	kind     string // outbox.KindEvent or outbox.KindTask
	subject  string // the event's or the task's name
	outside  bool   // works outside the database: claimed by lease rather than in one transaction
	queue    string
	timeout  time.Duration
	maxRetry int
	lasting  bool // waited for while its module is off
	call     func(ctx context.Context, id uuid.UUID, payload []byte) error
	together func(ctx context.Context, payloads [][]byte) error // nil: one at a time only
}

// Name is the subscriber's name, or the task's.
func (h Handler) Name() string { return h.name }

// Subject is the name on the wire of the event or task that it handles.
func (h Handler) Subject() string { return h.subject }

// IsLasting reports whether events wait for it while its module is off.
func (h Handler) IsLasting() bool { return h.lasting }

// Option changes how a handler runs.
type Option func(*Handler)

// The queues. Pictures have workers of their own, so they never keep the rest waiting, and large ones keep no small ones waiting.
const (
	queueCritical = "critical"
	queueDefault  = "default"
	queueMedia    = "media"
	queueLarge    = "media_large"
	queueLow      = "low"
)

// Queue names the kind of asynq queue: "critical", "default" (unless said otherwise), "media", "media_large" or "low". Each module
// has queues of its own.
func Queue(name string) Option { return func(h *Handler) { h.queue = name } }

// Timeout bounds one run. Default 30 s.
func Timeout(d time.Duration) Option { return func(h *Handler) { h.timeout = d } }

// MaxRetry bounds the tries after the first; afterwards the task is a dead letter. Default 20.
func MaxRetry(n int) Option { return func(h *Handler) { h.maxRetry = n } }

// Lasting makes a subscriber one that nothing may pass by: an event that happens while its module is switched off waits for
// it. For what the law or the product's word demands (a person's erasure), not for news: what waits, stays.
func Lasting() Option { return func(h *Handler) { h.lasting = true } }

// Subscriber handles an event with database work only, exactly once: fn runs in InTx together with its receipt.
// name is "<module>.<what_happened>", such as "notifications.post_published". A call into another module joins in.
func Subscriber[E outbox.Event](name string, fn func(ctx context.Context, id uuid.UUID, event E) error, opts ...Option) Handler {
	var event E
	return newHandler(Handler{name: name, kind: outbox.KindEvent, subject: event.EventName(), call: decoding(fn)}, opts)
}

// BatchSubscriber is Subscriber for one that handles many events as quickly as one: fn gets up to a hundred, oldest first, in one
// transaction together with the receipts of all. If it fails, or one cannot be read, nothing has happened and each is handled alone, so
// that one bad event is given up alone.
func BatchSubscriber[E outbox.Event](name string, fn func(ctx context.Context, events []E) error, opts ...Option) Handler {
	h := Subscriber(name, func(ctx context.Context, _ uuid.UUID, event E) error { return fn(ctx, []E{event}) }, opts...)
	h.together = func(ctx context.Context, payloads [][]byte) error {
		events := make([]E, len(payloads))
		for i, payload := range payloads {
			if err := json.Unmarshal(payload, &events[i]); err != nil {
				return fmt.Errorf("tasks: read payload: %w", err)
			}
		}
		return fn(ctx, events)
	}
	return h
}

// Effect handles an event with work outside the database (mail, push, provider, S3), outside a transaction: the receipt is
// claimed with a lease, fn runs, the receipt is marked done. A crash in between may run fn again with the same id,
// so hand that id on as Message-ID or idempotency key.
func Effect[E outbox.Event](name string, fn func(ctx context.Context, id uuid.UUID, event E) error, opts ...Option) Handler {
	var event E
	return newHandler(Handler{name: name, kind: outbox.KindEvent, subject: event.EventName(), outside: true, call: decoding(fn)}, opts)
}

// Job handles a task like Effect handles an event; its name is the task's name. id is the outbox id: stable over retries.
func Job[T outbox.Task](fn func(ctx context.Context, id uuid.UUID, task T) error, opts ...Option) Handler {
	var task T
	name := task.TaskName()
	return newHandler(Handler{name: name, kind: outbox.KindTask, subject: name, outside: true, call: decoding(fn)}, opts)
}

// queueName is the asynq queue: its module's own, so that a worker without the module takes nothing of it.
func (h Handler) queueName() string {
	module, _, _ := strings.Cut(h.name, ".")
	return module + "." + h.queue
}

func newHandler(h Handler, opts []Option) Handler {
	h.queue, h.timeout, h.maxRetry = queueDefault, 30*time.Second, 20
	for _, opt := range opts {
		opt(&h)
	}
	return h
}

// decoding reads the payload for fn. One that cannot be read today cannot be read tomorrow.
func decoding[C any](fn func(ctx context.Context, id uuid.UUID, content C) error) func(context.Context, uuid.UUID, []byte) error {
	return func(ctx context.Context, id uuid.UUID, payload []byte) error {
		var content C
		if err := json.Unmarshal(payload, &content); err != nil {
			return Drop(fmt.Errorf("tasks: read payload: %w", err))
		}
		return fn(ctx, id, content)
	}
}

type dropped struct{ error }

func (d dropped) Unwrap() error { return d.error }

// Drop wraps an error so that the handler is not tried again: the task becomes a dead letter at once.
func Drop(err error) error { return dropped{err} }

type delayed struct {
	error
	by time.Duration
}

func (d delayed) Unwrap() error { return d.error }

// RetryAfter wraps an error so that the next try waits d instead of the usual backoff.
func RetryAfter(err error, d time.Duration) error { return delayed{err, d} }

type lastTryKey struct{}

// LastTry reports whether a failure now would make a dead letter.
func LastTry(ctx context.Context) bool {
	last, _ := ctx.Value(lastTryKey{}).(bool)
	return last
}

// isDropped reports whether err gives up by its own wish.
func isDropped(err error) bool {
	var d dropped
	return errors.As(err, &d)
}
