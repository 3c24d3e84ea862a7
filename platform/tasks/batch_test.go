package tasks_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/outbox"
	"atrium/platform/redistest"
	"atrium/platform/tasks"
)

func TestWorker_ABatchIsOneRunAndABadEventIsGivenUpAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var mu sync.Mutex
	var sizes []int
	count := tasks.BatchSubscriber("orders.count", func(ctx context.Context, events []placed) error {
		mu.Lock()
		sizes = append(sizes, len(events))
		mu.Unlock()
		for _, e := range events {
			if e.Number == 7 {
				return errors.New("seven is bad")
			}
			if err := record(b.db, "orders.count")(ctx, uuid.Nil, e); err != nil {
				return err
			}
		}
		return nil
	}, tasks.MaxRetry(0))
	b.publish(0, 50)
	b.publish(100, 250)
	b.work(redistest.URL(t), count)
	b.eventually(func() bool { return b.number("SELECT count(*) FROM work") == 199 })
	b.eventually(func() bool { return b.number("SELECT count(*) FROM outbox WHERE finished_at IS NULL") == 1 })
	require.Equal(t, 199, b.number("SELECT count(DISTINCT number) FROM work"))
	require.Equal(t, 1, b.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL AND last_error LIKE '%seven%'"))
	mu.Lock()
	defer mu.Unlock()
	require.Contains(t, sizes, 100)
	require.Less(t, len(sizes), 199, "most came together")
}

func TestRegistry_BatchesAndSingleRunsAtOnceAreOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const events = 60
	b.publish(0, events)
	registry, err := tasks.NewRegistry(b.db, []tasks.Handler{tasks.BatchSubscriber("orders.count", func(ctx context.Context, events []placed) error {
		for _, e := range events {
			if err := record(b.db, "orders.count")(ctx, uuid.Nil, e); err != nil {
				return err
			}
		}
		return b.db.Conn(ctx).Exec("SELECT pg_sleep(0.02)").Error
	})})
	require.NoError(t, err)
	relay := outbox.NewRelay(b.db, outbox.Receivers{SubscribersOf: registry.SubscribersOf}, zap.NewNop(), outbox.Config{BatchSize: 100, RequeueAfter: time.Hour})
	taken, err := relay.Take(t.Context())
	require.NoError(t, err)
	all := taken.Deliveries
	require.Len(t, all, events)
	// What was handed on by a relay that died, and again by the next: together, in parts, and one by one.
	var runs sync.WaitGroup
	for _, batch := range [][]outbox.Delivery{all, all[:20], all[10:50], all[30:]} {
		runs.Go(func() { require.NoError(t, registry.RunBatch(t.Context(), "orders.count", batch)) })
	}
	for _, d := range all {
		runs.Go(func() { require.NoError(t, registry.Run(t.Context(), d)) })
	}
	runs.Wait()
	require.Equal(t, events, b.number("SELECT count(*) FROM work"))
	require.Equal(t, events, b.number("SELECT count(DISTINCT number) FROM work"))
	require.Zero(t, b.number("SELECT count(*) FROM outbox"))
}
