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
