package background

import (
	"context"
	"math/rand/v2"
	"time"

	"go.uber.org/zap"
)

// Backoff is how long to wait after a failure: First, then twice as long each time, at most Longest. Up to half of a wait is
// left out by chance, so that what failed together does not come back together.
type Backoff struct{ First, Longest time.Duration }

// Retry calls fn until ctx ends, and then returns nil: fn holds a connection for as long as it lasts and returns when it is
// lost. Each loss is a warning in the log. A call that held for longer than the longest wait begins the waits anew.
func Retry(ctx context.Context, backoff Backoff, log *zap.Logger, what string, fn func(ctx context.Context) error) error {
	for wait := backoff.First; ctx.Err() == nil; wait = min(2*wait, backoff.Longest) {
		began := time.Now()
		if err := fn(ctx); ctx.Err() == nil {
			log.Warn(what+" is interrupted and will be tried again", zap.Error(err))
		}
		if time.Since(began) > backoff.Longest {
			wait = backoff.First
		}
		Pause(ctx, wait-rand.N(wait/2+1))
	}
	return nil
}

// Every calls fn once an interval until ctx ends, and then returns nil. A call may take as long as the interval, but 5 seconds
// at least. A failure is a warning when it begins, not each time, and the next call is the retry.
func Every(ctx context.Context, interval time.Duration, log *zap.Logger, what string, fn func(ctx context.Context) error) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for failing := false; ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		err := bounded(ctx, max(interval, 5*time.Second), fn)
		if err != nil && !failing && ctx.Err() == nil {
			log.Warn("cannot "+what+", will try again", zap.Error(err))
		}
		failing = err != nil
	}
}

func bounded(ctx context.Context, limit time.Duration, fn func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return fn(ctx)
}

// Pause waits for d, or until ctx ends.
func Pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
