// Package usersfx plugs users into the application.
package usersfx

import (
	"go.uber.org/fx"

	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/modules/users/internal"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// Module is users, switched on.
var Module = fx.Module("users",
	plug.Private(newDirectory, internal.NewPeople, internal.NewGraph, internal.NewHTTP),
	fx.Provide(
		func(d *internal.Directory) users.Directory { return d },
		func(g *internal.Graph) users.Graph { return g },
		func(p *internal.People) users.Accounts { return p },
		func(p *internal.People) users.Tally { return p },
		func(p *internal.People) users.Backoffice { return p },
	),
	plug.Routes(func(h *internal.HTTP) httpserver.Routes { return h.Routes() }),
	plug.Handlers(internal.Handlers),
	plug.Schedules(internal.Schedules),
	plug.Bootstrap(func(d *internal.Directory) httpserver.Bootstrap { return d.Bootstrap() }),
)

// Off is users, switched off: nothing works without people, so there is nothing to put in their place.
var Off = fx.Options()

func newDirectory(cfg users.Config, web httpserver.Config, db *database.DB, c *cache.Cache, library uploads.Library) *internal.Directory {
	return internal.NewDirectory(cfg, db, c, library, web.PublicURL)
}
