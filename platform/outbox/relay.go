package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

	"atrium/platform/background"
	"atrium/platform/database"
)

// Config says how the relay works.
type Config struct {
	RequeueAfter  time.Duration `koanf:"requeue_after" validate:"min=100ms"` // unfinished for so long: handed on again
	SweepInterval time.Duration `koanf:"sweep_interval" validate:"min=10ms"` // between two looks without a wake-up
	BatchSize     int           `koanf:"batch_size" validate:"min=1,max=1000"`
	Retention     time.Duration `koanf:"retention" validate:"min=1h"` // of finished rows and their receipts
}

// Delivery is a row for one subscriber.
type Delivery struct {
	ID         uuid.UUID // the row's: stable over retries
	Kind       string
	Name       string // of the event or task
	Subscriber string // of a task: its name
	Payload    json.RawMessage
	Trace      string   // W3C traceparent, or ""
	Alone      bool     // not to be handed on together with others: it was tried, or a worker lives that knows no batches
	Elsewhere  *Handler // how another process has it, where this one does not
}

const (
	parallel    = 8 // deliveries handed on at a time
	patientUpTo = 8 // times RequeueAfter: what waits long in Redis is not asked about every time
)

// Receivers are what a relay hands rows to. A row whose receiver fails comes again.
type Receivers struct {
	SubscribersOf func(kind, name string) []string                            // who listens here and now
	TakesBatches  func(kind, subscriber string) bool                          // whether a subscriber here takes many at once; nil: none does
	Enqueue       func(ctx context.Context, d []Delivery) error               // of one subscriber, one unless it takes batches; may get the same more than once
	Drop          func(ctx context.Context, payloads []json.RawMessage) error // repeats Drops of caches; idempotent. Nil where there is no cache
}

// Relay takes rows that are due and hands them on, one Delivery per subscriber that has no receipt yet. Several may run at once.
type Relay struct {
	db   *database.DB
	to   Receivers
	log  *zap.Logger
	cfg  Config
	here *Outbox // this process's; may be nil
}

func NewRelay(db *database.DB, to Receivers, log *zap.Logger, cfg Config) *Relay {
	return &Relay{db: db, to: to, log: log, cfg: cfg}
}

// WokenBy has the relay woken by this process's outbox without a round trip to PostgreSQL while it runs.
func (r *Relay) WokenBy(here *Outbox) { r.here = here }

// Run works until ctx ends, then returns nil. It is woken by commits and looks by itself every SweepInterval. A database or a
// Redis that is away is a warning in the log; the next look tries again.
func (r *Relay) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	ring := func() {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
	if r.here != nil {
		r.here.waker.here.Store(&ring)
		defer r.here.waker.here.Store(nil)
	}
	return background.Together(ctx, func(ctx context.Context) error {
		return r.db.Listen(ctx, channel, func(string) { ring() })
	}, func(ctx context.Context) error {
		r.sweep(ctx, wake)
		return nil
	}, func(ctx context.Context) error { // beside the sweep: rows are handed on while receipts are locked
		return background.Every(ctx, r.cfg.lookEvery(), r.log, "look for lapsed claims", r.revive)
	}, func(ctx context.Context) error {
		return background.Every(ctx, r.cfg.lookEvery(), r.log, "look for parked work that can go on", r.unpark)
	}, func(ctx context.Context) error { // what a build before has parked says of nobody that it waits for
		return background.Every(ctx, time.Minute, r.log, "look for work that another build has parked", r.Resume)
	}, func(ctx context.Context) error {
		return background.Every(ctx, time.Minute, r.log, "count what is parked", r.alarm)
	})
}

// lookEvery is how soon parked work goes on once somebody arrives who can do it, and what a worker that died had claimed.
func (c Config) lookEvery() time.Duration { return min(5*c.SweepInterval, heartbeat) }

// alarm tells of work that no living worker can do: an error where a worker is missing, a warning where its module is off.
func (r *Relay) alarm(ctx context.Context) error {
	all, err := parked(ctx, r.db)
	for _, p := range all {
		level := zap.WarnLevel
		if p.Known {
			level = zap.ErrorLevel
		}
		r.log.Log(level, "work is parked: no living worker has its handler", zap.String("handler", p.Handler), zap.Int64("rows", p.Rows),
			zap.Duration("oldest", p.Oldest))
	}
	return err
}

