// Package ratelimit counts how often somebody does something: GCRA in one Redis call, and in this process while Redis is away.
package ratelimit

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/failsafe-go/failsafe-go/circuitbreaker"
	"github.com/go-redis/redis_rate/v10"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"
	"golang.org/x/time/rate"

	"atrium/platform/cache"
)

const (
	// redisTimeout is how long a request waits for Redis.
	redisTimeout = 50 * time.Millisecond
	// silence is how long Redis must have answered nobody before a request that waited in vain counts as its failure: else this
	// machine is busy.
	silence = time.Second
	// pause is how long Redis is left alone after it failed. Then one request tries it again.
	pause = 5 * time.Second
	// localBytes bounds the memory of the limiter in this process.
	localBytes = 32 * cache.MB
	// idle is how long this process remembers a key that does nothing.
	idle = time.Hour
	// fraction of what a key may do at once is fetched from Redis together, where that is more than one.
	fraction = 100
	// allotted is how long deeds that were fetched together may be done without asking Redis again. What is left then has been counted in vain.
	allotted = 10 * time.Second
)

// Class is a kind of deed and how often one key may do it: Rate times per Period on average, and up to Burst at once.
type Class struct {
	Name   string
	Rate   int
	Period time.Duration
	Burst  int
}

// PerMinute makes a class of n a minute.
func PerMinute(name string, n, burst int) Class {
	return Class{Name: name, Rate: n, Period: time.Minute, Burst: burst}
}

// Decision says whether the deed is allowed and what is left.
type Decision struct {
	Allowed    bool
	Remaining  int           // how many more are allowed now
	RetryAfter time.Duration // when the deed would be allowed; 0 where it is
	ResetAfter time.Duration // when nothing will be counted any more
}

// Limiter is safe for concurrent use.
type Limiter struct {
	shared   *redis_rate.Limiter // nil: without Redis
	timeout  time.Duration
	idle     time.Duration
	breaker  circuitbreaker.CircuitBreaker[any]
	answered atomic.Int64 // when Redis answered last, in Unix nanoseconds
	local    *cache.Local[string, *rate.Limiter]
	allotted *cache.Local[string, *allotment]
}

// allotment is what one key may still do without Redis being asked: that has counted it already.
type allotment struct {
	mu       sync.Mutex // held while Redis is asked: who comes meanwhile takes of what it brings
	left     int
	decision Decision // of the last one that is left
	until    time.Time
	failed   time.Time // when Redis was asked in vain
}

// take does one deed of what is left. The lock is held.
func (a *allotment) take() Decision {
	a.left--
	decision := a.decision
	decision.Remaining += a.left
	return decision
}

// New makes a limiter. Without Redis (nil) it counts in this process only.
func New(rdb redis.UniversalClient, log *zap.Logger) *Limiter {
	return newLimiter(rdb, log, redisTimeout, idle)
}

func newLimiter(rdb redis.UniversalClient, log *zap.Logger, timeout, idle time.Duration) *Limiter {
	l := &Limiter{
		timeout: timeout,
		idle:    idle,
		local:   cache.NewLocal("ratelimit", localBytes, func(string, *rate.Limiter) time.Duration { return idle }),

		allotted: cache.NewLocal("ratelimit.allotted", localBytes, func(string, *allotment) time.Duration { return allotted }),
	}
	l.breaker = circuitbreaker.NewBuilder[any]().WithFailureThreshold(1).WithDelay(pause).
		OnOpen(func(circuitbreaker.StateChangedEvent) {
			log.Warn("rate limits are counted in this process: Redis is away")
		}).
		OnClose(func(circuitbreaker.StateChangedEvent) { log.Info("rate limits are counted in Redis again") }).
		Build()
	if rdb != nil {
		l.shared = redis_rate.NewLimiter(withTimeout(rdb, timeout))
	}
	return l
}

// Collector counts nothing itself; it shows how many keys this process keeps.
func (l *Limiter) Collector() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "atrium_ratelimit_local_keys", Help: "Keys counted in this process because Redis is away.",
	}, func() float64 { return float64(l.local.Len()) })
}

// Allow asks whether key may do the deed n times now, and counts it if so; n = 0 only looks.
// It never fails because of Redis; the one error is a class that allows nothing. Of a deed that may be done hundreds of times at once,
// several are counted by one question, so that a key may be refused a hundredth of them too early, never too late.
func (l *Limiter) Allow(ctx context.Context, class Class, key string, n int) (Decision, error) {
	if class.Rate < 1 || class.Burst < 1 || class.Period <= 0 {
		return Decision{}, fmt.Errorf("ratelimit: class %q allows nothing", class.Name)
	}
	name := class.Name + ":" + key
	if l.shared != nil {
		decision, err := l.askShared(ctx, class, name, n)
		if err == nil {
			return decision, nil
		}
	}
	return l.askLocal(class, name, n, time.Now()), nil
}

// errAway: Redis failed a moment ago, and is left alone.
var errAway = errors.New("ratelimit: Redis is left alone")

