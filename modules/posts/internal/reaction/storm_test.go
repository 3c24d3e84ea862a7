package reaction_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

// TestStorm_CountersEqualTheRowsWhateverIsKilled lets people like, save, comment, delete, restore and leave at random while connections
// to the database are killed at random, under requests and under workers alike.
func TestStorm_CountersEqualTheRowsWhateverIsKilled(t *testing.T) {
	t.Parallel()
	db := dbtest.Clone(t)
	b := setupOn(t, db)
	author := b.People.Add("author")
	var people []uuid.UUID
	for n := range 6 {
		people = append(people, b.People.Add(fmt.Sprintf("p%d", n)))
	}
	var posts []string
	for n := range 4 {
		posts = append(posts, b.Publish(author, fmt.Sprint(n)))
	}
	var left atomic.Int64
	left.Store(int64(stacktest.Budget(400, 10_000)))
	ctx, stop := context.WithCancel(t.Context())
	work := worker(b)
	var around, crowd sync.WaitGroup
	around.Go(func() { kill(ctx, b) })
	for range 2 {
		around.Go(func() {
			for ctx.Err() == nil {
				short, die := context.WithTimeout(ctx, time.Duration(rand.IntN(30))*time.Millisecond)
				_ = work(short) // it may be killed at any point: the next one takes over
				die()
			}
		})
	}
	for range 8 {
		crowd.Go(func() {
			for left.Add(-1) >= 0 {
				b.anything(author, people[rand.IntN(len(people))], posts[rand.IntN(len(posts))])
			}
		})
	}
	crowd.Wait()
	stop()
	around.Wait()
	// The leases of those who were killed run out.
	require.Eventually(t, func() bool {
		return db.Conn(t.Context()).Exec(`UPDATE event_receipts SET claimed_until = NULL WHERE done_at IS NULL`).Error == nil
	}, 10*time.Second, 10*time.Millisecond)
	require.Eventually(t, func() bool {
		var waiting int
		err := work(t.Context())
		if err == nil {
			err = db.Conn(t.Context()).Raw(`
				SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now() AND due_at < 'infinity'`).Scan(&waiting).Error
		}
		return err == nil && waiting == 0
	}, 30*time.Second, 50*time.Millisecond, "what was killed is taken over")
	for _, id := range posts {
		counted, rows := b.Counters(id)
		require.Equal(t, rows, counted)
	}
}

// worker returns one turn of a relay with its handlers, in this process. What failed is due again at once.
func worker(b *bundle) func(ctx context.Context) error {
	registry, err := tasks.NewRegistry(b.DB, b.Handlers)
	require.NoError(b.T, err)
	run := func(ctx context.Context, all []outbox.Delivery) error {
		if len(all) > 1 {
			return registry.RunBatch(ctx, all[0].Subscriber, all)
		}
		return registry.Run(ctx, all[0])
	}
	relay := outbox.NewRelay(b.DB, outbox.Receivers{SubscribersOf: registry.SubscribersOf, TakesBatches: registry.TakesBatches, Enqueue: run}, zap.NewNop(),
		outbox.Config{BatchSize: 50, RequeueAfter: 10 * time.Millisecond})
	return func(ctx context.Context) error {
		_, err := relay.Dispatch(ctx)
		return err
	}
}

// anything does one of the things that people do. Where a connection is killed the answer is an error, and nothing may have happened.
func (b *bundle) anything(author, person uuid.UUID, post string) {
	send := func(as uuid.UUID, method, path string, body any) *apptest.Response {
		return b.Do(b.T, apptest.Request{Method: method, Path: "/v1" + path, Token: apptest.As(as), Body: body})
	}
	switch rand.IntN(13) {
	case 0, 1, 2:
		send(person, http.MethodPut, "/posts/"+post+"/like", nil)
	case 3, 4:
		send(person, http.MethodDelete, "/posts/"+post+"/like", nil)
	case 5:
		send(person, http.MethodPut, "/posts/"+post+"/save", nil)
	case 6:
		send(person, http.MethodDelete, "/posts/"+post+"/save", nil)
	case 7:
		send(author, http.MethodDelete, "/posts/"+post, nil)
	case 8:
		send(author, http.MethodPost, "/posts/"+post+"/restore", nil)
	case 9:
		_ = b.DB.InTx(b.T.Context(), func(ctx context.Context) error { // as if they had left, whatever they do next
			return outbox.New(b.DB).Publish(ctx, users.Deleted{UserID: person})
		})
	default:
		made := send(person, http.MethodPost, "/posts/"+post+"/comments", object{"text": "x"})
		if made.Status == http.StatusCreated && rand.IntN(2) == 0 {
			send([]uuid.UUID{author, person}[rand.IntN(2)], http.MethodDelete, "/comments/"+made.JSON()["id"].(string), nil)
		}
	}
}

// kill ends a connection to the database every few moments, whatever it is doing.
func kill(ctx context.Context, b *bundle) {
	for ctx.Err() == nil {
		// Its own connection may be among them, and the database may be busy with the last one: then the next moment does.
		_ = b.DB.Conn(ctx).Exec(`
			SELECT pg_terminate_backend(pid) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid() AND state <> 'idle' ORDER BY random() LIMIT 1`).Error
		pause(ctx, 15*time.Millisecond)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

func TestRestore_RaceAgainstThePurgeEndsOneWay(t *testing.T) {
	t.Parallel()
	b := setupOn(t, dbtest.Clone(t))
	ana := b.People.Add("ana")
	for range stacktest.Budget(5, 300) {
		id := b.Publish(ana, "x")
		b.Send(ana, http.MethodDelete, "/posts/"+id, nil).Want(http.StatusNoContent)
		// A breath before the window closes.
		require.NoError(t, b.DB.Conn(t.Context()).Exec(
			`UPDATE posts SET deleted_at = clock_timestamp() - interval '10 minutes' + interval '5 milliseconds' WHERE id = ?`, id).Error)
		taskstest.Ripen(t, b.DB)
		var wait sync.WaitGroup
		var status int
		wait.Go(func() { status = b.Send(ana, http.MethodPost, "/posts/"+id+"/restore", nil).Status })
		wait.Go(func() { taskstest.Try(t, b.DB, b.Handlers...) })
		wait.Wait()
		there := b.Get(ana, "/posts/"+id).Status
		require.Contains(t, []int{http.StatusOK, http.StatusNotFound}, status)
		require.Equal(t, status, there, "restored means there; refused means gone")
	}
}
