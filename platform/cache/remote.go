package cache

import (
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"atrium/platform/background"
)

const (
	opTimeout = 250 * time.Millisecond // of silence, then Redis is away
	// stubbornness is how many times opTimeout one answer is waited for while Redis answers others: a machine that is merely busy
	// would get busier by going around Redis.
	stubbornness = 6
	mendFirst    = 100 * time.Millisecond
	mendLongest  = time.Second
	// leaseTTL is how long a load may take for its value to reach Redis.
	leaseTTL = 10 * time.Second
	// scriptKeys bounds the keys of one script: Lua cannot unpack many thousands.
	scriptKeys = 1000
	// leaseMark begins every lease and no JSON.
	leaseMark = "\x00"
)

// A reader that finds nothing leaves a lease in the value's place, and its value is taken only while that lease
// is still there. A Drop deletes the lease, so a value read before the Drop never arrives after it, on whatever
// instance and however late.
var (
	readScript = redis.NewScript(`
local values = redis.call('MGET', unpack(KEYS))
for i, key in ipairs(KEYS) do
  if not values[i] then redis.call('SET', key, ARGV[1], 'PX', ARGV[2]) end
end
return values`)

	writeScript = redis.NewScript(`
for i, key in ipairs(KEYS) do
  if redis.call('GET', key) == ARGV[3*i-2] then
    redis.call('SET', key, ARGV[3*i-1], 'PX', ARGV[3*i])
  end
end
return 0`)
)

// remote is the level in Redis. After a failure it is out of use until the Drops that it missed have been repeated:
// before that it may hold what this process knows to be old.
type remote struct {
	rdb     any // what client returns: with the client's type every package that sees a Space would compile its thousand methods once more
	log     *zap.Logger
	inUse   prometheus.GaugeFunc
	timeout time.Duration // of silence

	answered atomic.Int64 // when Redis answered last, in Unix nanoseconds

	mu     sync.Mutex
	broken bool
	missed []forgotten
	weight int   // of missed, in bytes
	gone   int64 // how many of the oldest were left to the outbox, ever
}

// missedMost bounds what is kept of missed Drops, in bytes. Beyond it the oldest are left to the outbox, which repeats them as soon as
// Redis is back.
const missedMost = 32 * MB

var missedBytes = prometheus.NewDesc("atrium_cache_missed_drops_bytes", "What Redis has yet to forget, while it is away.", nil, nil)

func (r *remote) missedBytes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.weight
}

// miss keeps Drops for later. The lock is held.
func (r *remote) miss(drops []forgotten) {
	r.missed = append(r.missed, drops...)
	for _, f := range drops {
		r.weight += f.size()
	}
	left := 0
	for ; r.weight > missedMost && left < len(r.missed); left++ {
		r.weight -= r.missed[left].size()
	}
	if left > 0 {
		r.missed = slices.Delete(r.missed, 0, left)
		r.gone += int64(left)
	}
}

// size is about how many bytes a Drop takes.
func (f forgotten) size() int {
	size := 100 + len(f.message)
	for _, key := range f.keys {
		size += 16 + len(key)
	}
	return size
}

// forgotten is a Drop as Redis gets it. It need not be repeated after until: then all copies have expired.
type forgotten struct {
	keys    []string
	message []byte // nil: the others have no copies
	until   time.Time
}

// entry is a value on its way to Redis.
type entry struct {
	key   string
	lease string // of when it was found missing
	text  []byte
	ttl   time.Duration
}

// client is the client of Redis, nil where there is none.
func client(r *remote) redis.UniversalClient {
	rdb, _ := r.rdb.(redis.UniversalClient)
	return rdb
}

func newRemote(rdb redis.UniversalClient, log *zap.Logger) *remote {
	r := &remote{rdb: rdb, log: log, timeout: opTimeout}
	r.inUse = prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "atrium_cache_redis_in_use",
		Help: "1 while the cache uses Redis, 0 while it works without.",
	}, func() float64 {
		if r.usable() {
			return 1
		}
		return 0
	})
	return r
}

