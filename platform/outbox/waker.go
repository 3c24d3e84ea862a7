package outbox

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"atrium/platform/database"
)

// channel is where relays listen.
const channel = "atrium_outbox"

// atMostEvery is the pace of one process's wake-ups: a burst of commits wakes once.
const atMostEvery = 25 * time.Millisecond

// waker wakes a relay after a commit: the one of this process, or by NOTIFY those of others. It does so in the background and outside
// the transaction, since NOTIFY inside one takes a lock that all commits of the database share. A wake-up that gets lost costs at most
// one sweep.
type waker struct {
	notify func()
	here   atomic.Pointer[func()] // wakes the relay of this process; nil: there is none
	mu     sync.Mutex
	last   time.Time
	set    bool // a wake-up is on its way
}

func newWaker(db *database.DB) *waker {
	return &waker{notify: func() {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		_ = db.Notify(ctx, channel, "")
	}}
}

// wake wakes the relays soon and returns at once.
func (w *waker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.set {
		return
	}
	w.set = true
	time.AfterFunc(time.Until(w.last.Add(atMostEvery)), func() {
		w.mu.Lock()
		w.set, w.last = false, time.Now()
		w.mu.Unlock()
		if wake := w.here.Load(); wake != nil {
			(*wake)()
			return
		}
		w.notify()
	})
}
