package ratelimit_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/ratelimit"
	"atrium/platform/redistest"
)

var fivePerHour = ratelimit.Class{Name: "test", Rate: 5, Period: time.Hour, Burst: 5}

func client(t *testing.T, url string) *redis.Client {
	t.Helper()
	opts, err := redis.ParseURL(url)
	require.NoError(t, err)
	rdb := redis.NewClient(opts)
	t.Cleanup(func() { _ = rdb.Close() })
	return rdb
}

// allowed counts how many of n simultaneous deeds are allowed.
func allowed(t *testing.T, limiters []*ratelimit.Limiter, key string, n int) int32 {
	t.Helper()
	return allowedOf(t, fivePerHour, limiters, key, n)
}

func allowedOf(t *testing.T, class ratelimit.Class, limiters []*ratelimit.Limiter, key string, n int) int32 {
	t.Helper()
	var count atomic.Int32
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			decision, err := limiters[i%len(limiters)].Allow(t.Context(), class, key, 1)
			if err == nil && decision.Allowed {
				count.Add(1)
			}
		})
	}
	all.Wait()
	return count.Load()
}

func TestLimits(t *testing.T) {
	t.Parallel()
	url := redistest.URL(t)
	for name, limiters := range map[string][]*ratelimit.Limiter{
		"shared by instances": {ratelimit.NewPatient(client(t, url)), ratelimit.NewPatient(client(t, url))},
		"without Redis":       {ratelimit.New(nil, zap.NewNop())},
	} {
		t.Run(name, func(t *testing.T) {
			key := uuid.NewString()
			one := limiters[0]
			before, err := one.Allow(t.Context(), fivePerHour, key, 0)
			require.NoError(t, err)
			require.True(t, before.Allowed, "looking is free")

			require.EqualValues(t, 5, allowed(t, limiters, key, 20))
			refused, err := one.Allow(t.Context(), fivePerHour, key, 1)
			require.NoError(t, err)
			require.False(t, refused.Allowed)
			require.Zero(t, refused.Remaining)
			require.InDelta(t, 12*time.Minute, refused.RetryAfter, float64(time.Minute))
			require.InDelta(t, time.Hour, refused.ResetAfter, float64(time.Minute))

			look, err := one.Allow(t.Context(), fivePerHour, key, 0)
			require.NoError(t, err)
			require.False(t, look.Allowed)
			require.EqualValues(t, 5, allowed(t, limiters, uuid.NewString(), 20), "another key is another count")
		})
	}
	t.Run("a class that allows nothing is a mistake", func(t *testing.T) {
		_, err := ratelimit.New(nil, zap.NewNop()).Allow(t.Context(), ratelimit.Class{Name: "empty"}, "k", 1)
		require.Error(t, err)
	})
}

// hooked is a client that the limiter takes as it is: a copy with another timeout would be without its hooks.
type hooked struct{ *redis.Client }

// What may be done hundreds of times at once costs one question for a hundredth of them, and is never allowed more often.
func TestLimits_ManyDeedsAreCountedTogether(t *testing.T) {
	t.Parallel()
	class := ratelimit.Class{Name: "many", Rate: 1000, Period: time.Hour, Burst: 1000}
	url, key := redistest.URL(t), uuid.NewString()
	rdb := client(t, url)
	questions := redistest.Count(rdb)
	one := ratelimit.NewPatient(hooked{rdb})
	for left := 999; left > 899; left-- {
		decision, err := one.Allow(t.Context(), class, key, 1)
		require.NoError(t, err)
		require.True(t, decision.Allowed)
		require.Equal(t, left, decision.Remaining, "each deed is seen")
	}
	require.Equal(t, 10, questions.Sent("evalsha"), "ten by one question")

	other := ratelimit.NewPatient(client(t, url))
	more := allowedOf(t, class, []*ratelimit.Limiter{one, other}, key, 2000)
	require.LessOrEqual(t, more, int32(901), "and what came back meanwhile")
	require.GreaterOrEqual(t, more, int32(900-2*9), "what one instance fetched is not the other's")

	one.Forget(t.Context(), class, key)
	look, err := one.Allow(t.Context(), class, key, 0)
	require.NoError(t, err)
	require.Equal(t, 1000, look.Remaining)
}

