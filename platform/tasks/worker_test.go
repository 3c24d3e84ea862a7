package tasks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/outbox"
	"atrium/platform/redistest"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

type placed struct{ Number int }

func (placed) EventName() string { return "orders.placed.v1" }

type cleanup struct{ Number int }

func (cleanup) TaskName() string { return "orders.cleanup" }

var (
	quickTasks  = tasks.Config{Concurrency: 8, MediaConcurrency: 1, PollInterval: 20 * time.Millisecond, DrainTimeout: 10 * time.Second}
	quickOutbox = outbox.Config{RequeueAfter: 300 * time.Millisecond, SweepInterval: 50 * time.Millisecond, BatchSize: 100, Retention: time.Hour}
)

// within is how long anything may take before a test calls it lost.
var within = time.Duration(stacktest.Budget(3, 30)) * time.Minute

// bench is a database with a table that counts what handlers did.
type bench struct {
	*testing.T
	db  *database.DB
	out *outbox.Outbox
}

func setup(t *testing.T) bench { return setupOn(t, dbtest.Clone(t)) }

func setupOn(t *testing.T, db *database.DB) bench {
	t.Helper()
	require.NoError(t, db.Conn(t.Context()).Exec("CREATE TABLE work (handler text, number int, id uuid)").Error)
	return bench{t, db, outbox.New(db)}
}

// record is the work of a handler in these tests: a row that tells who did what.
func record(db *database.DB, handler string) func(ctx context.Context, id uuid.UUID, e placed) error {
	return func(ctx context.Context, id uuid.UUID, e placed) error {
		return db.Conn(ctx).Exec("INSERT INTO work VALUES (?, ?, ?)", handler, e.Number, id).Error
	}
}

func (b bench) publish(from, to int) {
	b.Helper()
	for ; from < to; from += 50 {
		require.NoError(b, b.db.InTx(b.Context(), func(ctx context.Context) error {
			var events []outbox.Event
			for n := from; n < min(from+50, to); n++ {
				events = append(events, placed{Number: n})
			}
			return b.out.PublishAll(ctx, events)
		}))
	}
}

func (b bench) enqueue(number int, opts ...outbox.Option) {
	b.Helper()
	require.NoError(b, b.db.InTx(b.Context(), func(ctx context.Context) error {
		return b.out.Enqueue(ctx, cleanup{Number: number}, opts...)
	}))
}

func (b bench) number(query string, args ...any) (n int) {
	b.Helper()
	require.NoError(b, b.db.Conn(b.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

// quiet waits until every row of the outbox is finished.
func (b bench) quiet() {
	b.Helper()
	b.eventually(func() bool { return b.number("SELECT count(*) FROM outbox WHERE finished_at IS NULL") == 0 })
}

func (b bench) eventually(condition func() bool) {
	b.Helper()
	require.Eventually(b, condition, within, 20*time.Millisecond)
}

// exactly checks that a handler's work is there once for each number, and its receipts too.
func (b bench) exactly(handler string, want int) {
	b.Helper()
	require.Equal(b, want, b.number("SELECT count(*) FROM work WHERE handler = ?", handler), handler)
	require.Equal(b, want, b.number("SELECT count(DISTINCT number) FROM work WHERE handler = ?", handler), handler)
	require.Equal(b, want, b.number("SELECT count(*) FROM event_receipts WHERE subscriber = ? AND done_at IS NOT NULL", handler), handler)
}

// work starts a worker, relay and runner; the function that it returns ends it in order.
func (b bench) work(redisURL string, handlers ...tasks.Handler) (stop func()) {
	b.Helper()
	stop, err := startWorker(b.db, redistest.Dial(b, redisURL), handlers, zaptest.NewLogger(b, zaptest.Level(zap.ErrorLevel)))
	require.NoError(b, err)
	b.Cleanup(stop)
	return stop
}

func startWorker(db *database.DB, rdb redis.UniversalClient, handlers []tasks.Handler, log *zap.Logger) (stop func(), err error) {
	runner, err := tasks.NewRunner(db, rdb, handlers, quickTasks, log)
	if err != nil {
		return nil, err
	}
	if err := runner.Start(context.Background()); err != nil {
		return nil, err
	}
	relay := outbox.NewRelay(db, outbox.Receivers{SubscribersOf: runner.SubscribersOf, TakesBatches: runner.TakesBatches, Enqueue: runner.Enqueue}, log, quickOutbox)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = relay.Run(ctx)
	}()
	var stopped atomic.Bool
	return func() {
		if stopped.Swap(true) {
			return
		}
		cancel()
		<-ended
		_ = runner.Stop(context.Background())
	}, nil
}

// standard are the three kinds of handlers, each recording its work.
func standard(db *database.DB) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("orders.count", record(db, "orders.count")),
		tasks.Subscriber("orders.count_again", record(db, "orders.count_again")),
		tasks.Effect("orders.tell", record(db, "orders.tell")),
	}
}

