package tasks_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/dbtest"
	"atrium/platform/tasks"
)

// instances starts n schedulers and returns what ends them.
func (b bench) instances(n int, schedules ...tasks.Schedule) (stop func()) {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for range n {
		s, err := tasks.NewScheduler(b.db, schedules, zap.NewNop())
		require.NoError(b, err)
		running.Go(func() { _ = s.Run(ctx) })
	}
	stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
	})
	b.Cleanup(stop)
	return stop
}

// makeDue lets a schedule's time come, and says how many ticks it has missed.
func (b bench) makeDue(name string, every time.Duration, missed int) {
	b.Helper()
	require.NoError(b, b.db.Conn(b.Context()).Exec(
		"UPDATE schedule_leases SET next_at = now() - make_interval(secs => ?) WHERE name = ?", every.Seconds()*float64(missed), name).Error)
}

func (b bench) waitsForNext(name string) bool {
	return b.number("SELECT count(*) FROM schedule_leases WHERE name = ? AND next_at > now() AND leased_by IS NULL", name) == 1
}

func TestScheduler_ThreeInstancesRunATickOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var runs, atOnce atomic.Int32
	b.instances(3, tasks.Schedule{Name: "orders.expire", Every: time.Hour, Run: func(ctx context.Context) error {
		require.EqualValues(t, 1, atOnce.Add(1))
		defer atOnce.Add(-1)
		runs.Add(1)
		return b.db.Conn(ctx).Exec("SELECT pg_sleep(0.2)").Error
	}})
	b.eventually(func() bool { return b.waitsForNext("orders.expire") })
	require.EqualValues(t, 1, runs.Load())

	b.makeDue("orders.expire", time.Hour, 5)
	b.eventually(func() bool { return runs.Load() == 2 && b.waitsForNext("orders.expire") })
	require.EqualValues(t, 2, runs.Load(), "five missed ticks are caught up by one run")
}

func TestScheduler_AFailureOrPanicStopsNobody(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var failed, panicked, fine atomic.Int32
	b.instances(1,
		tasks.Schedule{Name: "orders.fail", Every: 50 * time.Millisecond, Run: func(context.Context) error { failed.Add(1); return errors.New("no") }},
		tasks.Schedule{Name: "orders.panic", Every: 50 * time.Millisecond, Run: func(context.Context) error { panicked.Add(1); panic("no") }},
		tasks.Schedule{Name: "orders.fine", Every: 50 * time.Millisecond, Run: func(context.Context) error { fine.Add(1); return nil }})
	b.eventually(func() bool { return min(failed.Load(), panicked.Load(), fine.Load()) >= 3 })
}

func TestScheduler_TakesOverFromOneThatDied(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.db.Conn(t.Context()).Exec(`INSERT INTO schedule_leases (name, next_at, leased_until, leased_by)
		VALUES ('orders.expire', now(), now() + interval '1 second', gen_random_uuid())`).Error)
	var runs atomic.Int32
	b.instances(2, tasks.Schedule{Name: "orders.expire", Every: time.Hour, Run: func(context.Context) error { runs.Add(1); return nil }})
	b.eventually(func() bool { return b.waitsForNext("orders.expire") })
	require.EqualValues(t, 1, runs.Load())
}

func TestScheduler_AnInterruptedRunIsLeftDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began := make(chan struct{})
	stop := b.instances(1, tasks.Schedule{Name: "orders.expire", Every: time.Hour, Run: func(ctx context.Context) error {
		close(began)
		<-ctx.Done()
		return ctx.Err()
	}})
	<-began
	stop()
	require.Equal(t, 1, b.number("SELECT count(*) FROM schedule_leases WHERE next_at <= now() AND leased_by IS NULL"))
}

func TestScheduler_AShorterIntervalTakesEffectAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.db.Conn(t.Context()).Exec(
		"INSERT INTO schedule_leases (name, next_at) VALUES ('orders.expire', now() + interval '1 year')").Error)
	b.instances(1, tasks.Schedule{Name: "orders.expire", Every: time.Hour, Run: func(context.Context) error { return nil }})
	b.eventually(func() bool {
		return b.number("SELECT count(*) FROM schedule_leases WHERE next_at < now() + interval '2 hours'") == 1
	})
}

func TestNewScheduler_RefusesWithASentence(t *testing.T) {
	t.Parallel()
	db := dbtest.Tx(t)
	one := tasks.Schedule{Name: "orders.expire", Every: time.Hour}
	_, err := tasks.NewScheduler(db, []tasks.Schedule{one, one}, zap.NewNop())
	require.ErrorContains(t, err, "two schedules are named orders.expire")
	_, err = tasks.NewScheduler(db, []tasks.Schedule{{Name: "orders.never"}}, zap.NewNop())
	require.ErrorContains(t, err, "positive interval")
}

func TestScheduler_WhatComesOftenKeepsItsLease(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var leases sync.Map
	var runs atomic.Int32
	b.instances(2, tasks.Schedule{Name: "orders.often", Every: 10 * time.Millisecond, Run: func(ctx context.Context) error {
		var lease string
		err := b.db.Conn(ctx).Raw("SELECT leased_by::text || next_at::text FROM schedule_leases WHERE name = 'orders.often'").Scan(&lease).Error
		leases.Store(lease, true)
		runs.Add(1)
		return err
	}})
	b.eventually(func() bool { return runs.Load() >= 20 })
	different := 0
	leases.Range(func(any, any) bool { different++; return true })
	require.Equal(t, 1, different, "twenty runs are one turn")
}
