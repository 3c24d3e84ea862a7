// Package plug is how a module plugs into the application: thin names over fx's groups, which no one else spells.
package plug

import (
	"slices"

	"go.uber.org/fx"

	"atrium/platform/background"
	"atrium/platform/dataexport"
	"atrium/platform/httpserver"
	"atrium/platform/tasks"
)

const (
	routes      = "routes"
	handlers    = "handlers"
	schedules   = "schedules"
	services    = "services"
	bootstrap   = "bootstrap"
	dataExports = "data_exports"
)

// In marks a struct of dependencies: embed it, and each exported field is filled by its type. For constructors with more than five.
type In = fx.In

// Private provides constructors to their own module only.
func Private(constructors ...any) fx.Option {
	return fx.Provide(append(slices.Clip(constructors), fx.Private)...)
}

// Routes plugs in constructors that return httpserver.Routes.
func Routes(constructors ...any) fx.Option { return one(routes, constructors) }

// Handlers plugs in constructors that return []tasks.Handler: subscribers, effects and jobs.
func Handlers(constructors ...any) fx.Option { return many(handlers, constructors) }

// Schedules plugs in constructors that return []tasks.Schedule.
func Schedules(constructors ...any) fx.Option { return many(schedules, constructors) }

// Background plugs in constructors that return []background.Service: what runs in every process from its start to its stop,
// and ends the process if it ends before.
func Background(constructors ...any) fx.Option { return many(services, constructors) }

// Bootstrap plugs in a constructor that returns httpserver.Bootstrap: what the module tells clients in GET /v1/config.
func Bootstrap(constructor any) fx.Option { return one(bootstrap, []any{constructor}) }

// DataExport plugs in a constructor that returns dataexport.Part: what the module hands out of what it keeps about a person.
func DataExport(constructor any) fx.Option { return one(dataExports, []any{constructor}) }

// All is what every module that is on has plugged in of one kind; the application provides it by Collected.
type All[T any] []T

// Collected provides All of each kind.
var Collected = fx.Options(
	collect[httpserver.Routes](routes), collect[tasks.Handler](handlers), collect[tasks.Schedule](schedules),
	collect[background.Service](services), collect[httpserver.Bootstrap](bootstrap), collect[dataexport.Part](dataExports),
)

func collect[T any](group string) fx.Option {
	return fx.Provide(fx.Annotate(func(all []T) All[T] { return all }, fx.ParamTags(tag(group))))
}

// one provides constructors of one member of a group each, many constructors of a list of members.
func one(group string, constructors []any) fx.Option { return provide(tag(group), constructors) }
func many(group string, constructors []any) fx.Option {
	return provide(tag(group+",flatten"), constructors)
}

func tag(group string) string { return `group:"` + group + `"` }

func provide(tag string, constructors []any) fx.Option {
	tagged := make([]any, len(constructors))
	for i, constructor := range constructors {
		tagged[i] = fx.Annotate(constructor, fx.ResultTags(tag))
	}
	return fx.Provide(tagged...)
}
