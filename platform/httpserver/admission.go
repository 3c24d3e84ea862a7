package httpserver

import (
	"container/list"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"

	"atrium/platform/fault"
)

// Admission bounds how much is worked on at once: what comes beyond that waits, and what would wait too long is told to come again.
type Admission struct {
	AtOnce  int           `koanf:"at_once" validate:"min=0"` // requests being worked on; 0: as many as come
	Waiting int           `koanf:"waiting" validate:"min=0"` // requests that wait for their turn
	Wait    time.Duration `koanf:"wait" validate:"min=0"`    // the longest that one waits
}

var errOverloaded = fault.Unavailable("request.overloaded", "Too much is asked for at the moment. Try again in a few seconds.")

// admission lets so many requests be worked on at once. The others wait in turns: one request of each caller, then the next of each, so
// that who asks for much waits for it alone. Safe for concurrent use.
type admission struct {
	cfg     Admission
	refused prometheus.Counter

	mu      sync.Mutex
	working int
	waiting int
	queues  map[string]*queue
	turns   list.List // of queues: whose turn it is next is first
}

// queue are the requests of one caller that wait, the first to come first.
type queue struct {
	caller  string
	waiters list.List
	turn    *list.Element // in turns
}

// waiter is a request that waits.
type waiter struct {
	queue *queue
	place *list.Element // in the queue
	told  chan error    // once: nil, its turn has come; else it is turned away
}

func newAdmission(cfg Admission, refused prometheus.Counter) *admission {
	return &admission{cfg: cfg, refused: refused, queues: map[string]*queue{}}
}

// enter waits until the caller's request may be worked on; then leave must be called. errOverloaded where that takes too long, or too
// many wait.
func (a *admission) enter(ctx context.Context, caller string) error {
	w, err := a.line(caller)
	if w == nil {
		return err
	}
	longest := time.NewTimer(a.cfg.Wait)
	defer longest.Stop()
	select {
	case err := <-w.told:
		return err
	case <-longest.C:
	case <-ctx.Done():
	}
	return a.giveUp(w)
}

// leave ends the work on a request: the next one that waits comes in.
func (a *admission) leave() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working--
	if a.waiting == 0 || a.working >= a.cfg.AtOnce {
		return
	}
	q := a.turns.Front().Value.(*queue)
	w := q.waiters.Front().Value.(*waiter)
	a.remove(w)
	if q.waiters.Len() > 0 {
		a.turns.MoveToBack(q.turn)
	}
	a.working++
	w.told <- nil
}

// reenter goes on with a request that had left for a while, however many are worked on.
func (a *admission) reenter() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.working++
}

// line lets the request in, or returns it as it waits.
func (a *admission) line(caller string) (*waiter, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.cfg.AtOnce == 0 || a.working < a.cfg.AtOnce {
		a.working++
		return nil, nil
	}
	q := a.queues[caller]
	if a.waiting >= a.cfg.Waiting && !a.makeRoom(q) {
		return nil, a.refusal()
	}
	if q = a.queues[caller]; q == nil {
		q = &queue{caller: caller}
		q.turn = a.turns.PushBack(q)
		a.queues[caller] = q
	}
	w := &waiter{queue: q, told: make(chan error, 1)}
	w.place = q.waiters.PushBack(w)
	a.waiting++
	return w, nil
}

// makeRoom turns away the newest request of whoever waits for most, where that is more than there would be in q.
func (a *admission) makeRoom(q *queue) bool {
	own := 1
	if q != nil {
		own += q.waiters.Len()
	}
	var longest *queue
	for _, other := range a.queues {
		if longest == nil || other.waiters.Len() > longest.waiters.Len() {
			longest = other
		}
	}
	if longest == nil || longest.waiters.Len() <= own {
		return false
	}
	w := longest.waiters.Back().Value.(*waiter)
	a.remove(w)
	w.told <- a.refusal()
	return true
}

// giveUp takes a request out of its queue, unless it was told something meanwhile.
func (a *admission) giveUp(w *waiter) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	select {
	case err := <-w.told:
		return err
	default:
	}
	a.remove(w)
	return a.refusal()
}

func (a *admission) remove(w *waiter) {
	a.waiting--
	w.queue.waiters.Remove(w.place)
	if w.queue.waiters.Len() == 0 {
		a.turns.Remove(w.queue.turn)
		delete(a.queues, w.queue.caller)
	}
}

// refusal spreads those who come again over some seconds.
func (a *admission) refusal() error {
	a.refused.Inc()
	return errOverloaded.After(time.Second + rand.N(3*time.Second))
}

// inTurn has a request wait until it may be worked on. While its body is on its way from the client it is not worked on. What calls
// others outside the database waits for them mostly, and has a lane of its own: a slow provider holds up nothing else.
func (s *Server) inTurn(route Route) gin.HandlerFunc {
	lane := s.lane
	if route.Outside {
		lane = s.outside
	}
	return func(c *gin.Context) {
		if err := lane.enter(c.Request.Context(), asker(c)); err != nil {
			Fail(c, err)
			return
		}
		defer lane.leave()
		if sent := callOf(c).sent; sent != nil {
			sent.lane = lane
			defer func() { sent.lane = nil }()
		}
		c.Next()
	}
}

// asker tells those apart who wait, before anybody knows who they are: by their token, else by their address.
func asker(c *gin.Context) string {
	if token := c.GetHeader("Authorization"); token != "" {
		return token
	}
	return callOf(c).address
}
