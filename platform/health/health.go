// Package health says whether this process should get work: alive, started, ready, degraded or draining.
package health

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// The bounds of a check: how long it may take unless it says so itself, and for how long its answer is good.
const (
	timeout  = time.Second
	freshFor = time.Second
)

// Check looks at one thing that this process needs.
type Check struct {
	Name     string
	Required bool          // failing: not ready; otherwise only degraded
	Timeout  time.Duration // how long it may take; 0: a second
	Run      func(ctx context.Context) error
}

// Status is the state of the whole.
type Status string

// The states. Only Unavailable takes a process out of the load balancer.
const (
	Ready       Status = "ready"
	Degraded    Status = "degraded"
	Unavailable Status = "unavailable"
)

// Report is what /readyz answers: per check "ok" or "failing", never the text of an error.
type Report struct {
	Status   Status            `json:"status"`
	Draining bool              `json:"draining"`
	Checks   map[string]string `json:"checks"`
	Errors   map[string]error  `json:"-"` // of the failing checks, for the log
}

// Registry holds the checks of this process. Safe for concurrent use.
type Registry struct {
	mu       sync.Mutex
	checks   []Check
	last     Report
	lastAt   time.Time
	started  atomic.Bool
	draining atomic.Bool
}

// New makes a registry without checks: it is ready.
func New() *Registry { return &Registry{} }

// Add adds a check.
func (r *Registry) Add(check Check) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.checks = append(r.checks, check)
	r.lastAt = time.Time{}
}

// MarkStarted says that the process has finished starting.
func (r *Registry) MarkStarted() { r.started.Store(true) }

// Started reports whether MarkStarted was called.
func (r *Registry) Started() bool { return r.started.Load() }

// Drain makes the process unavailable for new work, for good.
func (r *Registry) Drain() { r.draining.Store(true) }

// Report runs the checks, side by side, unless they ran within the last second. Callers that come together share one run.
func (r *Registry) Report(ctx context.Context) Report {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.lastAt.IsZero() || time.Since(r.lastAt) > freshFor {
		// A caller that goes away must not leave a false answer to those who wait.
		r.last = run(context.WithoutCancel(ctx), r.checks)
		r.lastAt = time.Now()
	}
	report := r.last
	report.Checks = maps.Clone(report.Checks)
	if r.draining.Load() {
		report.Draining, report.Status = true, Unavailable
	}
	return report
}

func run(ctx context.Context, checks []Check) Report {
	outcomes := make([]error, len(checks))
	var all sync.WaitGroup
	for i, check := range checks {
		all.Go(func() { outcomes[i] = check.bounded(ctx) })
	}
	all.Wait()
	report := Report{Status: Ready, Checks: map[string]string{}, Errors: map[string]error{}}
	for i, check := range checks {
		if outcomes[i] != nil {
			report.fail(check, outcomes[i])
			continue
		}
		report.Checks[check.Name] = "ok"
	}
	return report
}

// bounded runs the check in its own time, and gives up then even on one that does not heed it.
func (check Check) bounded(ctx context.Context) error {
	limit := check.Timeout
	if limit == 0 {
		limit = timeout
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	outcome := make(chan error, 1)
	go func() { outcome <- check.Run(ctx) }()
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (report *Report) fail(check Check, err error) {
	report.Checks[check.Name] = "failing"
	report.Errors[check.Name] = err
	switch {
	case check.Required:
		report.Status = Unavailable
	case report.Status == Ready:
		report.Status = Degraded
	}
}