func TestRunner_StormNothingLostNothingTwice(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		events  int
		disturb func(b bench, redisURL string)
	}{
		"two workers at once": {stacktest.Budget(1000, 20_000), func(bench, string) {}},
		"Redis forgets everything, again and again": {stacktest.Budget(400, 4000), func(b bench, redisURL string) {
			client := redistest.Dial(b, redisURL)
			for done := range 4 {
				b.eventually(func() bool { return b.number("SELECT count(*) FROM work") > 100+250*done })
				require.NoError(b, client.FlushDB(b.Context()).Err())
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b, redisURL := setup(t), redistest.URL(t)
			b.work(redisURL, standard(b.db)...)
			b.work(redisURL, standard(b.db)...)
			b.publish(0, c.events)
			c.disturb(b, redisURL)
			b.quiet()
			for _, handler := range []string{"orders.count", "orders.count_again", "orders.tell"} {
				b.exactly(handler, c.events)
			}
		})
	}
}

func TestRunner_RedisIsCutAndMended(t *testing.T) {
	t.Parallel()
	b, line := setup(t), redistest.Broken(t)
	line.Cut() // the worker starts without Redis
	b.work(line.URL(), standard(b.db)...)
	b.publish(0, 50)
	line.Mend()
	b.eventually(func() bool { return b.number("SELECT count(*) FROM work") > 30 })
	line.Cut()
	b.publish(50, 100)
	line.Mend()
	b.quiet()
	for _, handler := range []string{"orders.count", "orders.count_again", "orders.tell"} {
		b.exactly(handler, 100)
	}
}

func TestRunner_AnotherTryAfterFailureAndPanic(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var tries atomic.Int32
	fail := func(next func(context.Context, uuid.UUID, placed) error) func(context.Context, uuid.UUID, placed) error {
		return func(ctx context.Context, id uuid.UUID, e placed) error {
			if err := next(ctx, id, e); err != nil {
				return err
			}
			switch tries.Add(1) {
			case 1:
				panic("broken")
			case 2:
				return tasks.RetryAfter(fmt.Errorf("busy"), 10*time.Millisecond)
			}
			return nil
		}
	}
	b.work(redistest.URL(t), tasks.Subscriber("orders.count", fail(record(b.db, "orders.count"))))
	b.publish(0, 1)
	b.quiet()
	require.EqualValues(t, 3, tries.Load())
	b.exactly("orders.count", 1)
	require.Equal(t, 3, b.number("SELECT tries FROM event_receipts"))
}

func TestRunner_DeadLettersAndReplay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var runs, lastTries atomic.Int32
	var broken atomic.Bool
	broken.Store(true)
	b.work(redistest.URL(t), tasks.Job(func(ctx context.Context, _ uuid.UUID, _ cleanup) error {
		runs.Add(1)
		if tasks.LastTry(ctx) {
			lastTries.Add(1)
		}
		if broken.Load() {
			return tasks.RetryAfter(fmt.Errorf("refused"), time.Millisecond)
		}
		return nil
	}, tasks.MaxRetry(2)))
	b.enqueue(1)
	dead := func() []outbox.Entry {
		entries, err := b.out.List(t.Context(), outbox.Filter{Dead: true})
		require.NoError(t, err)
		return entries
	}
	b.eventually(func() bool { return len(dead()) == 1 && dead()[0].Parked })
	require.EqualValues(t, 3, runs.Load())
	require.EqualValues(t, 1, lastTries.Load())
	require.Equal(t, 3, dead()[0].Subscribers[0].Tries)

	broken.Store(false)
	require.NoError(t, b.out.Replay(t.Context(), dead()[0].ID))
	b.quiet()
	require.EqualValues(t, 4, runs.Load())
	require.Empty(t, dead())
}

