package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"atrium/platform/breaker"
	"atrium/platform/database"
	"atrium/platform/outbox"
)

const (
	// lease is how long the claim of a run lasts that is not renewed: how late another worker notices a death.
	lease = 20 * time.Second
	// renewEvery leaves several tries to renew a lease.
	renewEvery = lease / 4
	// longestBusy bounds how long a run waits that finds another at work, which may be released at any time.
	longestBusy = 2 * time.Second
	// leaseMargin is how much longer than a handler's timeout asynq waits: time to write down how it ended.
	leaseMargin = 5 * time.Second
	// afterwards bounds the writing down itself, which happens even when the handler's own time is over.
	afterwards = 4 * time.Second
	// unavailable is how long a run waits when the database could not even be asked.
	unavailable = 5 * time.Second
)

// Registry knows the handlers of this process by their exact names and runs them with their receipts.
type Registry struct {
	db       *database.DB
	receipts *outbox.Receipts
	handlers map[string]Handler // by kind and name, see typeName
	bySubj   map[string][]string
}

// NewRegistry makes a registry. It refuses two handlers of one name, a name that is not "<module>.<what>" and a queue that
// does not exist, with a sentence.
func NewRegistry(db *database.DB, handlers []Handler) (*Registry, error) {
	r := &Registry{
		db: db, receipts: outbox.NewReceipts(db),
		handlers: make(map[string]Handler, len(handlers)), bySubj: map[string][]string{},
	}
	for _, h := range handlers {
		if err := r.add(h); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func (r *Registry) add(h Handler) error {
	if module, what, ok := strings.Cut(h.name, "."); !ok || module == "" || what == "" {
		return fmt.Errorf("handler %q needs a name like \"<module>.<what>\"", h.name)
	}
	if !slices.Contains([]string{queueCritical, queueDefault, queueMedia, queueLarge, queueLow}, h.queue) {
		return fmt.Errorf("handler %s names the queue %q: there are critical, default, media, media_large and low", h.name, h.queue)
	}
	if h.lasting && h.kind != outbox.KindEvent {
		return fmt.Errorf("handler %s is a task's: tasks always wait, only a subscriber can be lasting", h.name)
	}
	key := typeName(h.kind, h.name)
	if _, ok := r.handlers[key]; ok {
		return fmt.Errorf("two handlers are named %s: each needs a name of its own", h.name)
	}
	r.handlers[key] = h
	subject := typeName(h.kind, h.subject)
	r.bySubj[subject] = append(r.bySubj[subject], h.name)
	return nil
}

// SubscribersOf names the handlers here of an event or task; for a task its own name, or nothing.
func (r *Registry) SubscribersOf(kind, name string) []string { return r.bySubj[typeName(kind, name)] }

// Enlist writes the lasting subscribers down, so that events wait for them from now on, whether their modules are on or off.
func (r *Registry) Enlist(ctx context.Context) error {
	var modules []string
	var lasting []outbox.Lasting
	for _, h := range r.handlers {
		module, _, _ := strings.Cut(h.name, ".")
		if !slices.Contains(modules, module) {
			modules = append(modules, module)
		}
		if h.lasting {
			lasting = append(lasting, outbox.Lasting{Subscriber: h.name, Event: h.subject})
		}
	}
	return outbox.Enlist(ctx, r.db, modules, lasting)
}

// known lists the handlers as other processes need to know them.
func (r *Registry) known() []outbox.Handler {
	all := make([]outbox.Handler, 0, len(r.handlers))
	for _, h := range r.handlers {
		all = append(all, outbox.Handler{Kind: h.kind, Subject: h.subject, Name: h.name, Queue: h.queueName(), Timeout: h.timeout, MaxRetry: h.maxRetry})
	}
	slices.SortFunc(all, func(a, b outbox.Handler) int { return strings.Compare(a.Kind+a.Name, b.Kind+b.Name) })
	return all
}

// typeName is the asynq type of a task.
func typeName(kind, name string) string { return kind + ":" + name }

// errParked: the handler is not here, since its module is off or only another build has it. The row waits in the outbox.
var errParked = errors.New("tasks: no such handler here")

// putOff says that nothing was tried: come back later.
type putOff struct {
	error
	by time.Duration
}

func (p putOff) Unwrap() error { return p.error }

// dead says that the last try failed.
type dead struct{ error }

func (d dead) Unwrap() error { return d.error }

// Run runs a delivery through its handler, with its receipt. A repeated delivery does nothing and returns nil.
func (r *Registry) Run(ctx context.Context, d outbox.Delivery) error {
	h, ok := r.handlers[typeName(d.Kind, d.Subscriber)]
	if !ok {
		return errParked
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": d.Trace})
	ctx, span := otel.Tracer("atrium/platform/tasks").Start(ctx, h.name, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("outbox.id", d.ID.String()), attribute.String("outbox.name", d.Name)))
	defer span.End()
	run := r.inTransaction
	if h.outside {
		run = r.withLease
	}
	err := run(ctx, h, d)
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "failed")
	}
	return err
}

