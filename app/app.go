// Package app is the composition root: the platform, the chosen modules and the commands. It decides nothing about the product.
package app

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"

	"atrium/config"
	"atrium/platform/httpserver"
	"atrium/platform/outbox"
	"atrium/platform/tasks"
)

// Version of this build; the build may set it.
var Version = "dev"

// role is a part of the work: in production each has processes of its own.
type role string

const (
	roleAPI       role = "api"
	roleWorker    role = "worker"
	roleScheduler role = "scheduler"
	roleAll       role = "all"
)

func parseRole(text string) (role, error) {
	switch r := role(text); r {
	case roleAPI, roleWorker, roleScheduler, roleAll:
		return r, nil
	}
	return "", fmt.Errorf("%q is no role: api, worker, scheduler or all", text)
}

func (r role) does(part role) bool { return r == part || r == roleAll }

// assemble puts the platform, the chosen modules and what runs them together. Nothing is started, and no server is needed.
func assemble(cfg *config.Config, options ...fx.Option) (*fx.App, error) {
	modules, on, err := choose(cfg.Modules)
	if err != nil {
		return nil, err
	}
	app := fx.New(
		fx.WithLogger(func() fxevent.Logger { return fxevent.NopLogger }),
		fx.StartTimeout(30*time.Second), fx.StopTimeout(cfg.HTTP.DrainDelay+cfg.HTTP.DrainTimeout+cfg.Tasks.DrainTimeout+10*time.Second),
		sections(cfg), fx.Supply(enabled(on)), platform, fx.Options(modules...), fx.Options(options...),
	)
	if err := app.Err(); err != nil {
		return nil, fmt.Errorf("the modules do not fit together: %w", err)
	}
	return app, nil
}

// serving is what starts and stops with a role, in this order: what others need first.
func serving(r role) fx.Option {
	return fx.Invoke(func(lc fx.Lifecycle, p parts) {
		background(lc, p.Log, "cache", p.Cache.Start)
		if r.does(roleWorker) {
			lc.Append(fx.Hook{OnStart: p.Runner.Start, OnStop: p.Runner.Stop})
			background(lc, p.Log, "relay", p.Relay.Run)
		}
		if r.does(roleScheduler) {
			background(lc, p.Log, "scheduler", p.Scheduler.Run)
		}
		if r.does(roleAPI) {
			lc.Append(fx.Hook{OnStart: p.Server.Start, OnStop: p.Server.Stop})
		} else {
			lc.Append(fx.Hook{OnStart: p.Server.StartPrivate, OnStop: p.Server.Stop})
		}
		lc.Append(fx.StartHook(func() {
			p.Health.MarkStarted()
			p.Log.Info("atrium serves", zap.String("role", string(r)), zap.Strings("modules", p.On), zap.String("addr", p.Server.Addr()))
		}))
	})
}

// background runs something from start to stop; its end is waited for.
func background(lc fx.Lifecycle, log *zap.Logger, name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	lc.Append(fx.Hook{
		OnStart: func(context.Context) error {
			go func() {
				defer close(done)
				if err := run(ctx); err != nil {
					log.Error(name+" ended", zap.Error(err))
				}
			}()
			return nil
		},
		OnStop: func(stop context.Context) error {
			cancel()
			select {
			case <-done:
				return nil
			case <-stop.Done():
				return fmt.Errorf("%s did not end in time", name)
			}
		},
	})
}

// retention are the platform's own schedules: what is finished does not stay for ever.
func retention(cfg outbox.Config, box *outbox.Outbox, keys idempotencyPruner) []tasks.Schedule {
	return []tasks.Schedule{
		{Name: "platform.prune_outbox", Every: 10 * time.Minute, Run: func(ctx context.Context) error {
			_, err := box.Prune(ctx, cfg.Retention)
			return err
		}},
		{Name: "platform.prune_idempotency_records", Every: time.Hour, Run: func(ctx context.Context) error {
			_, err := keys.Prune(ctx, idempotencyRetention)
			return err
		}},
	}
}

// mount gives the server the modules' routes.
func mount(server *httpserver.Server, routes []httpserver.Routes) {
	server.Mount(routes)
}
