package tasks

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/platform/background"
	"atrium/platform/database"
)

// Schedule runs something every so often on exactly one instance, by lease; a missed tick is caught up once.
// name is "<module>.<what>".
type Schedule struct {
	Name  string
	Every time.Duration
	Run   func(ctx context.Context) error
}

const (
	scheduleLease = 15 * time.Second // renewed while a run lasts; how late another instance notices a death
	longestSleep  = 5 * time.Second  // between two looks at the leases
	// turn is how long an instance goes on under one lease with what comes more often than that.
	turn = 30 * time.Second
)

// Scheduler runs schedules, one instance at a time.
type Scheduler struct {
	db        *database.DB
	schedules []Schedule
	log       *zap.Logger
	instance  uuid.UUID
}

// NewScheduler makes a scheduler. It refuses two schedules of one name and one that never comes, with a sentence.
func NewScheduler(db *database.DB, schedules []Schedule, log *zap.Logger) (*Scheduler, error) {
	seen := map[string]bool{}
	for _, s := range schedules {
		switch {
		case seen[s.Name]:
			return nil, fmt.Errorf("two schedules are named %s: each needs a name of its own", s.Name)
		case s.Every <= 0:
			return nil, fmt.Errorf("schedule %s needs a positive interval", s.Name)
		}
		seen[s.Name] = true
	}
	return &Scheduler{db: db, schedules: schedules, log: log, instance: uuid.New()}, nil
}

// Run works until ctx ends, waits for what is running (its context has ended too), and returns nil. A schedule is due at its
// very first start, then every interval. A run that fails is logged and comes again at its next tick; the others do not
// notice.
func (s *Scheduler) Run(ctx context.Context) error {
	idle := map[string]Schedule{} // those that do not run here now
	for _, schedule := range s.schedules {
		idle[schedule.Name] = schedule
	}
	registered := map[string]bool{}
	ended := make(chan Schedule)
	var running sync.WaitGroup
	defer running.Wait()
	for ctx.Err() == nil {
		due, wait, err := s.look(ctx, idle, registered)
		if err != nil && ctx.Err() == nil {
			s.log.Warn("the schedules are interrupted", zap.Error(err))
		}
		for _, name := range due {
			schedule := idle[name]
			delete(idle, name)
			running.Go(func() {
				s.runDue(ctx, schedule)
				select {
				case ended <- schedule:
				case <-ctx.Done():
				}
			})
		}
		select {
		case <-ctx.Done():
		case schedule := <-ended:
			idle[schedule.Name] = schedule
		case <-time.After(wait):
		}
	}
	return nil
}

// look registers what is not registered yet, leases those of the idle schedules that are due and that nobody else runs, and returns
// their names, and how long it takes until there may be more.
func (s *Scheduler) look(ctx context.Context, idle map[string]Schedule, registered map[string]bool) (due []string, wait time.Duration, err error) {
	var names []string
	for name, schedule := range idle {
		if !registered[name] {
			if err := s.register(ctx, schedule); err != nil {
				return nil, longestSleep, err
			}
			registered[name] = true
		}
		names = append(names, name)
	}
	if len(names) == 0 {
		return nil, longestSleep, nil
	}
	return s.lease(ctx, names)
}

// lease is one statement, however many schedules there are.
func (s *Scheduler) lease(ctx context.Context, names []string) (due []string, wait time.Duration, err error) {
	var rows []struct {
		Name  string
		Due   bool
		After float64 // seconds
	}
	err = s.db.Conn(ctx).Raw(`
		WITH due AS (
			SELECT name FROM schedule_leases WHERE name = ANY(@names) AND next_at <= now() AND (leased_until IS NULL OR leased_until <= now())
			ORDER BY name FOR UPDATE SKIP LOCKED),
		leased AS (
			UPDATE schedule_leases l SET leased_until = now() + make_interval(secs => @lease), leased_by = @instance
			FROM due WHERE l.name = due.name RETURNING l.name)
		SELECT l.name, leased.name IS NOT NULL AS due, extract(epoch FROM greatest(l.next_at, l.leased_until) - now())::float8 AS after
		FROM schedule_leases l LEFT JOIN leased ON leased.name = l.name WHERE l.name = ANY(@names)`,
		map[string]any{"lease": scheduleLease.Seconds(), "instance": s.instance, "names": database.Array(names)}).Scan(&rows).Error
	if err != nil {
		return nil, longestSleep, err
	}
	wait = longestSleep
	for _, row := range rows {
		if row.Due {
			due = append(due, row.Name)
		} else {
			wait = min(wait, max(time.Duration(row.After*float64(time.Second)), 10*time.Millisecond))
		}
	}
	return due, wait, nil
}

