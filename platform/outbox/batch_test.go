package outbox_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"atrium/platform/dbtest"
	"atrium/platform/outbox"
)

// batching is a relay whose subscriber takes batches, and what it handed on.
func (f fixture) batching(subscriber string) (relay *outbox.Relay, got *[][]outbox.Delivery) {
	got = &[][]outbox.Delivery{}
	var mu sync.Mutex
	return outbox.NewRelay(f.db, outbox.Receivers{
		SubscribersOf: func(string, string) []string { return []string{subscriber} },
		TakesBatches:  func(kind, name string) bool { return kind == outbox.KindEvent && name == subscriber },
		Enqueue: func(_ context.Context, all []outbox.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			*got = append(*got, all)
			slices.SortFunc(*got, func(a, b []outbox.Delivery) int { return len(b) - len(a) })
			return nil
		},
	}, zaptest.NewLogger(f), outbox.Config{RequeueAfter: time.Minute, BatchSize: 1000}), got
}

func (f fixture) publishMany(n int) {
	f.Helper()
	events := make([]outbox.Event, n)
	for i := range events {
		events[i] = happened{NoteID: uuid.New()}
	}
	f.publish(events...)
}

func TestRelay_HandsOnBatchesAndWhatFailedOneByOne(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	f.publishMany(105)
	relay, got := f.batching("a.one")
	require.Equal(t, 105, f.dispatch(relay))
	require.Len(t, *got, 2)
	require.Len(t, (*got)[0], 100)
	require.Len(t, (*got)[1], 5)
	failed := []uuid.UUID{(*got)[1][0].ID, (*got)[1][1].ID}
	*got = nil
	f.makeDue()
	require.Equal(t, 105, f.dispatch(relay))
	require.Len(t, *got, 2, "what nobody has come to yet comes together again")
	require.NoError(t, f.receipts.Split(t.Context(), "a.one", failed))
	*got = nil
	f.makeDue()
	require.Equal(t, 105, f.dispatch(relay))
	require.Len(t, *got, 4)
	require.Len(t, (*got)[0], 100)
	require.Len(t, (*got)[1], 3)
	require.ElementsMatch(t, failed, []uuid.UUID{(*got)[2][0].ID, (*got)[3][0].ID})

	require.NoError(t, f.db.Conn(t.Context()).Exec("INSERT INTO processes (id, works) VALUES (gen_random_uuid(), true)").Error)
	*got = nil
	f.makeDue()
	require.Equal(t, 105, f.dispatch(relay))
	require.Len(t, *got, 105, "a worker of a build before knows no batches")
}

func TestRelay_UrgentRowsFirst(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	f.publishMany(3)
	require.NoError(t, f.db.InTx(t.Context(), func(ctx context.Context) error {
		return errors.Join(f.out.Enqueue(ctx, tidy{Number: 1}), f.out.Enqueue(ctx, tidy{Number: 2}, outbox.Urgent()))
	}))
	var got []outbox.Delivery
	one := quick
	one.BatchSize = 1
	relay := f.relay(one, &got, "notes.tidy")
	f.dispatch(relay)
	require.JSONEq(t, `{"Number": 2}`, string(got[0].Payload))
	for range 4 {
		require.Equal(t, 1, f.dispatch(relay), "and everything else after it")
	}
}

func TestTakeAll_LeavesNothingOfARowThatWaitsForOne(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	f.publishMany(2)
	relay, got := f.batching("a.one")
	f.dispatch(relay)
	ids := []uuid.UUID{(*got)[0][0].ID, (*got)[0][1].ID}
	taken, err := f.receipts.TakeAll(t.Context(), "a.one", append(ids, uuid.New()))
	require.NoError(t, err)
	require.ElementsMatch(t, []outbox.Taken{{ID: ids[0], Tries: 1}, {ID: ids[1], Tries: 1}}, taken)
	require.Zero(t, f.number("SELECT count(*) FROM outbox")+f.number("SELECT count(*) FROM event_receipts"))
	taken, err = f.receipts.TakeAll(t.Context(), "a.one", ids)
	require.NoError(t, err)
	require.Empty(t, taken, "a second delivery finds nothing")
	tries, err := f.receipts.Take(t.Context(), "a.one", ids[0])
	require.NoError(t, err)
	require.Zero(t, tries, "a worker of a build before either")
}

func TestTakeAll_KeepsReceiptsWhileABuildBeforeWorks(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	f.publishMany(1)
	relay, got := f.batching("a.one")
	f.dispatch(relay)
	id := (*got)[0][0].ID
	before := uuid.New()
	require.NoError(t, f.db.Conn(t.Context()).Exec("INSERT INTO processes (id, works) VALUES (?, true)", before).Error)
	taken, err := f.receipts.TakeAll(t.Context(), "a.one", []uuid.UUID{id})
	require.NoError(t, err)
	require.Equal(t, []outbox.Taken{{ID: id, Tries: 1, Receipt: true}}, taken)
	require.Equal(t, 1, f.number("SELECT count(*) FROM event_receipts"))
}

