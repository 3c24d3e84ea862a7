package outbox_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/outbox"
)

type happened struct {
	NoteID uuid.UUID `json:"note_id"`
	Email  string    `json:"email"`
}

func (happened) EventName() string { return "notes.happened.v1" }

type tidy struct{ Number int }

func (tidy) TaskName() string { return "notes.tidy" }

var quick = outbox.Config{RequeueAfter: 200 * time.Millisecond, SweepInterval: 50 * time.Millisecond, BatchSize: 50, Retention: time.Hour}

type fixture struct {
	*testing.T
	db       *database.DB
	out      *outbox.Outbox
	receipts *outbox.Receipts
}

func setup(t *testing.T, open func(testing.TB) *database.DB) fixture {
	t.Helper()
	db := open(t)
	return fixture{t, db, outbox.New(db), outbox.NewReceipts(db)}
}

func (f fixture) publish(events ...outbox.Event) {
	f.Helper()
	require.NoError(f, f.db.InTx(f.Context(), func(ctx context.Context) error { return f.out.PublishAll(ctx, events) }))
}

// receivers are one process's: subscribers listen to everything, and enqueue gets what is for them.
func receivers(subscribers []string, enqueue func(context.Context, outbox.Delivery) error) outbox.Receivers {
	one := func(ctx context.Context, all []outbox.Delivery) error { return enqueue(ctx, all[0]) }
	return outbox.Receivers{SubscribersOf: func(string, string) []string { return subscribers }, Enqueue: one}
}

// relay makes one whose deliveries are collected, oldest first.
func (f fixture) relay(cfg outbox.Config, got *[]outbox.Delivery, subscribers ...string) *outbox.Relay {
	var mu sync.Mutex
	return outbox.NewRelay(f.db, receivers(subscribers, func(_ context.Context, d outbox.Delivery) error {
		mu.Lock()
		defer mu.Unlock()
		*got = append(*got, d)
		slices.SortStableFunc(*got, func(a, b outbox.Delivery) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		return nil
	}), zaptest.NewLogger(f), cfg)
}

func (f fixture) dispatch(r *outbox.Relay) int {
	f.Helper()
	rows, err := r.Dispatch(f.Context())
	require.NoError(f, err)
	return rows
}

func (f fixture) number(query string, args ...any) (n int) {
	f.Helper()
	require.NoError(f, f.db.Conn(f.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

func (f fixture) unfinished() int {
	f.Helper()
	return f.number("SELECT count(*) FROM outbox WHERE finished_at IS NULL")
}

func (f fixture) makeDue() {
	f.Helper()
	require.NoError(f, f.db.Conn(f.Context()).Exec("UPDATE outbox SET due_at = now() WHERE due_at < 'infinity'").Error)
}

func TestPublish(t *testing.T) {
	t.Parallel()
	t.Run("needs a transaction", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		require.ErrorContains(t, f.out.Publish(t.Context(), happened{}), "need a transaction")
		require.ErrorContains(t, f.out.Enqueue(t.Context(), tidy{}), "need a transaction")
	})
	t.Run("goes with its transaction", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		require.Error(t, f.db.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, f.out.Publish(ctx, happened{}))
			return errors.New("no")
		}))
		require.Zero(t, f.number("SELECT count(*) FROM outbox"))
	})
	t.Run("a delayed task waits in PostgreSQL", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		require.NoError(t, f.db.InTx(t.Context(), func(ctx context.Context) error {
			return f.out.Enqueue(ctx, tidy{Number: 7}, outbox.At(time.Now().Add(time.Hour)))
		}))
		var got []outbox.Delivery
		relay := f.relay(quick, &got, "notes.tidy")
		require.Zero(t, f.dispatch(relay))
		f.makeDue()
		require.Equal(t, 1, f.dispatch(relay))
		require.JSONEq(t, `{"Number": 7}`, string(got[0].Payload))
	})
}

