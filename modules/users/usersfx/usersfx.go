// Package usersfx plugs users into the application.
package usersfx

import (
	"time"

	"go.uber.org/fx"

	"atrium/modules/auth"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/modules/users/internal"
	"atrium/modules/users/internal/export"
	"atrium/modules/users/internal/mute"
	"atrium/platform/blob"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/takeout"
	"atrium/platform/tasks"
	"atrium/platform/telemetry"
)

// Module is users, switched on.
var Module = fx.Module("users",
	plug.Private(newDirectory, newPeople, newReconciler, internal.NewGraph, internal.NewHTTP, newExports, export.NewHTTP, mute.NewService, mute.NewHTTP),
	fx.Provide(
		func(d *internal.Directory) users.Directory { return d },
		func(g *internal.Graph) users.Graph { return g },
		func(m *mute.Service) users.Mutes { return m },
		func(p *internal.People) users.Accounts { return p },
		func(p *internal.People) users.Tally { return p },
		func(p *internal.People) users.Backoffice { return p },
	),
	plug.Routes(routes),
	plug.Handlers(internal.Handlers),
	plug.Handlers(export.Handlers),
	plug.Schedules(internal.Schedules),
	plug.Schedules(export.Schedules),
	plug.Schedules(func(m *mute.Service) []tasks.Schedule {
		return []tasks.Schedule{{Name: "users.prune_muted_terms", Every: time.Hour, Run: m.Prune}}
	}),
	plug.Takeout(internal.Takeout),
	plug.Bootstrap(func(d *internal.Directory) httpserver.Bootstrap { return d.Bootstrap() }),
)

// Off is users, switched off: nothing works without people, so there is nothing to put in their place.
var Off = fx.Options()

func newDirectory(cfg users.Config, web httpserver.Config, db *database.DB, c *cache.Cache, library uploads.Library) *internal.Directory {
	return internal.NewDirectory(cfg, db, c, library, web.PublicURL)
}

func routes(h *internal.HTTP, e *export.HTTP, m *mute.HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "users", Register: func(r *httpserver.Router) {
		h.Register(r)
		e.Register(r)
		m.Register(r)
	}}
}

// exportParts are what makes archives: every module's part is in them.
type exportParts struct {
	fx.In

	DB     *database.DB
	Outbox *outbox.Outbox
	Files  *blob.Store
	CDN    *blob.CDN
	Parts  []takeout.Part `group:"takeout"`
}

func newExports(p exportParts) *export.Service {
	return export.NewService(p.DB, p.Outbox, p.Files, p.CDN, p.Parts)
}

// peopleParts are what the accounts stand on.
type peopleParts struct {
	fx.In

	Web       httpserver.Config
	DB        *database.DB
	Outbox    *outbox.Outbox
	Library   uploads.Library
	Pictures  uploads.Importer
	Mail      mail.Sender
	Sessions  auth.Sessions
	Directory *internal.Directory
	Master    *keys.Master
}

func newPeople(cfg users.Config, p peopleParts) *internal.People {
	return internal.NewPeople(cfg, internal.Deps{
		DB: p.DB, Outbox: p.Outbox, Library: p.Library, Pictures: p.Pictures, Mail: p.Mail, Sessions: p.Sessions, Directory: p.Directory,
		LinkKey: p.Master.Derive("users.links", 32), PublicURL: p.Web.PublicURL,
	})
}

func newReconciler(p *internal.People, t *telemetry.Telemetry) *internal.Reconciler {
	r := internal.NewReconciler(p)
	t.Metrics.MustRegister(r.Metrics()...)
	return r
}
