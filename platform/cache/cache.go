// Package cache is Atrium's one cache: in this process, then Redis, then the loader. It may be wrong for at most
// a second elsewhere after a Drop, and it works without Redis.
//
// No error of Redis reaches a caller. While Redis is out of use nobody waits for it, and it is used again only after
// it has heard of every Drop that it missed.
package cache

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"atrium/platform/background"
)

const (
	channel = "cache.drops"
	// deafTTL bounds how long this process trusts its own copies while it cannot hear the Drops of others.
	deafTTL = time.Second
	// silence is how long a subscription may say nothing before it is asked whether it still lives.
	silence = time.Second
	// relisten is the pause between two tries to subscribe.
	relisten = 200 * time.Millisecond
)

// Cache is the two levels shared by all spaces. Redis may be down, or nil in tests. Safe for concurrent use.
// It is a prometheus.Collector of lookups by space, level and outcome, and of what this process keeps.
type Cache struct {
	instance string
	remote   *remote
	log      *zap.Logger
	clock    clock                                     // see WithClock
	keep     func(ctx context.Context, drop any) error // see KeepDrops; may be nil
	lookups  *prometheus.CounterVec
	deaf     atomic.Bool // whether Drops of other instances pass unheard

	mu     sync.RWMutex
	spaces map[string]anySpace
}

// anySpace is a Space without its types.
type anySpace interface {
	forget(keys json.RawMessage) error
	forgetAll()
	renew(ctx context.Context) error
}

// drop is what instances tell each other. Keys is a JSON list of the space's keys.
type drop struct {
	From  string          `json:"from"`
	Space string          `json:"space"`
	Keys  json.RawMessage `json:"keys"`
}

// Option changes how a Cache is made.
type Option func(*Cache)

// WithClock has copies in this process age by now instead of the system's clock; Redis keeps its own time.
func WithClock(now func() time.Time) Option { return func(c *Cache) { c.clock = now } }

// WithTimeout has Redis be away once it has been silent for d, instead of 250 ms: for tests of what Redis answers, on a machine that may be busy.
func WithTimeout(d time.Duration) Option { return func(c *Cache) { c.remote.timeout = d } }

// New makes a cache. Run must run for Drops of other instances to arrive.
// Redis must not be a cluster: several keys are asked for by one script.
func New(rdb redis.UniversalClient, log *zap.Logger, options ...Option) *Cache {
	c := &Cache{
		instance: uuid.NewString(),
		remote:   newRemote(rdb, log),
		log:      log,
		lookups: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atrium_cache_lookups_total",
			Help: "Keys looked up, by space, level (local, redis, derived) and outcome (hit, miss).",
		}, []string{"space", "level", "outcome"}),
		spaces: map[string]anySpace{},
	}
	for _, option := range options {
		option(c)
	}
	c.deaf.Store(rdb != nil)
	return c
}

// Run listens for the Drops of other instances. It blocks until ctx ends and then returns nil.
func (c *Cache) Run(ctx context.Context) error {
	if client(c.remote) == nil {
		return background.UntilStopped(ctx)
	}
	for ctx.Err() == nil {
		err := c.listen(ctx)
		if !c.deaf.Load() && ctx.Err() == nil {
			c.log.Warn("cache: the subscription to Drops was lost", zap.Error(err))
		}
		c.setDeaf(true)
		background.Pause(ctx, relisten)
	}
	return nil
}

// listen subscribes and applies Drops until the subscription breaks.
func (c *Cache) listen(ctx context.Context) error {
	sub := client(c.remote).Subscribe(ctx, channel)
	stop := context.AfterFunc(ctx, func() { _ = sub.Close() })
	defer func() {
		stop()
		_ = sub.Close()
	}()
	for asked := false; ; {
		message, err := sub.ReceiveTimeout(ctx, silence)
		switch {
		case isTimeout(err) && !asked:
			asked = true
			err = sub.Ping(ctx)
		case err == nil:
			asked = false
		}
		if err != nil {
			return fmt.Errorf("cache: receive: %w", err)
		}
		c.hear(message)
	}
}

func (c *Cache) hear(message any) {
	switch m := message.(type) {
	case *redis.Subscription:
		c.setDeaf(false)
	case *redis.Message:
		c.apply([]byte(m.Payload))
	}
}

// setDeaf notes whether Drops arrive. Some may have been missed when they cease to, and when they do again. Copies made
// while Drops pass unheard live only for deafTTL, so the mark comes before the forgetting in one direction and after it in the other:
// whoever finds that Drops are heard finds a copy that nobody is about to forget.
func (c *Cache) setDeaf(deaf bool) {
	if deaf && c.deaf.Swap(true) {
		return
	}
	c.mu.RLock()
	for _, s := range c.spaces {
		s.forgetAll()
	}
	c.mu.RUnlock()
	c.deaf.Store(deaf)
}

// apply forgets what another instance dropped.
func (c *Cache) apply(message []byte) {
	var d drop
	if err := json.Unmarshal(message, &d); err != nil {
		c.unreadable(err)
		return
	}
	if d.From != c.instance {
		c.forgetHere([]drop{d})
	}
}

// localLife is how long a copy in this process may live: shorter while the Drops of others pass unheard.
func (c *Cache) localLife(ttl time.Duration) time.Duration {
	if c.deaf.Load() {
		ttl = min(ttl, deafTTL)
	}
	return jitter(ttl, 0.9, 1)
}

func (c *Cache) register(name string, s anySpace) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, taken := c.spaces[name]; taken {
		panic("cache: the space " + name + " was opened twice")
	}
	c.spaces[name] = s
}

// Describe is for Prometheus.
func (c *Cache) Describe(out chan<- *prometheus.Desc) {
	c.lookups.Describe(out)
	c.remote.inUse.Describe(out)
	for _, desc := range []*prometheus.Desc{keptBytes, mostBytes, keptValues, missedBytes} {
		out <- desc
	}
}

// Collect is for Prometheus.
func (c *Cache) Collect(out chan<- prometheus.Metric) {
	c.lookups.Collect(out)
	c.remote.inUse.Collect(out)
	sizes.collect(out)
	out <- prometheus.MustNewConstMetric(missedBytes, prometheus.GaugeValue, float64(c.remote.missedBytes()))
}

func isTimeout(err error) bool {
	var netErr net.Error
	return errors.As(err, &netErr) && netErr.Timeout()
}
