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
	longestSleep  = 5 * time.Second  // between two looks at the lease
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
	keepers := []func(ctx context.Context) error{background.UntilStopped} // without schedules there is nothing to do but to wait
	for _, schedule := range s.schedules {
		keepers = append(keepers, func(ctx context.Context) error {
			s.keep(ctx, schedule)
			return nil
		})
	}
	return background.Together(ctx, keepers...)
}

func (s *Scheduler) keep(ctx context.Context, schedule Schedule) {
	log := s.log.With(zap.String("schedule", schedule.Name))
	for registered := false; ctx.Err() == nil; {
		var err error
		wait := longestSleep
		if !registered {
			err = s.register(ctx, schedule)
			registered = err == nil
		}
		if registered {
			wait, err = s.tick(ctx, schedule, log)
		}
		if err != nil && ctx.Err() == nil {
			log.Warn("the schedule is interrupted", zap.Error(err))
			wait = longestSleep
		}
		background.Pause(ctx, wait)
	}
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

// tick runs the schedule if it is due and nobody else does, and returns how long to sleep.
func (s *Scheduler) tick(ctx context.Context, schedule Schedule, log *zap.Logger) (time.Duration, error) {
	claimed := s.db.Conn(ctx).Exec(`
		UPDATE schedule_leases SET leased_until = now() + make_interval(secs => ?), leased_by = ?
		WHERE name = ? AND next_at <= now() AND (leased_until IS NULL OR leased_until <= now())`,
		scheduleLease.Seconds(), s.instance, schedule.Name)
	if claimed.Error != nil {
		return 0, claimed.Error
	}
	if claimed.RowsAffected == 1 {
		failure := s.runLeased(ctx, schedule)
		interrupted := failure != nil && ctx.Err() != nil
		if failure != nil && !interrupted {
			log.Error("the scheduled run failed", withStack(failure)...)
		}
		if err := s.release(ctx, schedule, interrupted); err != nil {
			return 0, err
		}
	}
	return s.untilNext(ctx, schedule)
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
	return schedule.Run(ctx)
}

var errLeaseLost = errors.New("tasks: the schedule's lease is lost")

func (s *Scheduler) renew(ctx context.Context, name string, lost context.CancelCauseFunc) {
	tick := time.NewTicker(scheduleLease / 5)
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
		case held.Error == nil || time.Since(renewed) > scheduleLease*4/5:
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

func (s *Scheduler) untilNext(ctx context.Context, schedule Schedule) (time.Duration, error) {
	var seconds float64
	err := s.db.Conn(ctx).Raw(`
		SELECT extract(epoch FROM greatest(next_at, leased_until) - now())::float8 FROM schedule_leases WHERE name = ?`,
		schedule.Name).Scan(&seconds).Error
	if err != nil {
		return 0, err
	}
	return min(max(time.Duration(seconds*float64(time.Second)), 10*time.Millisecond), longestSleep), nil
}
