package background_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"atrium/platform/background"
)

var errBroken = errors.New("broken")

// supervise starts a service and returns where its failure arrives.
func supervise(t *testing.T, s background.Service) (*background.Supervisor, chan error) {
	t.Helper()
	failures := make(chan error, 2)
	supervisor := background.Supervise(s, func(err error) { failures <- err })
	require.NoError(t, supervisor.Start(t.Context()))
	return supervisor, failures
}

func TestSupervisor_EndsThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		run  func(ctx context.Context) error
		want error
		text string
	}{
		"return":               {func(context.Context) error { return nil }, background.ErrReturned, "relay: it returned though nobody stopped it"},
		"error":                {func(context.Context) error { return errBroken }, errBroken, "relay: broken"},
		"panic with an error":  {func(context.Context) error { panic(errBroken) }, errBroken, "relay: panic: broken"},
		"panic with something": {func(context.Context) error { panic("what") }, nil, "relay: panic: what"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := false
			s, failures := supervise(t, background.Service{Name: "relay", Run: tc.run, Close: func(context.Context) error { closed = true; return nil }})
			err := <-failures
			require.EqualError(t, err, tc.text)
			if tc.want != nil {
				require.ErrorIs(t, err, tc.want)
			}
			var p *background.PanicError
			if errors.As(err, &p) {
				require.Contains(t, string(p.Stack), "background_test.go")
			}
			require.NoError(t, s.Stop(t.Context()), "what has failed is stopped like the rest")
			require.True(t, closed)
			require.Empty(t, failures, "it is told once")
		})
	}
}

func TestSupervisor_Stop(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(ctx context.Context) error{
		"returns": background.UntilStopped,
		"waits":   nil,
		"errs":    func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() },
		"panics":  func(ctx context.Context) error { <-ctx.Done(); panic("on the way out") },
	} {
		t.Run("whatever it does when it is stopped is no failure: it "+name, func(t *testing.T) {
			t.Parallel()
			var order []string
			s, failures := supervise(t, background.Service{
				Name:    "relay",
				Prepare: func(context.Context) error { order = append(order, "prepare"); return nil },
				Run:     run,
				Close:   func(context.Context) error { order = append(order, "close"); return errBroken },
			})
			require.ErrorIs(t, s.Stop(t.Context()), errBroken, "what it cannot finish is told")
			require.Equal(t, []string{"prepare", "close"}, order)
			require.Empty(t, failures)
		})
	}
	t.Run("waits no longer than it may", func(t *testing.T) {
		t.Parallel()
		stay := make(chan struct{})
		defer close(stay)
		s, failures := supervise(t, background.Service{Name: "relay", Run: func(context.Context) error { <-stay; return nil }})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorContains(t, s.Stop(ctx), "relay did not end in time")
		require.Empty(t, failures)
	})
	t.Run("of what never started", func(t *testing.T) {
		t.Parallel()
		s := background.Supervise(background.Service{Name: "relay", Run: background.UntilStopped, Prepare: func(context.Context) error { return errBroken }}, nil)
		require.ErrorIs(t, s.Start(t.Context()), errBroken)
		require.NoError(t, s.Stop(t.Context()))
	})
}

func TestTogether(t *testing.T) {
	t.Parallel()
	require.ErrorIs(t, background.Together(t.Context(), background.UntilStopped, func(context.Context) error { return errBroken }), errBroken)
	require.ErrorIs(t, background.Together(t.Context(), background.UntilStopped, func(context.Context) error { return nil }), background.ErrReturned)
	require.ErrorContains(t, background.Together(t.Context(), background.UntilStopped, func(context.Context) error { panic("what") }), "panic: what")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, background.Together(ctx, background.UntilStopped, background.UntilStopped))
}

func TestRetry_WaitsLongerEachTimeUntilItIsStopped(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		ctx, cancel := context.WithCancel(t.Context())
		var waits []time.Duration
		last := time.Now()
		held := false
		err := background.Retry(ctx, background.Backoff{First: time.Second, Longest: 4 * time.Second}, zap.New(core), "listening", func(ctx context.Context) error {
			waits = append(waits, time.Since(last))
			if len(waits) == 6 {
				background.Pause(ctx, time.Minute)
				held = true
			}
			last = time.Now()
			if len(waits) == 8 {
				cancel()
			}
			return errBroken
		})
		require.NoError(t, err)
		require.True(t, held)
		for i, seconds := range []float64{0, 1, 2, 4, 4, 4, 1, 2} {
			want := time.Duration(seconds * float64(time.Second))
			require.GreaterOrEqual(t, waits[i], want/2)
			require.LessOrEqual(t, waits[i], want)
		}
		require.Equal(t, 7, logs.FilterMessage("listening is interrupted and will be tried again").Len())
	})
}

func TestEvery_LogsAFailureWhenItBegins(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		core, logs := observer.New(zap.WarnLevel)
		ctx, cancel := context.WithCancel(t.Context())
		began, calls := time.Now(), 0
		err := background.Every(ctx, time.Second, zap.New(core), "poll", func(context.Context) error {
			switch calls++; calls {
			case 2, 3, 5:
				return errBroken
			case 6:
				cancel()
			}
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, 6*time.Second, time.Since(began))
		require.Equal(t, 2, logs.FilterMessage("cannot poll, will try again").Len())
	})
}