func TestRelay(t *testing.T) {
	t.Parallel()
	t.Run("delivers once per subscriber and finishes when all are done", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		f.publish(happened{})
		var got []outbox.Delivery
		relay := f.relay(quick, &got, "a.one", "a.two")
		f.dispatch(relay)
		require.Len(t, got, 2)
		for _, d := range got {
			require.Equal(t, 1, f.unfinished())
			tries, err := f.receipts.Take(t.Context(), d.Subscriber, d.ID)
			require.NoError(t, err)
			require.Equal(t, 1, tries)
			require.NoError(t, f.receipts.Finish(t.Context(), d.ID))
		}
		require.Zero(t, f.unfinished())
	})
	t.Run("an event that nobody listens to is finished at once, a task is not", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		f.publish(happened{})
		require.NoError(t, f.db.InTx(t.Context(), func(ctx context.Context) error {
			return f.out.EnqueueAll(ctx, []outbox.Task{tidy{}})
		}))
		var got []outbox.Delivery
		require.Equal(t, 2, f.dispatch(f.relay(quick, &got)))
		require.Empty(t, got)
		require.Equal(t, 1, f.unfinished())
	})
	t.Run("the crash between the last receipt and its finish is mended", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		f.publish(happened{})
		var got []outbox.Delivery
		relay := f.relay(quick, &got, "a.one")
		f.dispatch(relay)
		_, err := f.receipts.Take(t.Context(), "a.one", got[0].ID)
		require.NoError(t, err)
		f.makeDue()
		f.dispatch(relay)
		require.Len(t, got, 1)
		require.Zero(t, f.unfinished())
	})
	t.Run("a row of a module that is off is parked, and resumed when it is on", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		f.publish(happened{})
		var got []outbox.Delivery
		f.dispatch(f.relay(quick, &got, "off.later", "stays.on"))
		_, err := f.receipts.Take(t.Context(), "stays.on", got[0].ID)
		require.NoError(t, err)

		got = nil
		without := f.relay(quick, &got, "stays.on")
		f.makeDue()
		require.Equal(t, 1, f.dispatch(without))
		require.NoError(t, without.Resume(t.Context()))
		f.makeDue()
		require.Zero(t, f.dispatch(without), "parked: not looked at again")
		require.Empty(t, got)
		require.Equal(t, 1, f.unfinished())

		again := f.relay(quick, &got, "off.later", "stays.on")
		require.NoError(t, again.Resume(t.Context()))
		f.dispatch(again)
		require.Len(t, got, 1)
		require.Equal(t, "off.later", got[0].Subscriber)
	})
	t.Run("a lasting subscriber is waited for even if it was off from the first", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Tx)
		ctx := t.Context()
		lasting := []outbox.Lasting{{Subscriber: "orders.forget", Event: happened{}.EventName()}, {Subscriber: "orders.dropped", Event: happened{}.EventName()}}
		require.NoError(t, outbox.Enlist(ctx, f.db, []string{"orders"}, lasting))
		require.NoError(t, outbox.Enlist(ctx, f.db, []string{"orders"}, lasting[:1]), "a new build has one of them no more")
		require.NoError(t, outbox.Enlist(ctx, f.db, []string{"posts"}, nil), "started with orders off")

		f.publish(happened{})
		var got []outbox.Delivery
		f.dispatch(f.relay(quick, &got, "posts.hear"))
		require.Len(t, got, 1)
		_, err := f.receipts.Take(ctx, "posts.hear", got[0].ID)
		require.NoError(t, err)
		require.NoError(t, f.receipts.Finish(ctx, got[0].ID))
		require.Equal(t, 1, f.unfinished())

		got = nil
		on := f.relay(quick, &got, "orders.forget", "posts.hear")
		f.makeDue()
		f.dispatch(f.relay(quick, &got, "posts.hear"))
		require.Empty(t, got)
		require.NoError(t, on.Resume(ctx))
		f.dispatch(on)
		require.Len(t, got, 1)
		require.Equal(t, "orders.forget", got[0].Subscriber)
	})
	t.Run("a failed enqueue is tried again", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Clone)
		f.publish(happened{}, happened{})
		down := true
		var got []outbox.Delivery
		var mu sync.Mutex
		relay := outbox.NewRelay(f.db, receivers([]string{"a.one"}, func(_ context.Context, d outbox.Delivery) error {
			mu.Lock()
			defer mu.Unlock()
			if down {
				return errors.New("Redis is away")
			}
			got = append(got, d)
			return nil
		}), zaptest.NewLogger(t), quick)
		_, err := relay.Dispatch(t.Context())
		require.ErrorContains(t, err, "Redis is away")
		down = false
		require.Eventually(t, func() bool { f.dispatch(relay); return len(got) == 2 }, 10*time.Second, 20*time.Millisecond)
	})
	t.Run("two at once never take the same row", func(t *testing.T) {
		t.Parallel()
		f := setup(t, dbtest.Clone)
		events := make([]outbox.Event, 500)
		for i := range events {
			events[i] = happened{NoteID: uuid.New()}
		}
		f.publish(events...)
		patient := quick
		patient.RequeueAfter = time.Hour
		var got [2][]outbox.Delivery
		var both sync.WaitGroup
		for i := range got {
			relay := f.relay(patient, &got[i], "a.one")
			both.Go(func() {
				for {
					rows, err := relay.Dispatch(t.Context())
					if err != nil || rows == 0 {
						require.NoError(t, err)
						return
					}
				}
			})
		}
		both.Wait()
		seen := map[uuid.UUID]bool{}
		for _, d := range append(got[0], got[1]...) {
			require.False(t, seen[d.ID])
			seen[d.ID] = true
		}
		require.Len(t, seen, 500)
	})
}