func TestTakeAll_KeepsReceiptsWhereOthersWait(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	f.publishMany(3)
	var got []outbox.Delivery
	f.dispatch(f.relay(quick, &got, "a.one", "a.two"))
	var ids []uuid.UUID
	for _, d := range got {
		if d.Subscriber == "a.one" {
			ids = append(ids, d.ID)
		}
	}
	require.NoError(t, f.receipts.Fail(t.Context(), "a.one", ids[0], 1, errors.New("no"), true))
	require.NoError(t, f.receipts.Fail(t.Context(), "a.one", ids[1], 1, errors.New("not yet"), false))
	for _, want := range [][]outbox.Taken{{{ID: ids[1], Tries: 2, Receipt: true}, {ID: ids[2], Tries: 1, Receipt: true}}, nil} {
		taken, err := f.receipts.TakeAll(t.Context(), "a.one", ids)
		require.NoError(t, err)
		require.ElementsMatch(t, want, taken, "what was given up or is done is not taken")
	}
	require.NoError(t, f.receipts.Finish(t.Context(), ids...))
	require.Equal(t, 3, f.unfinished(), "a.two has done nothing")
	_, err := f.receipts.TakeAll(t.Context(), "a.two", ids)
	require.NoError(t, err)
	require.NoError(t, f.receipts.Finish(t.Context(), ids...))
	require.Equal(t, 1, f.unfinished(), "what a.one gave up stays")
}

func TestKeepDrop_RidesOnTheTransactionsRow(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	var order []string
	refused := true
	relay := outbox.NewRelay(f.db, outbox.Receivers{
		SubscribersOf: func(kind, _ string) []string { return map[string][]string{outbox.KindEvent: {"a.one"}}[kind] },
		Enqueue: func(_ context.Context, all []outbox.Delivery) error {
			order = append(order, all[0].Name)
			return nil
		},
		Drop: func(_ context.Context, drops []json.RawMessage) error {
			for _, d := range drops {
				order = append(order, string(d))
			}
			if refused {
				return errors.New("Redis is away")
			}
			return nil
		},
	}, zaptest.NewLogger(t), quick)
	change := func(steps ...func(ctx context.Context) error) {
		require.NoError(t, f.db.InTx(t.Context(), func(ctx context.Context) error {
			for _, step := range steps {
				require.NoError(t, step(ctx))
			}
			return nil
		}))
	}
	drop := func(ctx context.Context) error { return f.out.KeepDrop(ctx, "x") }
	publish := func(ctx context.Context) error { return f.out.Publish(ctx, happened{}) }
	later := func(ctx context.Context) error {
		return f.out.Enqueue(ctx, tidy{}, outbox.At(time.Now().Add(time.Hour)))
	}

	change(drop, publish, drop)
	require.Equal(t, 1, f.number("SELECT count(*) FROM outbox"))
	_, err := relay.Dispatch(t.Context())
	require.ErrorContains(t, err, "Redis is away")
	require.Equal(t, []string{`["x", "x"]`, "notes.happened.v1"}, order, "the event does not wait for the Drops")
	require.Equal(t, 1, f.number("SELECT count(*) FROM outbox WHERE kind = 'drop'"), "they wait in a row of their own")

	refused, order = false, nil
	require.NoError(t, f.db.Conn(t.Context()).Exec("UPDATE outbox SET due_at = now() WHERE kind = 'drop'").Error)
	f.dispatch(relay)
	require.Equal(t, []string{`["x", "x"]`}, order)
	require.Zero(t, f.number("SELECT count(*) FROM outbox WHERE kind = 'drop'"))

	order = nil
	change(later, drop)
	require.Equal(t, 1, f.dispatch(relay), "they do not wait for a task's time")
	require.Equal(t, []string{`["x"]`}, order)
}

func TestPublish_AfterTheLastStepIsRefused(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	var late error
	require.NoError(t, f.db.InTx(t.Context(), func(ctx context.Context) error {
		f.db.AfterCommit(ctx, func(context.Context) { late = f.out.Publish(ctx, happened{}) })
		return f.out.Publish(ctx, happened{})
	}))
	require.ErrorContains(t, late, "has written its rows")
}

func TestRelay_IsWokenByTheOutboxOfItsProcess(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Clone)
	handed := make(chan string, 1)
	relay := outbox.NewRelay(f.db, receivers([]string{"a.one"}, func(_ context.Context, d outbox.Delivery) error {
		handed <- d.Name
		return nil
	}), zaptest.NewLogger(t), outbox.Config{RequeueAfter: time.Hour, SweepInterval: time.Hour, BatchSize: 10})
	relay.WokenBy(f.out)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		require.NoError(t, <-ended)
	})
	for range 3 { // the first may come before the relay has begun, and is found by its first look
		f.publish(happened{})
		select {
		case name := <-handed:
			require.Equal(t, "notes.happened.v1", name)
		case <-time.After(time.Minute):
			t.Fatal("nobody has woken the relay")
		}
	}
}