// sweep hands on what is due, at each wake-up and every SweepInterval, until ctx ends.
func (r *Relay) sweep(ctx context.Context, wake <-chan struct{}) {
	sweep := time.NewTicker(r.cfg.SweepInterval)
	defer sweep.Stop()
	for resumed := false; ctx.Err() == nil; {
		if !resumed {
			resumed = r.noted(ctx, errors.Join(r.Resume(ctx), r.unpark(ctx)))
		}
		r.noted(ctx, r.drain(ctx))
		select {
		case <-ctx.Done():
		case <-wake:
		case <-sweep.C:
		}
	}
}

// noted logs an error; the next sweep tries again.
func (r *Relay) noted(ctx context.Context, err error) bool {
	if err != nil && ctx.Err() == nil {
		r.log.Warn("the relay is interrupted", zap.Error(err))
	}
	return err == nil
}

// drain dispatches until nothing is due.
func (r *Relay) drain(ctx context.Context) error {
	for {
		taken, err := r.Dispatch(ctx)
		if err != nil || taken < r.cfg.BatchSize {
			return err
		}
	}
}

// Dispatch takes one batch of due rows, hands them on, and returns how many rows it took.
func (r *Relay) Dispatch(ctx context.Context) (rows int, err error) {
	taken, err := r.Take(ctx)
	if err != nil {
		return 0, err
	}
	return taken.Rows, errors.Join(taken.dropFailed, r.handOn(ctx, taken.Deliveries))
}

// Batch is what a relay took at once.
type Batch struct {
	Rows       int        // how many there were
	Deliveries []Delivery // to be handed on, oldest first
	dropFailed error      // the Drops in the rows are still to be repeated
}

// Take takes one batch of due rows and repeats the Drops in them. It also finishes rows that nobody waits for, and parks those that
// nobody here can take on.
func (r *Relay) Take(ctx context.Context) (taken Batch, err error) {
	err = r.db.InTx(ctx, func(ctx context.Context) error {
		claimed, err := r.claim(ctx)
		if err != nil {
			return err
		}
		taken = Batch{Rows: len(claimed)}
		if taken.dropFailed, err = r.drop(ctx, claimed); err != nil {
			return err
		}
		taken.Deliveries, err = r.route(ctx, slices.DeleteFunc(claimed, func(row claimedRow) bool { return row.Kind == KindDrop }))
		return err
	})
	return taken, err
}

// drop repeats the Drops in rows, all at once, before it is decided what becomes of the rows: those that hold nothing else are removed.
// Where that fails (failed), Drops wait in rows of their own, and nothing else waits for them.
func (r *Relay) drop(ctx context.Context, rows []claimedRow) (failed, err error) {
	var alone, riding []uuid.UUID
	var drops []json.RawMessage
	for _, row := range rows {
		switch {
		case row.Kind == KindDrop:
			alone, drops = append(alone, row.ID), append(drops, row.Payload)
		case row.Drops != nil:
			riding, drops = append(riding, row.ID), append(drops, row.Drops)
		}
	}
	if len(drops) == 0 {
		return nil, nil
	}
	if r.to.Drop != nil {
		if err := r.to.Drop(ctx, drops); err != nil {
			failed = fmt.Errorf("outbox: %d Drops wait: %w", len(drops), err)
			return failed, errors.Join(r.postpone(ctx, alone), r.detachDrops(ctx, riding))
		}
	}
	return nil, r.remove(ctx, alone)
}

// handOn enqueues. After the first failure it stops, and what was not handed on is due again soon.
func (r *Relay) handOn(ctx context.Context, deliveries []Delivery) error {
	batches := r.batches(deliveries)
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	handed := make([]bool, len(batches))
	for i, batch := range batches {
		group.Go(func() error {
			if inGroup.Err() != nil {
				return inGroup.Err()
			}
			err := r.to.Enqueue(inGroup, batch)
			handed[i] = err == nil
			return err
		})
	}
	failure := group.Wait()
	if failure == nil {
		return nil
	}
	var waiting []uuid.UUID
	for i, batch := range batches {
		if !handed[i] {
			waiting = append(waiting, RowIDs(batch)...)
		}
	}
	if err := r.postpone(context.WithoutCancel(ctx), waiting); err != nil {
		return err
	}
	return fmt.Errorf("outbox: %d deliveries wait: %w", len(waiting), failure)
}

// together is how many deliveries a subscriber gets at once at most.
const together = 100