func TestRunner_DropGivesUpAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var runs atomic.Int32
	b.work(redistest.URL(t), tasks.Job(func(context.Context, uuid.UUID, cleanup) error {
		runs.Add(1)
		return tasks.Drop(fmt.Errorf("never"))
	}))
	b.enqueue(1)
	b.eventually(func() bool { return b.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL") == 1 })
	require.EqualValues(t, 1, runs.Load())
}

func TestRunner_WorkOfAModuleThatIsOffWaits(t *testing.T) {
	t.Parallel()
	b, redisURL := setup(t), redistest.URL(t)
	var open atomic.Bool
	gate := func(next func(context.Context, uuid.UUID, placed) error) func(context.Context, uuid.UUID, placed) error {
		return func(ctx context.Context, id uuid.UUID, e placed) error {
			if !open.Load() {
				return tasks.RetryAfter(fmt.Errorf("not yet"), 50*time.Millisecond)
			}
			return next(ctx, id, e)
		}
	}
	count := tasks.Subscriber("orders.count", record(b.db, "orders.count"))
	tell := tasks.Effect("orders.tell", gate(record(b.db, "orders.tell")), tasks.MaxRetry(1000))

	stop := b.work(redisURL, count, tell)
	b.publish(0, 20)
	b.enqueue(1) // of a module that never was on
	b.eventually(func() bool { return b.number("SELECT count(*) FROM event_receipts WHERE tries > 0") == 40 })
	stop()

	stop = b.work(redisURL, count) // its tasks are still in Redis
	b.eventually(func() bool { return b.number("SELECT count(*) FROM outbox WHERE due_at = 'infinity'") == 21 })
	b.exactly("orders.count", 20)
	stop()

	open.Store(true)
	b.work(redisURL, count, tell)
	b.eventually(func() bool { return b.number("SELECT count(*) FROM outbox WHERE finished_at IS NULL") == 1 })
	b.exactly("orders.count", 20)
	b.exactly("orders.tell", 20)
}

func TestRunner_SlowPicturesDoNotStarveTheRest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	release := make(chan struct{})
	b.work(redistest.URL(t),
		tasks.Job(func(context.Context, uuid.UUID, cleanup) error { <-release; return nil }, tasks.Queue("media")),
		tasks.Subscriber("orders.count", record(b.db, "orders.count")))
	for n := range 20 {
		b.enqueue(n)
	}
	b.publish(0, 20)
	b.eventually(func() bool { return b.number("SELECT count(*) FROM work") == 20 })
	close(release)
	b.quiet()
}

func TestRunner_StopWaitsForWhatIsRunning(t *testing.T) {
	t.Parallel()
	b := setup(t)
	began, finish := make(chan struct{}), make(chan struct{})
	stop := b.work(redistest.URL(t), tasks.Effect("orders.tell", func(ctx context.Context, id uuid.UUID, e placed) error {
		close(began)
		<-finish
		return record(b.db, "orders.tell")(ctx, id, e)
	}))
	b.publish(0, 1)
	<-began
	go close(finish)
	stop()
	b.exactly("orders.tell", 1)
	require.Zero(t, b.number("SELECT count(*) FROM outbox WHERE finished_at IS NULL"))
}

