package tasks_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/outbox"
	"atrium/platform/redistest"
	"atrium/platform/tasks"
)

func TestPolling_EmptyQueuesAreAskedForTogether(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rdb := redistest.Open(t)
	sent := redistest.Count(rdb)
	var handlers []tasks.Handler
	for _, module := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		for _, queue := range []string{"critical", "default", "low"} {
			handlers = append(handlers, tasks.Subscriber(module+"."+queue, func(context.Context, uuid.UUID, placed) error { return nil }, tasks.Queue(queue)))
		}
	}
	cfg := quickTasks
	cfg.PollInterval = 10 * time.Millisecond
	runner, err := tasks.NewRunner(b.db, rdb, handlers, cfg, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, runner.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, runner.Stop(context.WithoutCancel(t.Context()))) })
	window := func() (scripts int) {
		began, polls := sent.Sent("evalsha"), sent.Sent()
		b.eventually(func() bool { return sent.Sent() > polls+100 })
		return sent.Sent("evalsha") - began
	}
	// At the start asynq looks once for what others left. Asked one by one, nearly all of a hundred would be scripts.
	b.eventually(func() bool { return window() < 10 })

	b.publish(0, 1)
	require.NoError(t, runner.Enqueue(t.Context(), []outbox.Delivery{{ID: b.onlyID(), Kind: outbox.KindEvent, Name: placed{}.EventName(),
		Subscriber: "g.low", Payload: []byte(`{}`)}}))
	b.eventually(func() bool {
		return b.number("SELECT count(*) FROM event_receipts WHERE subscriber = 'g.low' AND done_at IS NOT NULL") == 1
	})
}
