// Package app is the composition root: the platform, the chosen modules and the commands. It decides nothing about the product.
package app

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/fx"
	"go.uber.org/fx/fxevent"
	"go.uber.org/zap"

	"atrium/config"
	"atrium/platform/background"
	"atrium/platform/httpserver"
	"atrium/platform/outbox"
	"atrium/platform/plug"
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
		fx.Invoke(func(log *zap.Logger) {
			for _, notice := range cfg.Notices {
				log.Warn("config: " + notice)
			}
		}),
	)
	if err := app.Err(); err != nil {
		return nil, fmt.Errorf("the modules do not fit together: %w", err)
	}
	return app, nil
}

// serving is what starts and stops with a role, in this order: what others need first.
func serving(r role) fx.Option {
	return fx.Invoke(func(lc fx.Lifecycle, end *ending, p parts) {
		for _, s := range p.services(r) {
			supervisor := background.Supervise(s, end.because)
			lc.Append(fx.Hook{OnStart: supervisor.Start, OnStop: supervisor.Stop})
		}
		lc.Append(fx.StartHook(func() {
			p.Health.MarkStarted()
			p.Log.Info("atrium serves", zap.String("role", string(r)), zap.Strings("modules", p.On), zap.String("addr", p.Server.Addr()))
		}))
	})
}

// services are what runs in the background of a role's process, in the order of its start.
func (p parts) services(r role) []background.Service {
	modules := slices.SortedFunc(slices.Values(p.Services), func(a, b background.Service) int { return strings.Compare(a.Name, b.Name) })
	all := append([]background.Service{{Name: "cache", Run: p.Cache.Run}, {Name: "cache.renewal", Run: p.Cache.KeepFresh}}, modules...)
	if r.does(roleWorker) {
		all = append(all, background.Service{Name: "tasks", Prepare: p.Runner.Start, Close: p.Runner.Stop}, background.Service{Name: "relay", Run: p.Relay.Run})
	}
	process := outbox.NewProcess(p.DB, p.Runner.Handlers(), r.does(roleWorker), p.Log) // known before it publishes, gone before it stops to work
	all = append(all, background.Service{Name: "process", Prepare: process.Join, Run: process.Run, Close: process.Leave})
	if r.does(roleScheduler) {
		all = append(all, background.Service{Name: "scheduler", Run: p.Scheduler.Run})
	}
	listen := p.Server.StartPrivate
	if r.does(roleAPI) {
		listen = p.Server.Start
	}
	return append(all, background.Service{Name: "http", Prepare: listen, Run: p.Server.Run, Close: p.Server.Stop})
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
func mount(server *httpserver.Server, routes plug.All[httpserver.Routes]) {
	server.Mount(routes)
}
