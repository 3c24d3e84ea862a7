package cache

import (
	"context"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// DistinctCounter counts the different members of sets, each by a HyperLogLog in Redis: 12 kB at most, off by about 1 %, and nobody can read from
// it who was counted. What is added is sent once a second, and without Redis it is lost: it is for figures, not for facts.
type DistinctCounter struct {
	cache *Cache
	name  string
	keep  time.Duration

	sending sync.Mutex // one Flush at a time: after it, all that was added before is in Redis

	mu      sync.Mutex
	waiting map[string][]any // members by set
	size    int
}

const (
	uniquesPause = time.Second
	// mostWaiting bounds what one process remembers until it is sent.
	mostWaiting = 50_000
	// drainedAtOnce is how many sets are written down in one step.
	drainedAtOnce = 500
)

// NewDistinctCounter opens sets called name; each is kept for the time given after the last addition.
func NewDistinctCounter(c *Cache, name string, keep time.Duration) *DistinctCounter {
	return &DistinctCounter{cache: c, name: name, keep: keep, waiting: map[string][]any{}}
}

// Add adds a member to a set, in a second. It never waits.
func (u *DistinctCounter) Add(set, member string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.size >= mostWaiting || !u.cache.remote.usable() {
		return
	}
	if u.size == 0 {
		time.AfterFunc(uniquesPause, func() { u.Flush(context.Background()) })
	}
	u.waiting[set] = append(u.waiting[set], member)
	u.size++
}

// Flush sends what was added until now.
func (u *DistinctCounter) Flush(ctx context.Context) {
	u.sending.Lock()
	defer u.sending.Unlock()
	u.mu.Lock()
	waiting := u.waiting
	u.waiting, u.size = map[string][]any{}, 0
	u.mu.Unlock()
	if len(waiting) == 0 {
		return
	}
	ask(ctx, u.cache.remote, func(ctx context.Context) (int, error) {
		_, err := client(u.cache.remote).Pipelined(ctx, func(p redis.Pipeliner) error {
			for set, members := range waiting {
				p.PFAdd(ctx, u.name+":"+set, members...)
				p.Expire(ctx, u.name+":"+set, u.keep)
				p.SAdd(ctx, u.name+".grown", set)
			}
			return nil
		})
		return 0, err
	})
}

// setAside puts the sets that grew aside, unless some are left over from before: what grows from now on is for the next time.
var setAside = redis.NewScript(`
if redis.call('EXISTS', KEYS[1]) == 1 and redis.call('EXISTS', KEYS[2]) == 0 then redis.call('RENAME', KEYS[1], KEYS[2]) end
return 0`)

// Drain hands write how many members each of the sets has that grew, in steps, and forgets that they did once write has succeeded. It must
// not run twice at a time. Without Redis there is nothing to write.
func (u *DistinctCounter) Drain(ctx context.Context, write func(ctx context.Context, counts map[string]int64) error) error {
	grown, draining := u.name+".grown", u.name+".draining"
	ask(ctx, u.cache.remote, func(ctx context.Context) (int, error) {
		return setAside.Run(ctx, client(u.cache.remote), []string{grown, draining}).Int()
	})
	for {
		sets, ok := ask(ctx, u.cache.remote, func(ctx context.Context) ([]string, error) {
			return client(u.cache.remote).SRandMemberN(ctx, draining, drainedAtOnce).Result()
		})
		if !ok || len(sets) == 0 {
			return nil
		}
		counts, ok := u.count(ctx, sets)
		if !ok {
			return nil
		}
		if err := write(ctx, counts); err != nil {
			return err
		}
		ask(ctx, u.cache.remote, func(ctx context.Context) (int64, error) {
			members := make([]any, len(sets))
			for i, set := range sets {
				members[i] = set
			}
			return client(u.cache.remote).SRem(ctx, draining, members...).Result()
		})
	}
}

func (u *DistinctCounter) count(ctx context.Context, sets []string) (map[string]int64, bool) {
	return ask(ctx, u.cache.remote, func(ctx context.Context) (map[string]int64, error) {
		answers := make([]*redis.IntCmd, len(sets))
		_, err := client(u.cache.remote).Pipelined(ctx, func(p redis.Pipeliner) error {
			for i, set := range sets {
				answers[i] = p.PFCount(ctx, u.name+":"+set)
			}
			return nil
		})
		counts := make(map[string]int64, len(sets))
		for i, set := range sets {
			counts[set] = answers[i].Val()
		}
		return counts, err
	})
}
