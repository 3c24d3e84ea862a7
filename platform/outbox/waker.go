package outbox

import (
	"context"
	"sync"
	"time"

	"atrium/platform/database"
)

// channel is where relays listen.
const channel = "atrium_outbox"

// atMostEvery is the pace of one process's wake-ups: a burst of commits rings once.
const atMostEvery = 10 * time.Millisecond

// waker wakes the relays after a commit. It does so in the background and outside the transaction, since NOTIFY inside one
// takes a lock that all commits of the database share. A ring that gets lost costs at most one sweep.
type waker struct {
	notify func()
	mu     sync.Mutex
	last   time.Time
	set    bool // a ring is on its way
}

func newWaker(db *database.DB) *waker {
	return &waker{notify: func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = db.Notify(ctx, channel, "")
	}}
}

// ring wakes the relays soon and returns at once.
func (w *waker) wake() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.set {
		return
	}
	b.set = true
	time.AfterFunc(time.Until(b.last.Add(atMostEvery)), func() {
		b.mu.Lock()
		b.set, b.last = false, time.Now()
		b.mu.Unlock()
		b.notify()
	})
}
