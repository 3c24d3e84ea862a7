package cache

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/redistest"
)

// A busy machine is slow, and gets slower by going around Redis; one that is away is silent.
func TestRemote_IsAwayWhenItIsSilentAndNotWhenItIsSlow(t *testing.T) {
	t.Parallel()
	r := newRemote(redistest.Open(t), zap.NewNop())
	r.timeout = time.Second
	slow, others := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(others)
		for tick := time.NewTicker(20 * time.Millisecond); ; {
			select {
			case <-slow:
				tick.Stop()
				return
			case <-tick.C:
				ask(t.Context(), r, func(context.Context) (int, error) { return 1, nil })
			}
		}
	}()
	answer, ok := ask(t.Context(), r, func(ctx context.Context) (int, error) {
		select {
		case <-time.After(2 * r.timeout): // far longer than silence may last
			return 7, nil
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	})
	close(slow)
	<-others
	require.True(t, ok, "it answered others all the time")
	require.Equal(t, 7, answer)
	require.True(t, r.usable())

	r.timeout = 50 * time.Millisecond
	_, ok = ask(t.Context(), r, func(ctx context.Context) (int, error) {
		<-ctx.Done()
		return 0, ctx.Err()
	})
	require.False(t, ok, "nobody was answered")
	require.False(t, r.usable())
}