func TestRelay_IsWokenByACommit(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Clone)
	sleepy := quick
	sleepy.SweepInterval = time.Hour
	came := make(chan outbox.Delivery, 10)
	relay := outbox.NewRelay(f.db, receivers([]string{"a.one"}, func(_ context.Context, d outbox.Delivery) error {
		came <- d
		return nil
	}), zaptest.NewLogger(t), sleepy)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	for range 3 {
		f.publish(happened{})
		select {
		case <-came:
		case <-time.After(20 * time.Second):
			t.Fatal("the relay was not woken")
		}
	}
	stop()
	require.NoError(t, <-ended)
}

func TestReceipts_AClaimHolds(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	ctx := t.Context()
	f.publish(happened{})
	var got []outbox.Delivery
	f.dispatch(f.relay(quick, &got, "a.one"))
	id := got[0].ID

	first, err := f.receipts.Claim(ctx, "a.one", id, time.Hour)
	require.NoError(t, err)
	require.Equal(t, outbox.Claim{State: outbox.Claimed, Tries: 1}, first)
	second, err := f.receipts.Claim(ctx, "a.one", id, time.Hour)
	require.NoError(t, err)
	require.Equal(t, outbox.Busy, second.State)
	require.Greater(t, second.Wait, 50*time.Minute)

	require.NoError(t, f.receipts.Fail(ctx, "a.one", id, 1, errors.New("away"), false))
	third, err := f.receipts.Claim(ctx, "a.one", id, time.Hour)
	require.NoError(t, err)
	require.Equal(t, outbox.Claim{State: outbox.Claimed, Tries: 2}, third)
	require.NoError(t, f.receipts.Fail(ctx, "a.one", id, 1, errors.New("late news of the first"), true))
	_, err = f.receipts.Done(ctx, "a.one", id)
	require.NoError(t, err)
	fourth, err := f.receipts.Claim(ctx, "a.one", id, time.Hour)
	require.NoError(t, err)
	require.Equal(t, outbox.Settled, fourth.State)
	require.Zero(t, f.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL"))

	unknown, err := f.receipts.Claim(ctx, "a.one", uuid.New(), time.Hour)
	require.NoError(t, err)
	require.Equal(t, outbox.Settled, unknown.State, "a row that was pruned is not run again")
}

func TestAdministration(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	ctx := t.Context()
	note := uuid.New()
	f.publish(happened{NoteID: note, Email: "anna@example.org"}, happened{NoteID: uuid.New()})
	var got []outbox.Delivery
	relay := f.relay(quick, &got, "a.one")
	f.dispatch(relay)
	id := got[0].ID
	require.NoError(t, f.receipts.Fail(ctx, "a.one", id, 21, errors.New("refused"), true))

	entries, err := f.out.List(ctx, outbox.Filter{Dead: true})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, map[string][]string{"note_id": {note.String()}}, entries[0].IDs, "ids only: the rest may be personal")
	require.Equal(t, []outbox.Standing{{Subscriber: "a.one", State: "dead", Tries: 21, LastError: "refused"}}, entries[0].Subscribers)
	all, err := f.out.List(ctx, outbox.Filter{Name: "notes.happened.v1"})
	require.NoError(t, err)
	require.Len(t, all, 2)
	backlog, err := f.out.Backlog(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, backlog.Dead)

	got = nil
	f.makeDue()
	f.dispatch(relay)
	require.Len(t, got, 1, "the dead one is left alone")
	require.NoError(t, f.out.Replay(ctx, id))
	got = nil
	f.dispatch(relay)
	require.Len(t, got, 1)
	require.Equal(t, id, got[0].ID)

	_, err = f.receipts.Take(ctx, "a.one", id)
	require.NoError(t, err)
	require.NoError(t, f.receipts.Finish(ctx, id))
	require.ErrorIs(t, f.out.Replay(ctx, id), outbox.ErrNothingToReplay)
	require.ErrorIs(t, f.out.Replay(ctx, uuid.New()), outbox.ErrNotFound)
}