// A worker that has to stop in the middle of a job gives it back: the next one begins at once, and no try is lost.
func TestFault_R7_StopReleasesWhatItInterrupts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	redisURL := redistest.URL(t)
	began := make(chan struct{}, 1)
	hurried := quickTasks
	hurried.DrainTimeout = time.Second
	runner, err := tasks.NewRunner(b.db, redistest.Dial(t, redisURL), []tasks.Handler{
		tasks.Job(func(ctx context.Context, _ uuid.UUID, _ cleanup) error {
			began <- struct{}{}
			<-ctx.Done()
			return ctx.Err()
		}, tasks.Queue("media"), tasks.Timeout(5*time.Minute)),
	}, hurried, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, runner.Start(t.Context()))
	b.enqueue(1)
	relay := outbox.NewRelay(b.db, outbox.Receivers{SubscribersOf: runner.SubscribersOf, TakesBatches: runner.TakesBatches, Enqueue: runner.Enqueue}, zap.NewNop(), quickOutbox)
	_, err = relay.Dispatch(t.Context())
	require.NoError(t, err)
	<-began
	require.Equal(t, 1, b.number("SELECT count(*) FROM event_receipts WHERE claimed_until BETWEEN now() AND now() + interval '30 seconds'"), "a short lease")
	require.NoError(t, runner.Stop(t.Context()))
	require.Equal(t, 1, b.number("SELECT count(*) FROM event_receipts WHERE claimed_until IS NULL AND tries = 0"))
	require.Equal(t, 1, b.number("SELECT count(*) FROM outbox WHERE due_at <= now()"))

	b.work(redisURL, tasks.Job(func(ctx context.Context, id uuid.UUID, c cleanup) error {
		return record(b.db, "orders.cleanup")(ctx, id, placed(c))
	}, tasks.Queue("media"), tasks.Timeout(5*time.Minute)))
	b.eventually(func() bool { return b.number("SELECT count(*) FROM outbox WHERE finished_at IS NULL") == 0 })
	b.exactly("orders.cleanup", 1)
}

// A worker that is killed leaves a lease that lapses soon, whatever the handler's timeout; the relay then finds the job by itself, though
// asynq takes it for active.
func TestFault_R7_AnotherTakesOverWhenTheLeaseLapses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	redisURL := redistest.URL(t)
	slow := quickOutbox
	slow.RequeueAfter = time.Hour // what is handed on again is what has lapsed
	began, end := make(chan struct{}, 1), make(chan struct{})
	var calls atomic.Int32
	runner, err := tasks.NewRunner(b.db, redistest.Dial(t, redisURL), []tasks.Handler{
		tasks.Job(func(ctx context.Context, id uuid.UUID, c cleanup) error {
			if calls.Add(1) == 1 {
				began <- struct{}{}
				<-end // hangs as one whose worker is gone: it hears nothing
				return nil
			}
			return record(b.db, "orders.cleanup")(ctx, id, placed(c))
		}, tasks.Timeout(5*time.Minute)),
	}, quickTasks, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, runner.Start(t.Context()))
	b.enqueue(1)
	ctx, stop := context.WithCancel(t.Context())
	relay := outbox.NewRelay(b.db, outbox.Receivers{SubscribersOf: runner.SubscribersOf, TakesBatches: runner.TakesBatches, Enqueue: runner.Enqueue}, zap.NewNop(), slow)
	var relaying sync.WaitGroup
	relaying.Go(func() { _ = relay.Run(ctx) })
	<-began
	b.eventually(func() bool { // until the relay looks for it
		require.NoError(t, b.db.Conn(t.Context()).Exec(`UPDATE event_receipts SET claimed_until = now() - interval '1 second' WHERE tries = 1`).Error)
		require.NoError(t, b.db.Conn(t.Context()).Exec(`UPDATE outbox SET dispatched_at = dispatched_at - interval '1 minute' WHERE dispatched_at > now() - interval '30 seconds'`).Error)
		return b.number("SELECT count(*) FROM work") == 1
	})
	close(end)
	stop()
	relaying.Wait()
	require.NoError(t, runner.Stop(t.Context()))
}