// register makes the lease row, and brings a tick nearer if the interval has become shorter.
func (s *Scheduler) register(ctx context.Context, schedule Schedule) error {
	err := s.db.Conn(ctx).Exec(`
		INSERT INTO schedule_leases AS l (name, next_at) VALUES (?, now())
		ON CONFLICT (name) DO UPDATE SET next_at = now() + make_interval(secs => ?)
		WHERE l.next_at > now() + make_interval(secs => ?)`,
		schedule.Name, schedule.Every.Seconds(), schedule.Every.Seconds()).Error
	if err != nil {
		return fmt.Errorf("tasks: register schedule: %w", err)
	}
	return nil
}

// runDue runs a schedule that this instance has leased.
func (s *Scheduler) runDue(ctx context.Context, schedule Schedule) {
	log := s.log.With(zap.String("schedule", schedule.Name))
	failure := s.runLeased(ctx, schedule)
	interrupted := failure != nil && ctx.Err() != nil
	if failure != nil && !interrupted {
		log.Error("the scheduled run failed", withStack(failure)...)
	}
	if err := s.release(ctx, schedule, interrupted); err != nil {
		log.Warn("the schedule is interrupted", zap.Error(err)) // its lease lapses
	}
}

// runLeased runs with a lease that is renewed meanwhile; if it is lost, the run's context ends.
func (s *Scheduler) runLeased(ctx context.Context, schedule Schedule) (err error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var renewing sync.WaitGroup
	renewing.Go(func() { s.renew(ctx, schedule.Name, cancel) })
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{value: p, stack: debug.Stack()}
		}
		cancel(nil)
		renewing.Wait()
	}()
	return schedule.runTurn(ctx)
}

// runTurn runs a schedule once, or again and again where it comes often: to give the lease away each time would cost more than the run.
func (s Schedule) runTurn(ctx context.Context) error {
	ends := time.Now().Add(turn - s.Every)
	for again := true; again; again = ctx.Err() == nil {
		began := time.Now()
		if err := s.Run(ctx); err != nil || began.After(ends) {
			return err
		}
		background.Pause(ctx, s.Every-time.Since(began))
	}
	return nil
}

var errLeaseLost = errors.New("tasks: the schedule's lease is lost")

func (s *Scheduler) renew(ctx context.Context, name string, lost context.CancelCauseFunc) {
	tick := time.NewTicker(scheduleLease / 3)
	defer tick.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		held := s.db.Conn(ctx).Exec(`
			UPDATE schedule_leases SET leased_until = now() + make_interval(secs => ?) WHERE name = ? AND leased_by = ?`,
			scheduleLease.Seconds(), name, s.instance)
		switch {
		case held.Error == nil && held.RowsAffected == 1:
			renewed = time.Now()
		case held.Error == nil || time.Since(renewed) > scheduleLease-scheduleLease/3:
			lost(errLeaseLost)
			return
		}
	}
}

// release ends the lease and sets the next tick: the first one to come, so that missed ones are caught up by the run just
// made. A run that was interrupted by the end of this process is left due for another instance.
func (s *Scheduler) release(ctx context.Context, schedule Schedule, interrupted bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	every := schedule.Every.Seconds()
	return s.db.Conn(ctx).Exec(`
		UPDATE schedule_leases SET leased_until = NULL, leased_by = NULL, next_at = CASE WHEN ? THEN next_at ELSE
			next_at + make_interval(secs => ? * (1 + floor(extract(epoch FROM now() - next_at)::float8 / ?))) END
		WHERE name = ? AND leased_by = ?`, interrupted, every, every, schedule.Name, s.instance).Error
}