func TestRedisAway(t *testing.T) {
	t.Parallel()
	t.Run("cut off: still limited, and hardly slower", func(t *testing.T) {
		t.Parallel()
		line := redistest.Broken(t)
		limiter := ratelimit.New(client(t, line.URL()), zap.NewNop())
		line.Cut()
		wantLimitedAndQuick(t, limiter)
	})
	t.Run("silent: likewise", func(t *testing.T) {
		t.Parallel()
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		t.Cleanup(func() { _ = silent.Close() })
		limiter := ratelimit.New(client(t, "redis://"+silent.Addr().String()), zap.NewNop())
		wantLimitedAndQuick(t, limiter)
	})
	t.Run("a caller that has gone does not open the breaker", func(t *testing.T) {
		t.Parallel()
		url := redistest.URL(t)
		shared := ratelimit.NewPatient(client(t, url))
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := shared.Allow(gone, fivePerHour, "gone", 1)
		require.NoError(t, err)
		key := uuid.NewString()
		require.EqualValues(t, 5, allowed(t, []*ratelimit.Limiter{shared}, key, 5))
		elsewhere := ratelimit.NewPatient(client(t, url))
		require.Zero(t, allowed(t, []*ratelimit.Limiter{elsewhere}, key, 5), "it still counts in Redis")
	})
}

func wantLimitedAndQuick(t *testing.T, limiter *ratelimit.Limiter) {
	t.Helper()
	key, began, count := uuid.NewString(), time.Now(), 0
	for range 200 {
		decision, err := limiter.Allow(t.Context(), fivePerHour, key, 1)
		require.NoError(t, err)
		if decision.Allowed {
			count++
		}
	}
	require.Equal(t, 5, count)
	require.Less(t, time.Since(began), 5*time.Second, "200 waits for Redis would be 10 s; only the first may wait")
}

func TestLimiter_WhoNeverRestsDoesNotBeginAnew(t *testing.T) {
	t.Parallel()
	limiter := ratelimit.Local(300 * time.Millisecond)
	require.EqualValues(t, 5, allowed(t, []*ratelimit.Limiter{limiter}, "busy", 20))
	require.Never(t, func() bool { return allowed(t, []*ratelimit.Limiter{limiter}, "busy", 1) > 0 }, time.Second, 5*time.Millisecond)
}

// silence lets a client's scripts wait in vain, once it is told to.
type silence struct {
	*redistest.Commands
	begun atomic.Bool
}

func (s *silence) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if !s.begun.Load() {
			return next(ctx, cmd)
		}
		<-ctx.Done()
		return ctx.Err()
	}
}

// Requests of one caller that come at once do not wait for a silent Redis one after the other.
func TestRedisAway_NobodyWaitsForWhoAskedInVain(t *testing.T) {
	t.Parallel()
	rdb := client(t, redistest.URL(t))
	redisIsSilent := &silence{Commands: redistest.Count(rdb)}
	rdb.AddHook(redisIsSilent)
	limiter := ratelimit.New(hooked{rdb}, zap.NewNop())
	class := ratelimit.Class{Name: "many", Rate: 1000, Period: time.Hour, Burst: 1000}
	_, err := limiter.Allow(t.Context(), class, "another", 1) // it answered a moment ago: the machine may be busy
	require.NoError(t, err)
	before := redisIsSilent.Sent("evalsha")
	redisIsSilent.begun.Store(true)
	require.EqualValues(t, 200, allowedOf(t, class, []*ratelimit.Limiter{limiter}, uuid.NewString(), 200))
	asked := redisIsSilent.Sent("evalsha") - before
	require.Positive(t, asked)
	require.LessOrEqual(t, asked, 3)
}