// TakesBatches reports whether a subscriber here takes many events at once.
func (r *Registry) TakesBatches(kind, subscriber string) bool {
	return r.handlers[typeName(kind, subscriber)].together != nil
}

// RunBatch runs deliveries of one subscriber that takes many at once, oldest first: work and receipts are committed together. If that
// fails, they are handed on again one at a time, and it returns why.
func (r *Registry) RunBatch(ctx context.Context, subscriber string, all []outbox.Delivery) error {
	h, ok := r.handlers[typeName(outbox.KindEvent, subscriber)]
	if !ok || h.together == nil {
		return errParked
	}
	ctx, span := otel.Tracer("atrium/platform/tasks").Start(ctx, h.name, trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithLinks(linksTo(ctx, all)...), trace.WithAttributes(attribute.Int("outbox.batch", len(all))))
	defer span.End()
	bounded, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	var open []uuid.UUID
	err := r.db.InTx(bounded, func(ctx context.Context) error {
		taken, err := r.receipts.TakeAll(ctx, h.name, outbox.RowIDs(all))
		open = withReceipt(taken)
		if err != nil || len(taken) == 0 {
			return err
		}
		return h.guardedBatch(ctx, payloadsOf(all, taken))
	})
	if err != nil {
		span.RecordError(err)
		span.SetStatus(codes.Error, "failed")
		return r.split(ctx, h, all, err)
	}
	return r.finish(ctx, open...)
}

