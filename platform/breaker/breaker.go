// Package breaker keeps an outside service that is down from holding up everybody who needs it.
package breaker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/failsafe-go/failsafe-go"
	"github.com/failsafe-go/failsafe-go/bulkhead"
	"github.com/failsafe-go/failsafe-go/circuitbreaker"
)

const (
	failures  = 5               // in a row until the service counts as down
	probation = 2 * time.Second // until one call may try whether it is up again
	queueing  = 2 * time.Second // for a free place
)

// ErrRefused is returned instead of calling: the service counts as down, or too many calls are under way.
var ErrRefused = errors.New("breaker: not called")

// Breaker guards one service. Safe for concurrent use.
type Breaker struct{ executor failsafe.Executor[any] }

// New makes a Breaker that lets at most atOnce calls through at a time. down tells the errors that speak
// for a service being down from those that are an answer. A caller who gives up speaks for neither.
func New(atOnce uint, down func(error) bool) *Breaker {
	circuit := circuitbreaker.NewBuilder[any]().
		HandleIf(func(_ any, err error) bool { return err != nil && !errors.Is(err, context.Canceled) && down(err) }).
		WithFailureThreshold(failures).
		WithSuccessThreshold(1).
		WithDelay(probation).
		Build()
	places := bulkhead.NewBuilder[any](atOnce).WithMaxWaitTime(queueing).Build()
	return &Breaker{failsafe.With[any](places, circuit)}
}

// Do calls fn and returns its error, or ErrRefused without calling it, or the ctx's error if that ends while waiting
// for a place.
func (b *Breaker) Do(ctx context.Context, fn func() error) error {
	err := b.executor.WithContext(ctx).Run(fn)
	if errors.Is(err, circuitbreaker.ErrOpen) || errors.Is(err, bulkhead.ErrFull) {
		return fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}
