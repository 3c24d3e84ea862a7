// Package taskstest runs what a test has published, in this goroutine and without Redis, and reads the outbox.
package taskstest

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// Ran is one run of a handler.
type Ran struct {
	Handler string    // the subscriber's name, or the task's
	Name    string    // of the event or task
	ID      uuid.UUID // of the outbox row
	Err     error
}

// Drain runs everything that is due in the outbox through the handlers, and what that publishes, until nothing is left.
// It returns what ran, in order. A handler that fails, fails the test.
func Drain(t testing.TB, db *database.DB, handlers ...tasks.Handler) []Ran {
	t.Helper()
	all := Try(t, db, handlers...)
	for _, ran := range all {
		if ran.Err != nil {
			t.Errorf("%s: %v", ran.Handler, ran.Err)
		}
	}
	return all
}

// Try is Drain for handlers that are meant to fail: Ran.Err tells. Each handler has one try per row and call; call it again
// for the next.
func Try(t testing.TB, db *database.DB, handlers ...tasks.Handler) []Ran {
	t.Helper()
	registry, err := tasks.NewRegistry(db, handlers)
	if err != nil {
		t.Fatal(err)
	}
	// Rows stay due after they are taken, so that the next call meets a failed one again.
	relay := outbox.NewRelay(db, outbox.Receivers{SubscribersOf: registry.SubscribersOf}, zap.NewNop(), outbox.Config{BatchSize: 10_000})
	if err := relay.Resume(t.Context()); err != nil {
		t.Fatal(err)
	}
	var all []Ran
	for seen := map[string]bool{}; ; {
		taken, err := relay.Take(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		fresh := slices.DeleteFunc(taken.Deliveries, func(d outbox.Delivery) bool {
			key := d.ID.String() + d.Subscriber
			defer func() { seen[key] = true }()
			return seen[key]
		})
		if len(fresh) == 0 {
			return all
		}
		all = append(all, run(t, registry, fresh)...)
	}
}

// run runs deliveries in their order; a subscriber that takes batches gets all of its own with its first. If that fails, each is tried
// alone, as a worker would.
func run(t testing.TB, registry *tasks.Registry, deliveries []outbox.Delivery) (all []Ran) {
	t.Helper()
	ran := func(d outbox.Delivery, err error) {
		all = append(all, Ran{Handler: d.Subscriber, Name: d.Name, ID: d.ID, Err: err})
	}
	done := map[string]bool{}
	for _, d := range deliveries {
		if !registry.TakesBatches(d.Kind, d.Subscriber) {
			ran(d, registry.Run(t.Context(), d))
			continue
		}
		if done[d.Subscriber] {
			continue
		}
		done[d.Subscriber] = true
		batch := slices.DeleteFunc(slices.Clone(deliveries), func(other outbox.Delivery) bool { return other.Subscriber != d.Subscriber })
		together := registry.RunBatch(t.Context(), d.Subscriber, batch)
		for _, one := range batch {
			if together != nil {
				ran(one, registry.Run(t.Context(), one))
			} else {
				ran(one, nil)
			}
		}
	}
	return all
}

// Ripen makes everything due that waits for its time (outbox.At), as if that had come.
func Ripen(t testing.TB, db *database.DB) {
	t.Helper()
	err := db.Conn(t.Context()).Exec(`
		UPDATE outbox SET available_at = now(), due_at = now() WHERE finished_at IS NULL AND available_at > now()`).Error
	if err != nil {
		t.Fatal(err)
	}
}

// Events returns the events of one type that were published, oldest first.
func Events[E outbox.Event](t testing.TB, db *database.DB) []E {
	t.Helper()
	var zero E
	return read[E](t, db, outbox.KindEvent, zero.EventName())
}

// Tasks returns the tasks of one type that were enqueued, oldest first.
func Tasks[T outbox.Task](t testing.TB, db *database.DB) []T {
	t.Helper()
	var zero T
	return read[T](t, db, outbox.KindTask, zero.TaskName())
}

// Due returns when the tasks of one type may run, in the order of Tasks.
func Due[T outbox.Task](t testing.TB, db *database.DB) []time.Time {
	t.Helper()
	var zero T
	var at []time.Time
	err := db.Conn(t.Context()).Raw(`
		SELECT available_at FROM outbox WHERE kind = 'task' AND name = ? ORDER BY id`, zero.TaskName()).Scan(&at).Error
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func read[C any](t testing.TB, db *database.DB, kind, name string) []C {
	t.Helper()
	var payloads []string
	err := db.Conn(t.Context()).Raw(`
		SELECT payload::text FROM outbox WHERE kind = ? AND name = ? ORDER BY id`, kind, name).Scan(&payloads).Error
	if err != nil {
		t.Fatal(err)
	}
	all := make([]C, len(payloads))
	for i, payload := range payloads {
		if err := json.Unmarshal([]byte(payload), &all[i]); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
	}
	return all
}