// batches brings together what subscribers take together, in the order of the first of each. What was tried comes alone: if a
// batch fails, only the one that made it fail goes on failing.
func (r *Relay) batches(deliveries []Delivery) [][]Delivery {
	var batches [][]Delivery
	open := map[string]int{} // by subscriber: the batch that has room
	for _, d := range deliveries {
		if d.Alone || d.Elsewhere != nil || r.to.TakesBatches == nil || !r.to.TakesBatches(d.Kind, d.Subscriber) {
			batches = append(batches, []Delivery{d})
			continue
		}
		i, ok := open[d.Subscriber]
		if !ok || len(batches[i]) == together {
			i = len(batches)
			batches, open[d.Subscriber] = append(batches, nil), i
		}
		batches[i] = append(batches[i], d)
	}
	return batches
}

// RowIDs returns the ids of the rows that deliveries are of, in their order.
func RowIDs(deliveries []Delivery) []uuid.UUID {
	ids := make([]uuid.UUID, len(deliveries))
	for i, d := range deliveries {
		ids[i] = d.ID
	}
	return ids
}

// plan is what becomes of one batch: what is handed on, and for each row what is written down.
type plan struct {
	deliveries  []Delivery
	ids         []uuid.UUID
	subscribers []*string // whom it is for, as JSON, of a row that is dispatched for the first time
	awaits      []*string // for whom of them no living worker is there, as JSON
	finished    []bool    // nobody is left to wait for
	parked      []bool    // no living worker has those who are left, or they have given up
}

// rowType is what a row is about.
type rowType struct{ kind, name string }

// listeners are those who handle a kind of row.
type listeners struct {
	here    []string // in this process
	peers   []peer   // in all that lived not long ago
	lasting []string // must hear of it wherever they are
}

// all names everybody who must hear of a row that is dispatched for the first time.
func (l listeners) all(row claimedRow) []string {
	if row.Kind == KindTask {
		return []string{row.Name} // its one handler, even while that is switched off
	}
	names := append([]string{}, l.here...) // not nil: recorded, even if there is none
	for _, p := range l.peers {
		names = append(names, p.Name)
	}
	names = append(names, l.lasting...)
	slices.Sort(names)
	return slices.Compact(names)
}

// delivery hands a row to a subscriber; false: no living worker has it.
func (l listeners) delivery(row claimedRow, subscriber string) (d Delivery, ok bool) {
	d = row.delivery(subscriber)
	if slices.Contains(l.here, subscriber) {
		return d, true
	}
	for _, p := range l.peers {
		if p.Name == subscriber && p.living {
			d.Elsewhere = &p.Handler
			return d, true
		}
	}
	return d, false
}

// route decides what becomes of claimed rows, writes it down, and returns what is to be handed on.
func (r *Relay) route(ctx context.Context, rows []claimedRow) ([]Delivery, error) {
	settled, err := r.settled(ctx, rows)
	if err != nil {
		return nil, err
	}
	lasting, err := r.lasting(ctx, rows)
	if err != nil {
		return nil, err
	}
	peers, err := r.peers(ctx, rows)
	if err != nil {
		return nil, err
	}
	var p plan
	for _, row := range rows {
		p.add(row, listeners{r.to.SubscribersOf(row.Kind, row.Name), peers[rowType{row.Kind, row.Name}], lasting[row.Name]}, settled)
	}
	slices.SortStableFunc(p.deliveries, func(a, b Delivery) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return p.deliveries, r.settle(ctx, p)
}

// add decides about one row.
func (p *plan) add(row claimedRow, to listeners, settled map[receiptKey]receiptState) {
	recorded, first := row.recorded(), false
	if recorded == nil {
		recorded, first = to.all(row), true
	}
	open, live := 0, 0
	var awaited []string
	for _, subscriber := range recorded {
		state := settled[receiptKey{row.ID, subscriber}]
		if state == stateDone {
			continue
		}
		open++
		if state == stateDead {
			continue
		}
		if d, ok := to.delivery(row, subscriber); ok {
			d.Alone = row.Alone || state == stateTried
			live++
			p.deliveries = append(p.deliveries, d)
		} else {
			awaited = append(awaited, subscriber)
		}
	}
	p.ids = append(p.ids, row.ID)
	p.subscribers = append(p.subscribers, listed(recorded, first))
	p.awaits = append(p.awaits, listed(awaited, len(awaited) > 0))
	p.finished, p.parked = append(p.finished, open == 0), append(p.parked, open > 0 && live == 0)
}

// listed is a list of names as JSON; nil where there is nothing to be said.
func listed(names []string, said bool) *string {
	if !said {
		return nil
	}
	list, _ := json.Marshal(names) // strings alone cannot fail
	text := string(list)
	return &text
}
