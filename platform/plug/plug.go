// Package plug is how a module plugs into the application: thin names over fx's groups, which no one else spells.
package plug

import (
	"go.uber.org/fx"
)

// The groups' names; app collects them.
const (
	RoutesGroup    = `group:"routes"`
	HandlersGroup  = `group:"handlers"`
	SchedulesGroup = `group:"schedules"`
	BootstrapGroup = `group:"bootstrap"`
	TakeoutGroup   = `group:"takeout"`
)

// Private provides constructors to their own module only.
func Private(constructors ...any) fx.Option {
	return fx.Provide(append(constructors[:len(constructors):len(constructors)], fx.Private)...)
}

// Routes plugs in a constructor that returns httpserver.Routes.
func Routes(constructor any) fx.Option { return group(constructor, `group:"routes"`) }

// Handlers plugs in a constructor that returns []tasks.Handler: subscribers, effects and jobs.
func Handlers(constructor any) fx.Option { return group(constructor, `group:"handlers,flatten"`) }

// Schedules plugs in a constructor that returns []tasks.Schedule.
func Schedules(constructor any) fx.Option { return group(constructor, `group:"schedules,flatten"`) }

// Bootstrap plugs in a constructor that returns httpserver.Bootstrap: what the module tells clients in GET /v1/config.
func Bootstrap(constructor any) fx.Option { return group(constructor, `group:"bootstrap"`) }

// Takeout plugs in a constructor that returns takeout.Part: what the module hands out of what it keeps about a person.
func Takeout(constructor any) fx.Option { return group(constructor, `group:"takeout"`) }

func group(constructor any, tag string) fx.Option {
	return fx.Provide(fx.Annotate(constructor, fx.ResultTags(tag)))
}
