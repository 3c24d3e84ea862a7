package breaker

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

var errDown = errors.New("down")

func setup(t *testing.T, atOnce uint) *Breaker {
	t.Parallel()
	return New(atOnce, func(err error) bool { return errors.Is(err, errDown) })
}

func TestBreaker(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	down := func() error { return errDown }

	t.Run("a service that is down is left alone, then tried again", func(t *testing.T) {
		b := setup(t, 10)
		for range failures {
			require.ErrorIs(t, b.Do(ctx, down), errDown)
		}
		err := b.Do(ctx, func() error { t.Error("called"); return nil })
		require.ErrorIs(t, err, ErrRefused)
		require.Eventually(t, func() bool {
			return b.Do(ctx, func() error { return nil }) == nil
		}, probation+2*time.Second, 50*time.Millisecond)
		require.ErrorIs(t, b.Do(ctx, down), errDown, "it is closed again")
	})

	t.Run("an answer is an answer, even one we do not like", func(t *testing.T) {
		b := setup(t, 10)
		no := errors.New("no")
		for range 10 * failures {
			require.ErrorIs(t, b.Do(ctx, func() error { return no }), no)
		}
	})

	t.Run("no more calls than agreed are under way", func(t *testing.T) {
		b := setup(t, 1)
		calling, release, ended := make(chan struct{}), make(chan struct{}), make(chan error)
		go func() {
			ended <- b.Do(ctx, func() error { close(calling); <-release; return nil })
		}()
		<-calling
		soon, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
		defer cancel()
		require.Error(t, b.Do(soon, func() error { t.Error("called"); return nil }))
		close(release)
		require.NoError(t, <-ended)
		require.NoError(t, b.Do(ctx, func() error { return nil }))
	})
}