func TestJob_RenewsItsClaim(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.enqueue(1)
	ran := taskstest.Drain(t, b.db, tasks.Job(func(ctx context.Context, _ uuid.UUID, _ cleanup) error {
		require.NoError(t, b.db.Conn(ctx).Exec("CREATE TABLE first AS SELECT claimed_until FROM event_receipts").Error)
		b.eventually(func() bool {
			return b.number("SELECT count(*) FROM event_receipts r, first f WHERE r.claimed_until > f.claimed_until") == 1
		})
		return nil
	}))
	require.Len(t, ran, 1)
}

func TestNewRunner_RefusesWithASentence(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Tx(t))
	count := tasks.Subscriber("orders.count", record(b.db, ""))
	for want, handlers := range map[string][]tasks.Handler{
		"two handlers are named orders.count":      {count, count},
		`handler "count" needs a name like`:        {tasks.Subscriber("count", record(b.db, ""))},
		"handler orders.count names the queue":     {tasks.Subscriber("orders.count", record(b.db, ""), tasks.Queue("fast"))},
		"two handlers are named orders.cleanup: e": {job(), job()},
	} {
		_, err := tasks.NewRunner(b.db, redistest.Open(t), handlers, quickTasks, zap.NewNop())
		require.ErrorContains(t, err, want)
	}
}

func job() tasks.Handler {
	return tasks.Job(func(context.Context, uuid.UUID, cleanup) error { return nil })
}

func delivery(id uuid.UUID, subscriber string) outbox.Delivery {
	payload, _ := json.Marshal(placed{Number: 1})
	return outbox.Delivery{ID: id, Kind: outbox.KindEvent, Name: "orders.placed.v1", Subscriber: subscriber, Payload: payload}
}

// join enters a worker with these handlers into the registry of processes, as the application does.
func (b bench) join(handlers ...tasks.Handler) {
	b.Helper()
	registry, err := tasks.NewRunner(b.db, redistest.Open(b), handlers, quickTasks, zap.NewNop())
	require.NoError(b, err)
	process := outbox.NewProcess(b.db, registry.Handlers(), true, zap.NewNop())
	require.NoError(b, process.Join(b.Context()))
	go func() { _ = process.Run(b.Context()) }()
}

// Two workers of which one lacks a module, and a handler of a module that it has: whoever's relay takes a row, it is told to everybody
// and done by who can. What nobody living can do waits, and goes on when somebody comes.
func TestFault_R2_AWorkerHandsOnWhatOnlyAnotherKnows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	redisURL := redistest.URL(t)
	known := tasks.Subscriber("orders.count", record(b.db, "orders.count"))
	foreign := tasks.Subscriber("notifications.tell", record(b.db, "notifications.tell"))
	later := tasks.Subscriber("orders.later", record(b.db, "orders.later"))
	money := job()

	api := outbox.NewProcess(b.db, []outbox.Handler{{Kind: outbox.KindEvent, Subject: placed{}.EventName(), Name: "notifications.tell"}}, false, zap.NewNop())
	require.NoError(t, api.Join(t.Context()), "what publishes knows the subscriber")
	b.work(redisURL, known)
	b.join(known)
	const each = 60
	b.publish(0, each)
	b.enqueue(1)
	b.eventually(func() bool {
		return b.number("SELECT count(*) FROM outbox WHERE awaits = '{notifications.tell}' AND due_at = 'infinity'") == each &&
			b.number("SELECT count(*) FROM outbox WHERE awaits = '{orders.cleanup}'") == 1
	})
	b.exactly("orders.count", each)

	whole := []tasks.Handler{known, foreign, later, money}
	b.join(whole...)
	b.work(redisURL, whole...)
	b.quiet()
	b.exactly("notifications.tell", each)
	require.Zero(t, b.number("SELECT count(*) FROM work WHERE handler = 'orders.later'"), "it was not there when that happened")

	b.publish(each, 2*each)
	b.quiet()
	b.exactly("orders.count", 2*each)
	b.exactly("notifications.tell", 2*each)
	b.exactly("orders.later", each)
	require.Zero(t, b.number("SELECT count(*) FROM event_receipts WHERE dead_at IS NOT NULL"))
}
