package app

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.uber.org/fx"
	"go.uber.org/zap"

	"atrium/platform/background"
)

// failedStop is how long a process may take to stop once one of its background services has ended.
const failedStop = 3 * time.Second

// ending is why a process ends by itself.
type ending struct {
	shutdown fx.Shutdowner
	log      *zap.Logger

	once   sync.Once
	reason error
}

func newEnding(shutdown fx.Shutdowner, log *zap.Logger) *ending {
	return &ending{shutdown: shutdown, log: log}
}

// because ends the process for the first reason that it is given.
func (e *ending) because(reason error) {
	e.once.Do(func() {
		e.reason = fmt.Errorf("the process ends, since a background service has ended: %w", reason)
		fields := []zap.Field{zap.Error(reason)}
		var p *background.PanicError
		if errors.As(reason, &p) {
			fields = append(fields, zap.ByteString("stack", p.Stack))
		}
		e.log.Error("a background service has ended", fields...)
		if err := e.shutdown.Shutdown(fx.ExitCode(1)); err != nil {
			e.log.Fatal("the process cannot be shut down", zap.Error(err))
		}
	})
}

// run starts the application, waits for the end of ctx or of a background service, and stops the application.
func run(ctx context.Context, app *fx.App, end *ending) error {
	start, cancel := context.WithTimeout(ctx, app.StartTimeout())
	defer cancel()
	if err := app.Start(start); err != nil {
		return err
	}
	limit := app.StopTimeout()
	var reason error
	select {
	case <-ctx.Done():
	case signal := <-app.Wait():
		if signal.ExitCode != 0 {
			limit, reason = failedStop, end.reason
		}
	}
	stop, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	err := app.Stop(stop)
	if reason != nil {
		return reason // what did not stop in time comes of it
	}
	return err
}