func withReceipt(taken []outbox.Taken) (ids []uuid.UUID) {
	for _, row := range taken {
		if row.Receipt {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

// split has deliveries handed on again, each alone.
func (r *Registry) split(ctx context.Context, h Handler, all []outbox.Delivery, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	if err := r.receipts.Split(ctx, h.name, outbox.RowIDs(all)); err != nil {
		return putOff{errors.Join(cause, err), unavailable}
	}
	return apart{cause}
}

// apart says that a batch failed, and that each of its deliveries comes again alone.
type apart struct{ error }

func (a apart) Unwrap() error { return a.error }

func linksTo(ctx context.Context, all []outbox.Delivery) []trace.Link {
	var links []trace.Link
	for _, d := range all {
		ctx := propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": d.Trace})
		if link := trace.LinkFromContext(ctx); link.SpanContext.IsValid() {
			links = append(links, link)
		}
	}
	return links
}

// payloadsOf returns the payloads of the deliveries that were taken, in their order.
func payloadsOf(all []outbox.Delivery, taken []outbox.Taken) [][]byte {
	payloads := make([][]byte, 0, len(taken))
	for _, d := range all {
		if slices.ContainsFunc(taken, func(row outbox.Taken) bool { return row.ID == d.ID }) {
			payloads = append(payloads, d.Payload)
		}
	}
	return payloads
}

// inTransaction runs a subscriber: receipt and work are committed together or not at all.
func (r *Registry) inTransaction(ctx context.Context, h Handler, d outbox.Delivery) error {
	bounded, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	tries, began, gone := 0, false, false
	err := r.db.InTx(bounded, func(ctx context.Context) (err error) {
		if tries, gone, err = r.take(ctx, h, d.ID); err != nil || tries == 0 {
			return err
		}
		began = true
		return h.guarded(ctx, d, tries)
	})
	switch {
	case err == nil && gone:
		return nil
	case err == nil:
		return r.finish(ctx, d.ID)
	case !began:
		return putOff{err, unavailable}
	}
	return r.failed(ctx, h, d.ID, tries, err)
}

// take takes a row for one run; gone: there is nothing left of it to be finished.
func (r *Registry) take(ctx context.Context, h Handler, id uuid.UUID) (tries int, gone bool, err error) {
	if h.together == nil {
		tries, err = r.receipts.Take(ctx, h.name, id)
		return tries, false, err
	}
	taken, err := r.receipts.TakeAll(ctx, h.name, []uuid.UUID{id})
	if err != nil || len(taken) == 0 {
		return 0, false, err
	}
	return taken[0].Tries, !taken[0].Receipt, nil
}

// withLease runs an effect or a job: claim, work, mark done. A run that ends with its worker gives its claim back.
func (r *Registry) withLease(ctx context.Context, h Handler, d outbox.Delivery) error {
	claim, err := r.receipts.Claim(ctx, h.name, d.ID, lease)
	switch {
	case err != nil:
		return putOff{err, unavailable}
	case claim.State == outbox.Busy:
		return putOff{errors.New("tasks: another run has it"), min(claim.Wait, longestBusy)}
	case claim.State == outbox.Settled:
		return r.finish(ctx, d.ID)
	case claim.Tries > h.maxRetry+1: // earlier tries ended without a word: they took their process with them
		return r.failed(ctx, h, d.ID, claim.Tries, errors.New("tasks: every try ended without an answer"))
	}
	bounded, cancel := context.WithTimeout(ctx, h.timeout)
	defer cancel()
	err = r.renewing(bounded, h, d.ID, claim.Tries, func(ctx context.Context) error { return h.guarded(ctx, d, claim.Tries) })
	switch {
	case err != nil && errors.Is(ctx.Err(), context.Canceled):
		return r.release(ctx, h, d.ID, claim.Tries, err)
	case errors.Is(err, breaker.ErrRefused):
		return r.refused(ctx, h, d.ID, claim.Tries, err)
	case err != nil:
		return r.failed(ctx, h, d.ID, claim.Tries, err)
	}
	ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	finished, err := r.receipts.Done(ending, h.name, d.ID)
	switch {
	case err != nil:
		return putOff{err, lease}
	case finished:
		return nil
	}
	return r.finish(ctx, d.ID)
}

// errLost: another run has the claim, or nobody can tell.
var errLost = errors.New("tasks: the claim is lost")

// renewing calls fn while the claim is renewed; if that is lost, fn's context ends.
func (r *Registry) renewing(ctx context.Context, h Handler, id uuid.UUID, tries int, fn func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { r.renew(ctx, h, id, tries, cancel) })
	defer renewing.Wait()
	defer cancel(nil)
	return fn(ctx)
}

func (r *Registry) renew(ctx context.Context, h Handler, id uuid.UUID, tries int, lost context.CancelCauseFunc) {
	tick := time.NewTicker(renewEvery)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held, err := r.receipts.Renew(ctx, h.name, id, tries, lease)
		switch {
		case err == nil && held:
			renewed = time.Now()
		case err == nil || time.Since(renewed) > lease-renewEvery:
			lost(errLost)
			return
		}
	}
}

// release gives a claim back: the worker stops, which is nobody's failure.
func (r *Registry) release(ctx context.Context, h Handler, id uuid.UUID, tries int, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	return putOff{errors.Join(cause, r.receipts.Release(ctx, h.name, id, tries)), unavailable}
}

// The bounds of how long a task waits whose service was not even called.
const (
	shortestRefusal = 5 * time.Second
	longestRefusal  = 5 * time.Minute
)

// refused puts off a run whose service counts as down: nothing was tried, so it is no try. What has waited long waits longer, so that
// thousands do not come back every few seconds.
func (r *Registry) refused(ctx context.Context, h Handler, id uuid.UUID, tries int, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	err := errors.Join(cause, r.receipts.Forgo(ctx, h.name, id, tries))
	sec, nsec := id.Time().UnixTime()
	return putOff{err, min(max(time.Since(time.Unix(sec, nsec))/8, shortestRefusal), longestRefusal)}
}

// guarded calls the handler; a panic becomes an error with its stack.
func (h Handler) guarded(ctx context.Context, d outbox.Delivery, tries int) error {
	ctx = context.WithValue(ctx, lastTryKey{}, tries > h.maxRetry)
	return recovered(func() error { return h.call(ctx, d.ID, d.Payload) })
}

// guardedBatch is guarded for many.
func (h Handler) guardedBatch(ctx context.Context, payloads [][]byte) error {
	return recovered(func() error { return h.together(ctx, payloads) })
}

func recovered(call func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{value: p, stack: debug.Stack()}
		}
	}()
	return call()
}

// panicked is a handler's panic. The stack is for the log, not for the text of the error.
type panicked struct {
	value any
	stack []byte
}

func (p *panicked) Error() string { return fmt.Sprintf("tasks: panic: %v", p.value) }

// failed writes a failure down, and tells whether there will be another try.
func (r *Registry) failed(ctx context.Context, h Handler, id uuid.UUID, tries int, cause error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	last := tries > h.maxRetry || isDropped(cause)
	if err := r.receipts.Fail(ctx, h.name, id, tries, cause, last); err != nil {
		return putOff{errors.Join(cause, err), unavailable}
	}
	if last {
		return dead{cause}
	}
	return cause
}

// finish closes the rows whose last subscriber this was. The work is done already: a failure here is left to the relay's
// next look.
func (r *Registry) finish(ctx context.Context, ids ...uuid.UUID) error {
	if len(ids) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	_ = r.receipts.Finish(ctx, ids...)
	return nil
}
