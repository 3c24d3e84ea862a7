package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"

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
	Trace      string // W3C traceparent, or ""
}

const (
	parallel    = 8 // deliveries handed on at a time
	patientUpTo = 8 // times RequeueAfter: what waits long in Redis is not asked about every time
)

// Relay takes rows that are due and hands them on, one Delivery per subscriber that has no receipt yet. Several may run at once.
type Relay struct {
	db            *database.DB
	subscribersOf func(kind, name string) []string
	enqueue       func(ctx context.Context, d Delivery) error
	log           *zap.Logger
	cfg           Config
}

// NewRelay makes a relay. subscribersOf names who listens here and now; enqueue hands a delivery on and may do so more than once
// with the same one. A failed enqueue is tried again.
func NewRelay(db *database.DB, subscribersOf func(kind, name string) []string,
	enqueue func(ctx context.Context, d Delivery) error, log *zap.Logger, cfg Config) *Relay {
	return &Relay{db: db, subscribersOf: subscribersOf, enqueue: enqueue, log: log, cfg: cfg}
}

// Run works until ctx ends, then returns nil. It is woken by commits and looks by itself every SweepInterval.
func (r *Relay) Run(ctx context.Context) error {
	wake := make(chan struct{}, 1)
	listening := make(chan error, 1)
	go func() {
		listening <- r.db.Listen(ctx, channel, func(string) {
			select {
			case wake <- struct{}{}:
			default:
			}
		})
	}()
	sweep := time.NewTicker(r.cfg.SweepInterval)
	defer sweep.Stop()
	for resumed := false; ctx.Err() == nil; {
		if !resumed {
			resumed = r.noted(ctx, r.Resume(ctx))
		}
		r.noted(ctx, r.drain(ctx))
		select {
		case <-ctx.Done():
		case <-wake:
		case <-sweep.C:
		}
	}
	return <-listening
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
	deliveries, rows, err := r.Take(ctx)
	if err != nil {
		return 0, err
	}
	return rows, r.handOn(ctx, deliveries)
}

// Take takes one batch of due rows (how many: rows) and returns what is to be handed on, oldest first. It also finishes rows
// that nobody waits for, and parks those that nobody here can take on.
func (r *Relay) Take(ctx context.Context) (deliveries []Delivery, rows int, err error) {
	err = r.db.InTx(ctx, func(ctx context.Context) error {
		claimed, err := r.claim(ctx)
		if err != nil {
			return err
		}
		rows = len(claimed)
		deliveries, err = r.route(ctx, claimed)
		return err
	})
	return deliveries, rows, err
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
			err := r.enqueue(inGroup, d)
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
	parked     []uuid.UUID            // those who are left are off here, or have given up
	unrecorded map[string][]uuid.UUID // rows dispatched for the first time, by their subscribers as JSON
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
	p := plan{unrecorded: map[string][]uuid.UUID{}}
	for _, row := range rows {
		p.add(row, r.subscribersOf(row.Kind, row.Name), lasting[row.Name], settled)
	}
	slices.SortStableFunc(p.deliveries, func(a, b Delivery) int { return bytes.Compare(a.ID[:], b.ID[:]) })
	return p.deliveries, r.settle(ctx, p)
}

// add decides about one row. here is who listens in this process, lasting who must hear of it wherever they are.
func (p *plan) add(row claimedRow, here, lasting []string, settled map[receiptKey]receiptState) {
	recorded := row.recorded()
	if recorded == nil {
		recorded = append([]string{}, here...) // not nil: recorded, even if there is none
		for _, subscriber := range lasting {
			if !slices.Contains(recorded, subscriber) {
				recorded = append(recorded, subscriber)
			}
		}
		if row.Kind == KindTask {
			recorded = []string{row.Name} // its one handler, even while that is switched off
		}
		list, _ := json.Marshal(recorded) // strings alone cannot fail
		p.unrecorded[string(list)] = append(p.unrecorded[string(list)], row.ID)
	}
	open, live := 0, 0
	for _, subscriber := range recorded {
		state := settled[receiptKey{row.ID, subscriber}]
		if state == stateDone {
			continue
		}
		open++
		if state == stateOpen && slices.Contains(here, subscriber) {
			live++
			p.deliveries = append(p.deliveries, row.delivery(subscriber))
		}
	}
	switch {
	case open == 0:
		p.finished = append(p.finished, row.ID)
	case live == 0:
		p.parked = append(p.parked, row.ID)
	}
}