func (r *remote) usable() bool {
	if client(r) == nil {
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return !r.broken
}

// read returns the texts of keys ("" for each unknown one) and the lease to write those with.
// Without an answer from Redis the lease is empty.
func (r *remote) read(ctx context.Context, keys []string) ([]string, string) {
	if !r.usable() {
		return nil, ""
	}
	lease := leaseMark + rand.Text()
	texts, err := within(ctx, r, func(ctx context.Context) ([]string, error) {
		texts := make([]string, 0, len(keys))
		for chunk := range slices.Chunk(keys, scriptKeys) {
			values, err := readScript.Run(ctx, client(r), chunk, lease, leaseTTL.Milliseconds()).Slice()
			if err != nil {
				return nil, err
			}
			for _, value := range values {
				texts = append(texts, known(value))
			}
		}
		return texts, nil
	})
	if err != nil {
		r.fail(err)
		return nil, ""
	}
	return texts, lease
}

// ask runs one round trip. Without an answer it reports false, and Redis is out of use until it has been mended.
func ask[T any](ctx context.Context, r *remote, fn func(ctx context.Context) (T, error)) (answer T, ok bool) {
	if !r.usable() {
		return answer, false
	}
	answer, err := within(ctx, r, fn)
	if err != nil {
		r.fail(err)
		return answer, false
	}
	return answer, true
}

// known returns the text of a value, or "" for nothing and for somebody's lease.
func known(value any) string {
	text, _ := value.(string)
	if text == "" || text[:1] == leaseMark {
		return ""
	}
	return text
}

// write gives Redis the entries whose lease is still valid.
func (r *remote) write(ctx context.Context, entries []entry) {
	if len(entries) == 0 || !r.usable() {
		return
	}
	_, err := within(ctx, r, func(ctx context.Context) (struct{}, error) {
		for chunk := range slices.Chunk(entries, scriptKeys) {
			keys, args := make([]string, 0, len(chunk)), make([]any, 0, 3*len(chunk))
			for _, e := range chunk {
				keys = append(keys, e.key)
				args = append(args, e.lease, e.text, e.ttl.Milliseconds())
			}
			if err := writeScript.Run(ctx, client(r), keys, args...).Err(); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	if err != nil {
		r.fail(err)
	}
}

// drop deletes the keys and tells the other instances, now or as soon as Redis can be reached.
func (r *remote) drop(ctx context.Context, drops ...forgotten) {
	if client(r) == nil || r.postpone(drops) {
		return
	}
	if err := r.forget(ctx, drops); err != nil {
		r.fail(err, drops...)
	}
}

// repeat is drop for a caller who comes again where Redis cannot be reached.
func (r *remote) repeat(ctx context.Context, drops []forgotten) error {
	if client(r) == nil {
		return nil
	}
	if !r.usable() {
		return errors.New("cache: works without Redis at the moment")
	}
	err := r.forget(ctx, drops)
	if err != nil {
		r.fail(err)
	}
	return err
}

// postpone keeps Drops for later if Redis is out of use.
func (r *remote) postpone(drops []forgotten) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken {
		r.miss(drops)
	}
	return r.broken
}

func (r *remote) forget(ctx context.Context, drops []forgotten) error {
	_, err := within(ctx, r, func(ctx context.Context) (struct{}, error) {
		_, err := client(r).Pipelined(ctx, func(p redis.Pipeliner) error {
			for some := range slices.Chunk(keysOf(drops), scriptKeys) {
				p.Del(ctx, some...)
			}
			for _, f := range drops {
				if f.message != nil {
					p.Publish(ctx, channel, f.message)
				}
			}
			return nil
		})
		return struct{}{}, err
	})
	return err
}

func keysOf(drops []forgotten) (keys []string) {
	for _, f := range drops {
		keys = append(keys, f.keys...)
	}
	return keys
}

// fail takes Redis out of use and starts to mend it. The Drops have not arrived. A reader who waited in vain while others were
// answered changes nothing.
func (r *remote) fail(err error, drops ...forgotten) {
	if len(drops) == 0 && errors.Is(err, context.DeadlineExceeded) && r.silence() < r.timeout {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.miss(drops)
	if r.broken {
		return
	}
	r.broken = true
	r.log.Warn("cache: works without Redis", zap.Error(err))
	go r.mend()
}

// mend tries, ever more slowly, until Redis answers and has every Drop, or has been closed for good.
func (r *remote) mend() {
	for wait := mendFirst; ; wait = min(2*wait, mendLongest) {
		background.Pause(context.Background(), wait)
		for {
			done, err := r.catchUp()
			if errors.Is(err, redis.ErrClosed) {
				return
			}
			if done {
				r.log.Info("cache: works with Redis again")
				return
			}
			if err != nil {
				break
			}
		}
	}
}

// catchUp repeats some of the missed Drops. When none is left, Redis is in use again.
func (r *remote) catchUp() (done bool, err error) {
	r.mu.Lock()
	now := time.Now()
	r.missed = slices.DeleteFunc(r.missed, func(f forgotten) bool {
		over := now.After(f.until)
		if over {
			r.weight -= f.size()
		}
		return over
	})
	batch, gone := slices.Clone(r.missed[:min(len(r.missed), 100)]), r.gone
	r.mu.Unlock()

	if len(batch) == 0 {
		_, err = within(context.Background(), r, func(ctx context.Context) (string, error) { return client(r).Ping(ctx).Result() })
	} else {
		err = r.forget(context.Background(), batch)
	}
	if err != nil {
		return false, err
	}

	r.mu.Lock()
	defer r.mu.Unlock()
	batch = batch[min(len(batch), int(r.gone-gone)):] // some may have been left to the outbox meanwhile; else it was only appended to
	for _, f := range batch {
		r.weight -= f.size()
	}
	r.missed = slices.Delete(r.missed, 0, len(batch))
	r.broken = len(r.missed) > 0
	return !r.broken, nil
}

// silence is how long Redis has answered nobody.
func (r *remote) silence() time.Duration { return time.Since(time.Unix(0, r.answered.Load())) }

// within runs fn until Redis has been silent for the timeout, whatever the timeouts of the client are. It goes on when the caller's
// ctx ends: that would say nothing about Redis.
func within[T any](ctx context.Context, r *remote, fn func(ctx context.Context) (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stubbornness*r.timeout)
	defer cancel()
	done := make(chan result, 1)
	go func() {
		value, err := fn(ctx)
		done <- result{value, err}
	}()
	quiet := time.NewTimer(r.timeout)
	defer quiet.Stop()
	for {
		select {
		case got := <-done:
			if got.err == nil {
				r.answered.Store(time.Now().UnixNano())
			}
			return got.value, got.err
		case <-quiet.C:
			silence := r.silence()
			if silence >= r.timeout {
				var none T
				return none, context.DeadlineExceeded
			}
			quiet.Reset(r.timeout - silence)
		case <-ctx.Done():
			var none T
			return none, ctx.Err()
		}
	}
}
