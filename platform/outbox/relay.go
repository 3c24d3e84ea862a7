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
	Elsewhere  *Handler // how another process has it, where this one does not
}

const (
	parallel    = 8 // deliveries handed on at a time
	patientUpTo = 8 // times RequeueAfter: what waits long in Redis is not asked about every time
)

// Receivers are what a relay hands rows to. A row whose receiver fails comes again.
type Receivers struct {
	SubscribersOf func(kind, name string) []string                            // who listens here and now
	Enqueue       func(ctx context.Context, d Delivery) error                 // may get the same delivery more than once
	Drop          func(ctx context.Context, payloads []json.RawMessage) error // repeats Drops of caches; idempotent. Nil where there is no cache
}

// Relay takes rows that are due and hands them on, one Delivery per subscriber that has no receipt yet. Several may run at once.
type Relay struct {
	db  *database.DB
	to  Receivers
	log *zap.Logger
	cfg Config
}

func NewRelay(db *database.DB, to Receivers, log *zap.Logger, cfg Config) *Relay {
	return &Relay{db: db, to: to, log: log, cfg: cfg}
}

// Run works until ctx ends, then returns nil. It is woken by commits and looks by itself every SweepInterval. A database or a
// Redis that is away is a warning in the log; the next look tries again.
func (r *Relay) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	return background.Together(ctx, func(ctx context.Context) error {
		return r.db.Listen(ctx, channel, func(string) {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
	}, func(ctx context.Context) error {
		r.sweep(ctx, wake)
		return nil
	}, func(ctx context.Context) error { // beside the sweep: rows are handed on while receipts are locked
		return background.Every(ctx, r.cfg.SweepInterval, r.log, "look for lapsed claims", r.revive)
	}, func(ctx context.Context) error {
		return background.Every(ctx, r.cfg.unparkEvery(), r.log, "look for parked work that can go on", r.unpark)
	}, func(ctx context.Context) error { // what a build before has parked says of nobody that it waits for
		return background.Every(ctx, time.Minute, r.log, "look for work that another build has parked", r.Resume)
	}, func(ctx context.Context) error {
		return background.Every(ctx, time.Minute, r.log, "count what is parked", r.alarm)
	})
}

// unparkEvery is how soon parked work goes on once somebody arrives who can do it.
func (c Config) unparkEvery() time.Duration { return min(5*c.SweepInterval, heartbeat) }

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
	return taken.Rows, errors.Join(r.drop(ctx, taken.drops), r.handOn(ctx, taken.Deliveries))
}

// Batch is what a relay took at once.
type Batch struct {
	Rows       int        // how many there were
	Deliveries []Delivery // to be handed on, oldest first
	drops      []claimedRow
}

// Take takes one batch of due rows. It also finishes rows that nobody waits for, and parks those that nobody here can take on.
func (r *Relay) Take(ctx context.Context) (taken Batch, err error) {
	err = r.db.InTx(ctx, func(ctx context.Context) error {
		claimed, err := r.claim(ctx)
		if err != nil {
			return err
		}
		taken = Batch{Rows: len(claimed)}
		for _, row := range claimed {
			if row.Kind == KindDrop {
				taken.drops = append(taken.drops, row)
			}
		}
		claimed = slices.DeleteFunc(claimed, func(row claimedRow) bool { return row.Kind == KindDrop })
		taken.Deliveries, err = r.route(ctx, claimed)
		return err
	})
	return taken, err
}

// drop repeats Drops, all at once, and removes their rows. Where that fails they are due again soon.
func (r *Relay) drop(ctx context.Context, rows []claimedRow) error {
	if len(rows) == 0 {
		return nil
	}
	ids, payloads := make([]uuid.UUID, len(rows)), make([]json.RawMessage, len(rows))
	for i, row := range rows {
		ids[i], payloads[i] = row.ID, row.Payload
	}
	if r.to.Drop != nil {
		if err := r.to.Drop(ctx, payloads); err != nil {
			return errors.Join(fmt.Errorf("outbox: %d Drops wait: %w", len(rows), err), r.postpone(context.WithoutCancel(ctx), ids))
		}
	}
	return r.remove(ctx, ids)
}

// handOn enqueues. After the first failure it stops, and what was not handed on is due again soon.
func (r *Relay) handOn(ctx context.Context, deliveries []Delivery) error {
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	handed := make([]bool, len(deliveries))
	for i, d := range deliveries {
		group.Go(func() error {
			if inGroup.Err() != nil {
				return inGroup.Err()
			}
			err := r.to.Enqueue(inGroup, d)
			handed[i] = err == nil
			return err
		})
	}
	failure := group.Wait()
	if failure == nil {
		return nil
	}
	var waiting []uuid.UUID
	for i, d := range deliveries {
		if !handed[i] {
			waiting = append(waiting, d.ID)
		}
	}
	if err := r.postpone(context.WithoutCancel(ctx), waiting); err != nil {
		return err
	}
	return fmt.Errorf("outbox: %d deliveries wait: %w", len(waiting), failure)
}

// plan is what becomes of one batch.
type plan struct {
	deliveries []Delivery
	finished   []uuid.UUID            // nobody is left to wait for
	parked     []uuid.UUID            // no living worker has those who are left, or they have given up
	awaiting   map[string][]uuid.UUID // rows by whom they wait for that no living worker has, as JSON
	unrecorded map[string][]uuid.UUID // rows dispatched for the first time, by their subscribers as JSON
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
	p := plan{unrecorded: map[string][]uuid.UUID{}, awaiting: map[string][]uuid.UUID{}}
	for _, row := range rows {
		p.add(row, listeners{r.to.SubscribersOf(row.Kind, row.Name), peers[rowType{row.Kind, row.Name}], lasting[row.Name]}, settled)
	}
	slices.SortStableFunc(p.deliveries, func(a, b Delivery) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return p.deliveries, r.settle(ctx, p)
}

// add decides about one row.
func (p *plan) add(row claimedRow, to listeners, settled map[receiptKey]receiptState) {
	recorded := row.recorded()
	if recorded == nil {
		recorded = to.all(row)
		note(p.unrecorded, recorded, row.ID)
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
			live++
			p.deliveries = append(p.deliveries, d)
		} else {
			awaited = append(awaited, subscriber)
		}
	}
	switch {
	case open == 0:
		p.finished = append(p.finished, row.ID)
	case live == 0:
		p.parked = append(p.parked, row.ID)
	}
	if len(awaited) > 0 {
		note(p.awaiting, awaited, row.ID)
	}
}

// note enters a row under a list of names.
func note(lists map[string][]uuid.UUID, names []string, id uuid.UUID) {
	list, _ := json.Marshal(names) // strings alone cannot fail
	lists[string(list)] = append(lists[string(list)], id)
}
