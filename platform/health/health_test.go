package health_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/health"
)

func TestReport(t *testing.T) {
	t.Parallel()
	down := func(context.Context) error { return errors.New("down") }
	up := func(context.Context) error { return nil }
	report := func(checks ...health.Check) health.Report {
		r := health.New()
		for _, check := range checks {
			r.Add(check)
		}
		return r.Report(t.Context())
	}
	require.Equal(t, health.Ready, report().Status)
	require.Equal(t, health.Ready, report(health.Check{Name: "a", Required: true, Run: up}).Status)
	require.Equal(t, health.Degraded, report(health.Check{Name: "a", Run: down}).Status)
	mixed := report(health.Check{Name: "a", Required: true, Run: down}, health.Check{Name: "b", Run: down}, health.Check{Name: "c", Run: up})
	require.Equal(t, health.Unavailable, mixed.Status)
	require.Equal(t, map[string]string{"a": "failing", "b": "failing", "c": "ok"}, mixed.Checks)
}

func TestChecksAreBounded(t *testing.T) {
	t.Parallel()
	forever := make(chan struct{})
	t.Cleanup(func() { close(forever) })
	r := health.New()
	r.Add(health.Check{Name: "deaf", Required: true, Run: func(context.Context) error { <-forever; return nil }})
	began := time.Now()
	require.Equal(t, health.Unavailable, r.Report(t.Context()).Status)
	require.Less(t, time.Since(began), 5*time.Second)
}

func TestCallersShareARun(t *testing.T) {
	t.Parallel()
	var runs atomic.Int32
	r := health.New()
	r.Add(health.Check{Name: "counted", Run: func(ctx context.Context) error { runs.Add(1); return ctx.Err() }})
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { r.Report(gone) })
	}
	all.Wait()
	require.EqualValues(t, 1, runs.Load())
	require.Equal(t, health.Ready, r.Report(t.Context()).Status, "a caller that went away spoils nothing")
}

func TestDraining(t *testing.T) {
	t.Parallel()
	r := health.New()
	require.False(t, r.Started())
	r.MarkStarted()
	require.True(t, r.Started())
	r.Drain()
	require.Equal(t, health.Report{Status: health.Unavailable, Draining: true, Checks: map[string]string{}, Errors: map[string]error{}}, r.Report(t.Context()))
}

// One thing that does not answer takes no time from the others, however many there are and in whatever order they come.
func TestFault_R10_EachCheckHasItsOwnTime(t *testing.T) {
	t.Parallel()
	paused := make(chan struct{})
	t.Cleanup(func() { close(paused) })
	for range 20 {
		r := health.New()
		// The others answer when the first has given up, as they may on a busy machine.
		slow := make(chan struct{})
		r.Add(health.Check{Name: "redis", Timeout: 20 * time.Millisecond, Run: func(ctx context.Context) error {
			<-ctx.Done()
			close(slow)
			<-paused
			return nil
		}})
		for _, name := range []string{"queue", "s3"} {
			r.Add(health.Check{Name: name, Timeout: 10 * time.Second, Run: func(ctx context.Context) error {
				<-slow
				return ctx.Err()
			}})
		}
		require.Equal(t, map[string]string{"redis": "failing", "queue": "ok", "s3": "ok"}, r.Report(t.Context()).Checks)
	}
}
