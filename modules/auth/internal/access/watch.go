package access

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"
)

const (
	pollEvery  = 2 * time.Second
	flushEvery = 3 * time.Second
	keysEvery  = 30 * time.Second
)

// Watch keeps what an instance knows up to date in the background.
type Watch struct {
	keys    *Keys
	revoked *Revocations
	seen    *Sightings
	log     *zap.Logger
	cancel  context.CancelFunc
	running sync.WaitGroup
}

// NewWatch makes a watch that does not run yet.
func NewWatch(keys *Keys, revoked *Revocations, seen *Sightings, log *zap.Logger) *Watch {
	return &Watch{keys: keys, revoked: revoked, seen: seen, log: log}
}

// Start loads keys and revocations, since no token can be judged without, and goes on in the background until Stop.
func (w *Watch) Start(ctx context.Context) error {
	if err := w.keys.Ensure(ctx); err != nil {
		return err
	}
	if err := w.revoked.Poll(ctx); err != nil {
		return err
	}
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	w.every(ctx, pollEvery, "poll revocations", w.revoked.Poll)
	w.every(ctx, flushEvery, "write sightings", w.seen.Flush)
	w.every(ctx, keysEvery, "reload signing keys", w.keys.Reload)
	w.running.Go(func() { w.revoked.listen(ctx) })
	w.running.Go(func() {
		for {
			select {
			case <-ctx.Done():
				return
			case added := <-w.revoked.announce:
				w.revoked.publish(ctx, added)
			}
		}
	})
	return nil
}

// Stop ends the background work and writes what it still holds.
func (w *Watch) Stop(ctx context.Context) error {
	if w.cancel == nil {
		return nil
	}
	w.cancel()
	w.running.Wait()
	return w.seen.Flush(ctx)
}

// every runs fn again and again. A failure is logged when it begins, not each time.
func (w *Watch) every(ctx context.Context, interval time.Duration, what string, fn func(ctx context.Context) error) {
	w.running.Go(func() {
		tick := time.NewTicker(interval)
		defer tick.Stop()
		failing := false
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			bounded, cancel := context.WithTimeout(ctx, max(interval, 5*time.Second))
			err := fn(bounded)
			cancel()
			if err != nil && !failing && ctx.Err() == nil {
				w.log.Warn("auth: cannot "+what+", trying on", zap.Error(err))
			}
			failing = err != nil
		}
	})
}