// askShared asks Redis, or takes of what it has allowed the key already.
func (l *Limiter) askShared(ctx context.Context, class Class, name string, n int) (Decision, error) {
	if many := class.Burst / fraction; n == 1 && many > 1 {
		return l.takeAllotted(ctx, class, name, many)
	}
	result, err := l.askRedis(ctx, func(ctx context.Context) (*redis_rate.Result, error) {
		return l.shared.AllowN(ctx, name, class.limit(), n)
	})
	return decide(class, result, n), err
}

// takeAllotted does one deed of an allotment, which Redis fills up with many where nothing is left. Who waited for somebody that asked
// in vain does not wait once more.
func (l *Limiter) takeAllotted(ctx context.Context, class Class, name string, many int) (Decision, error) {
	a, _ := l.allotted.Load(name, func() (*allotment, error) { return &allotment{}, nil })
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.left > 0 && time.Now().Before(a.until) {
		return a.take(), nil
	}
	if time.Since(a.failed) < l.timeout {
		return Decision{}, errAway
	}
	result, err := l.askRedis(ctx, func(ctx context.Context) (*redis_rate.Result, error) {
		return l.shared.AllowAtMost(ctx, name, class.limit(), many)
	})
	if err != nil {
		a.failed = time.Now()
		return Decision{}, err
	}
	a.left, a.decision, a.until = result.Allowed, decide(class, result, 1), time.Now().Add(allotted)
	if a.left == 0 {
		return a.decision, nil
	}
	return a.take(), nil
}

// Forget makes what key did of the class count no more. Where Redis does not answer, it is forgotten when its time is over.
func (l *Limiter) Forget(ctx context.Context, class Class, key string) {
	l.local.Forget(class.Name + ":" + key)
	l.allotted.Forget(class.Name + ":" + key)
	if l.shared == nil || !l.breaker.TryAcquirePermit() {
		return
	}
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	l.record(ctx, l.shared.Reset(bounded, class.Name+":"+key))
}

// record tells the breaker how Redis did. It did nothing wrong where the caller gave up, or where it answered others meanwhile.
func (l *Limiter) record(ctx context.Context, err error) {
	now := time.Now()
	switch {
	case err == nil:
		l.answered.Store(now.UnixNano())
		l.breaker.RecordSuccess()
	case ctx.Err() != nil, isTimeout(err) && now.Sub(time.Unix(0, l.answered.Load())) < silence:
		l.breaker.RecordSuccess()
	default:
		l.breaker.RecordError(err)
	}
}

// isTimeout reports whether nothing came back in time, from Redis or from the pool of connections.
func isTimeout(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, redis.ErrPoolTimeout)
}

// askRedis asks one question, unless Redis failed a moment ago.
func (l *Limiter) askRedis(ctx context.Context, ask func(ctx context.Context) (*redis_rate.Result, error)) (*redis_rate.Result, error) {
	if !l.breaker.TryAcquirePermit() {
		return nil, errAway
	}
	bounded, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	result, err := ask(bounded)
	l.record(ctx, err)
	if err != nil {
		return nil, fmt.Errorf("ratelimit: ask Redis: %w", err)
	}
	return result, nil
}

func (c Class) limit() redis_rate.Limit {
	return redis_rate.Limit{Rate: c.Rate, Period: c.Period, Burst: c.Burst}
}

// decide reads what Redis said of n deeds; without an answer it is no decision.
func decide(class Class, result *redis_rate.Result, n int) Decision {
	if result == nil {
		return Decision{}
	}
	decision := Decision{
		Allowed:    result.Allowed > 0 || n == 0 && result.Remaining > 0,
		Remaining:  result.Remaining,
		RetryAfter: max(result.RetryAfter, 0),
		ResetAfter: result.ResetAfter,
	}
	if n == 0 && !decision.Allowed { // Redis tells when nothing would be allowed: now
		each := class.Period / time.Duration(class.Rate)
		decision.RetryAfter = max(result.ResetAfter-time.Duration(class.Burst-1)*each, 0)
	}
	return decision
}

func (l *Limiter) askLocal(class Class, key string, n int, now time.Time) Decision {
	perSecond := float64(class.Rate) / class.Period.Seconds()
	limiter, _ := l.local.Load(key, func() (*rate.Limiter, error) {
		return rate.NewLimiter(rate.Limit(perSecond), class.Burst), nil
	})
	l.local.Renew(key, l.idle) // else who never rests would begin anew every hour
	allowed := n > 0 && limiter.AllowN(now, n)
	tokens := limiter.TokensAt(now)
	decision := Decision{
		Allowed:    allowed || n == 0 && tokens >= 1,
		Remaining:  int(math.Max(tokens, 0)),
		ResetAfter: seconds((float64(class.Burst) - tokens) / perSecond),
	}
	if !decision.Allowed {
		decision.RetryAfter = seconds((float64(max(n, 1)) - tokens) / perSecond)
	}
	return decision
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// withTimeout returns the client with its own short timeout, where the client can do that; the context bounds the rest.
func withTimeout(rdb redis.UniversalClient, timeout time.Duration) redis.UniversalClient {
	if client, ok := rdb.(*redis.Client); ok {
		return client.WithTimeout(timeout)
	}
	return rdb
}
