package tasks_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/trace"

	"atrium/platform/breaker"
	"atrium/platform/dbtest"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

func (b bench) onlyID() (id uuid.UUID) {
	b.Helper()
	require.NoError(b, b.db.Conn(b.Context()).Raw("SELECT id FROM outbox").Row().Scan(&id))
	return id
}

func TestRegistry_ADuplicateDeliveryDoesNothing(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var told atomic.Int32
	registry, err := tasks.NewRegistry(b.db, []tasks.Handler{
		tasks.Subscriber("orders.count", record(b.db, "orders.count")),
		tasks.Effect("orders.tell", func(context.Context, uuid.UUID, placed) error { told.Add(1); return nil }),
	})
	require.NoError(t, err)
	b.publish(0, 1)
	id := b.onlyID()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			require.NoError(t, registry.Run(t.Context(), delivery(id, "orders.count")))
			_ = registry.Run(t.Context(), delivery(id, "orders.tell")) // one works, the others are put off
		})
	}
	all.Wait()
	require.NoError(t, registry.Run(t.Context(), delivery(id, "orders.tell")))
	b.exactly("orders.count", 1)
	require.EqualValues(t, 1, told.Load())
}

func TestRegistry_ASubscribersFailureLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	broken := true
	count := tasks.Subscriber("orders.count", func(ctx context.Context, id uuid.UUID, e placed) error {
		if err := record(b.db, "orders.count")(ctx, id, e); err != nil || !broken {
			return err
		}
		return errors.New("broken")
	})
	b.publish(0, 1)
	ran := taskstest.Try(t, b.db, count)
	require.Len(t, ran, 1)
	require.ErrorContains(t, ran[0].Err, "broken")
	require.Zero(t, b.number("SELECT count(*) FROM work"))
	broken = false
	taskstest.Drain(t, b.db, count)
	b.exactly("orders.count", 1)
}

func TestRegistry_AProcessThatDiedLeavesItsLeaseToLapse(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	b.publish(0, 1)
	id := b.onlyID()
	tell := tasks.Effect("orders.tell", record(b.db, "orders.tell"), tasks.MaxRetry(1))
	receipts := outbox.NewReceipts(b.db)
	_, err := receipts.Claim(t.Context(), "orders.tell", id, time.Hour) // and dies
	require.NoError(t, err)
	require.Error(t, taskstest.Try(t, b.db, tell)[0].Err, "put off")

	lapse := func() {
		require.NoError(t, b.db.Conn(t.Context()).Exec("UPDATE event_receipts SET claimed_until = '2000-01-01'").Error)
	}
	lapse()
	taskstest.Drain(t, b.db, tell)
	b.exactly("orders.tell", 1)

	t.Run("and after too many of them it is given up without a run", func(t *testing.T) {
		require.NoError(t, b.db.Conn(t.Context()).Exec("DELETE FROM work; DELETE FROM outbox; DELETE FROM event_receipts").Error)
		b.publish(0, 1)
		for range 2 {
			_, err := receipts.Claim(t.Context(), "orders.tell", b.onlyID(), time.Hour)
			require.NoError(t, err)
			lapse()
		}
		require.Error(t, taskstest.Try(t, b.db, tell)[0].Err)
		require.Equal(t, 1, b.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL"))
		require.Zero(t, b.number("SELECT count(*) FROM work"))
	})
}

func TestRegistry_TimeoutAndTraceReachTheHandler(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled})
	require.NoError(t, b.db.InTx(trace.ContextWithSpanContext(t.Context(), parent), func(ctx context.Context) error {
		return b.out.Enqueue(ctx, cleanup{Number: 5})
	}))
	var deadline time.Time
	var traced trace.TraceID
	ran := taskstest.Drain(t, b.db, tasks.Job(func(ctx context.Context, _ uuid.UUID, task cleanup) error {
		require.Equal(t, 5, task.Number)
		deadline, _ = ctx.Deadline()
		traced = trace.SpanContextFromContext(ctx).TraceID()
		return nil
	}, tasks.Timeout(time.Minute)))
	require.Len(t, ran, 1)
	require.WithinDuration(t, time.Now().Add(time.Minute), deadline, 20*time.Second)
	require.Equal(t, parent.TraceID(), traced)
}

func TestDrain_RunsWhatHandlersPublish(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	b.publish(0, 2)
	b.enqueue(9, outbox.At(time.Now().Add(time.Hour)))
	chain := tasks.Subscriber("orders.chain", func(ctx context.Context, _ uuid.UUID, e placed) error {
		return b.out.Enqueue(ctx, cleanup(e))
	})
	ran := taskstest.Drain(t, b.db, chain, job())
	require.Equal(t, []string{"orders.chain", "orders.chain", "orders.cleanup", "orders.cleanup"}, names(ran))
	require.Equal(t, []placed{{0}, {1}}, taskstest.Events[placed](t, b.db))
	require.Equal(t, []cleanup{{9}, {0}, {1}}, taskstest.Tasks[cleanup](t, b.db))
	require.WithinDuration(t, time.Now().Add(time.Hour), taskstest.Due[cleanup](t, b.db)[0], time.Minute)

	taskstest.Ripen(t, b.db)
	require.Equal(t, []string{"orders.cleanup"}, names(taskstest.Drain(t, b.db, chain, job())))
	require.Empty(t, taskstest.Drain(t, b.db, chain, job()))
}

func names(ran []taskstest.Ran) (all []string) {
	for _, r := range ran {
		all = append(all, r.Handler)
	}
	return all
}

func TestRegistry_EnlistsLastingSubscribers(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	forget := tasks.Subscriber("orders.forget", record(b.db, "orders.forget"), tasks.Lasting())
	hear := tasks.Subscriber("posts.hear", record(b.db, "posts.hear"))
	both, err := tasks.NewRegistry(b.db, []tasks.Handler{forget, hear})
	require.NoError(t, err)
	require.NoError(t, both.Enlist(t.Context()))

	b.publish(0, 1) // while orders is off
	taskstest.Drain(t, b.db, hear)
	b.exactly("posts.hear", 1)
	b.exactly("orders.forget", 0)
	taskstest.Drain(t, b.db, forget, hear)
	b.exactly("posts.hear", 1)
	b.exactly("orders.forget", 1)

	_, err = tasks.NewRegistry(b.db, []tasks.Handler{tasks.Job(func(context.Context, uuid.UUID, cleanup) error { return nil }, tasks.Lasting())})
	require.ErrorContains(t, err, "only a subscriber can be lasting")
}

// A service that counts as down was not asked: however often that happens, the task has all its tries left.
func TestFault_R9_ARefusalOfTheBreakerIsNotATry(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	b.enqueue(1)
	failure := fmt.Errorf("mail: %w", breaker.ErrRefused)
	send := tasks.Job(func(context.Context, uuid.UUID, cleanup) error { return failure }, tasks.MaxRetry(1))
	for range 5 {
		require.ErrorIs(t, taskstest.Try(t, b.db, send)[0].Err, breaker.ErrRefused)
		require.Equal(t, 1, b.number("SELECT count(*) FROM event_receipts WHERE tries = 0 AND dead_at IS NULL AND claimed_until IS NULL"))
	}
	failure = errors.New("a real answer")
	require.Error(t, taskstest.Try(t, b.db, send)[0].Err)
	require.Zero(t, b.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL"), "the first try of two")
	require.Error(t, taskstest.Try(t, b.db, send)[0].Err)
	require.Equal(t, 1, b.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL"))
}
