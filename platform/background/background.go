// Package background runs what works in a process from its start to its stop: listeners, relays, schedulers, subscriptions.
// Such a service never ends by itself. One that does (by an error, a panic or a plain return) ends the process with a reason,
// since a process that lacks it would go on looking healthy. A lost connection is no such end: Retry and Every try again.
package background

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"

	"golang.org/x/sync/errgroup"
)

// Service is one thing that works in the background.
type Service struct {
	Name string // "<module>.<what>"
	// Prepare runs before Run, if it is set; its error refuses the start.
	Prepare func(ctx context.Context) error
	// Run works until ctx ends. It is not set where Prepare starts what runs and Close stops it.
	Run func(ctx context.Context) error
	// Close runs after Run has ended, if it is set, to finish what is left; ctx is that of the stop.
	Close func(ctx context.Context) error
}

// ErrReturned is the reason of a service that returned without an error while nobody was stopping it.
var ErrReturned = errors.New("it returned though nobody stopped it")

// PanicError is a panic as an error.
type PanicError struct {
	Value any
	Stack []byte
}

// Error tells the panic's value; the stack is for the log.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v", p.Value) }

// Unwrap returns the value where it is an error.
func (p *PanicError) Unwrap() error {
	err, _ := p.Value.(error)
	return err
}

type state int

const (
	idle state = iota
	running
	stopping
)

// Supervisor starts and stops one service, and reports its end where nobody asked for it. Start and Stop may be called from
// different goroutines; a supervisor starts once.
type Supervisor struct {
	service Service
	failed  func(err error)
	cancel  context.CancelFunc
	done    chan struct{}

	mu    sync.Mutex
	state state
}

// Supervise returns the supervisor of a service. failed is called once, on the service's own goroutine and with its name in the
// error, when the service ends by itself.
func Supervise(service Service, failed func(err error)) *Supervisor {
	return &Supervisor{service: service, failed: failed, done: make(chan struct{})}
}

// Start prepares the service, lets it run and returns. What Run is given outlives ctx.
func (s *Supervisor) Start(ctx context.Context) error {
	if s.service.Prepare != nil {
		if err := s.service.Prepare(ctx); err != nil {
			return err
		}
	}
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	s.move(running)
	go s.run(ctx)
	return nil
}

func (s *Supervisor) run(ctx context.Context) {
	defer close(s.done)
	work := s.service.Run
	if work == nil {
		work = UntilStopped
	}
	err := Recovered(ctx, work)
	if s.move(stopping) == stopping {
		return
	}
	if err == nil {
		err = ErrReturned
	}
	s.failed(fmt.Errorf("%s: %w", s.service.Name, err))
}

// move sets the state and returns the one before.
func (s *Supervisor) move(to state) (from state) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from, s.state = s.state, to
	return from
}

// Stop ends the service and waits for it, at most until ctx ends. One that never started, or that has failed, is only closed.
func (s *Supervisor) Stop(ctx context.Context) error {
	if s.move(stopping) != idle {
		s.cancel()
		select {
		case <-s.done:
		case <-ctx.Done():
			return fmt.Errorf("%s did not end in time: %w", s.service.Name, ctx.Err())
		}
	}
	if s.service.Close == nil {
		return nil
	}
	return s.service.Close(ctx)
}

// UntilStopped does nothing until ctx ends.
func UntilStopped(ctx context.Context) error {
	<-ctx.Done()
	return nil
}

// Recovered calls fn and returns its error, or a *PanicError if it panics.
func Recovered(ctx context.Context, fn func(ctx context.Context) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = &PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	return fn(ctx)
}

// Together runs all functions until ctx ends and returns when all have. The first that ends before, by an error, a panic or a
// plain return, ends the others, and its error is returned: ErrReturned where it has none.
func Together(ctx context.Context, fns ...func(ctx context.Context) error) error {
	group, inGroup := errgroup.WithContext(ctx)
	for _, fn := range fns {
		group.Go(func() error {
			err := Recovered(inGroup, fn)
			if err == nil && inGroup.Err() == nil {
				return ErrReturned
			}
			return err
		})
	}
	return group.Wait()
}