// What a long outage has killed comes back in one go, and only that.
func TestFault_R9_AllOfAKindAreReplayed(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	ctx := t.Context()
	const many = 1203 // several batches
	f.publish(slices.Repeat([]outbox.Event{happened{}}, many)...)
	var got []outbox.Delivery
	all := quick
	all.BatchSize = 2 * many
	f.dispatch(f.relay(all, &got, "a.one", "b.two"))
	require.NoError(t, f.db.Conn(ctx).Exec(`INSERT INTO event_receipts (subscriber, event_id, tries, dead_at)
		SELECT s.name, o.id, 21, now() FROM outbox o CROSS JOIN unnest(o.subscribers) AS s (name)`).Error)

	revived, err := f.out.ReplayAll(ctx, "a.one")
	require.NoError(t, err)
	require.EqualValues(t, many, revived)
	got = nil
	f.dispatch(f.relay(all, &got, "a.one", "b.two"))
	require.Len(t, got, many)
	require.Equal(t, many, f.number("SELECT count(*) FROM event_receipts WHERE subscriber = 'b.two' AND dead_at IS NOT NULL"))

	revived, err = f.out.ReplayAll(ctx, happened{}.EventName())
	require.NoError(t, err)
	require.EqualValues(t, many, revived, "the rest, by the event's name")
}

// An event of a subscriber that nobody has had for long, and that is not lasting, is let go; a task waits.
func TestPrune_ForsakesSubscribersThatAreNoMore(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	ctx := t.Context()
	f.publish(happened{})
	require.NoError(t, f.db.InTx(ctx, func(ctx context.Context) error { return f.out.Enqueue(ctx, tidy{}) }))
	gone := outbox.NewProcess(f.db, []outbox.Handler{{Kind: outbox.KindEvent, Subject: happened{}.EventName(), Name: "a.gone"}}, true, zaptest.NewLogger(f))
	require.NoError(t, gone.Join(ctx))
	require.NoError(t, gone.Leave(ctx))
	var got []outbox.Delivery
	require.Equal(t, 2, f.dispatch(f.relay(quick, &got)))
	require.Equal(t, 2, f.number("SELECT count(*) FROM outbox WHERE awaits IS NOT NULL AND due_at = 'infinity'"))

	_, err := f.out.Prune(ctx, time.Hour)
	require.NoError(t, err)
	require.Equal(t, 2, f.unfinished(), "they may come back")
	require.NoError(t, f.db.Conn(ctx).Exec("UPDATE processes SET seen_at = now() - interval '3 hours'; UPDATE outbox SET available_at = now() - interval '3 hours'").Error)
	_, err = f.out.Prune(ctx, time.Hour)
	require.NoError(t, err)
	require.Equal(t, 1, f.unfinished())
	require.Equal(t, 1, f.number("SELECT count(*) FROM outbox WHERE kind = 'task' AND finished_at IS NULL"))
}

func TestPrune_KeepsWhatIsYoungOrUnfinished(t *testing.T) {
	t.Parallel()
	f := setup(t, dbtest.Tx)
	ctx := t.Context()
	f.publish(happened{}, happened{}, happened{})
	var got []outbox.Delivery
	f.dispatch(f.relay(quick, &got, "a.one"))
	for i, d := range got[:2] {
		_, err := f.receipts.Take(ctx, "a.one", d.ID)
		require.NoError(t, err)
		require.NoError(t, f.db.Conn(ctx).Exec("UPDATE outbox SET finished_at = now() - make_interval(days => ?) WHERE id = ?", 3-2*i, d.ID).Error)
	}
	gone, err := f.out.Prune(ctx, 48*time.Hour)
	require.NoError(t, err)
	require.EqualValues(t, 1, gone)
	require.Equal(t, 2, f.number("SELECT count(*) FROM outbox"))
	require.Equal(t, 1, f.number("SELECT count(*) FROM event_receipts"))
}
