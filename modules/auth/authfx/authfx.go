// Package authfx plugs auth into the application.
package authfx

import (
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/fx"

	"atrium/modules/auth"
	"atrium/modules/auth/internal"
	"atrium/modules/auth/internal/access"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/ratelimit"
)

// Module is auth, switched on.
var Module = fx.Module("auth",
	plug.Private(newKeys, newRevocations, newTokens, newEndings, newService, access.NewSightings, access.NewWatch, internal.NewHTTP),
	fx.Provide(
		func(t *access.Tokens) auth.Verifier { return t },
		func(e *internal.Endings) auth.Sessions { return e },
		func(s *internal.Service) auth.Admins { return s },
		func(s *internal.Service) auth.Operator { return s },
	),
	plug.Routes(func(h *internal.HTTP) httpserver.Routes { return h.Routes() }),
	plug.Takeout(internal.Takeout),
	plug.Handlers(internal.Handlers),
	plug.Schedules(internal.Schedules),
	fx.Invoke(func(life fx.Lifecycle, w *access.Watch) { life.Append(fx.Hook{OnStart: w.Start, OnStop: w.Stop}) }),
)

// Off is auth, switched off: nobody is anybody.
var Off = fx.Module("auth", fx.Provide(
	func() auth.Verifier { return auth.Absent{} },
	func() auth.Admins { return auth.Absent{} },
	func() auth.Operator { return auth.Absent{} },
))

func newKeys(db *database.DB, master *keys.Master) *access.Keys {
	return access.NewKeys(db, master, time.Now)
}

func newRevocations(db *database.DB, rdb redis.UniversalClient) *access.Revocations {
	return access.NewRevocations(db, rdb, time.Now)
}

func newTokens(web httpserver.Config, k *access.Keys, revoked *access.Revocations, seen *access.Sightings) *access.Tokens {
	return access.NewTokens(web.PublicURL, k, revoked, seen, time.Now)
}

func newEndings(db *database.DB, box *outbox.Outbox, revoked *access.Revocations) *internal.Endings {
	return internal.NewEndings(db, box, revoked, time.Now)
}

type parts struct {
	fx.In

	Web      httpserver.Config
	DB       *database.DB
	Outbox   *outbox.Outbox
	Accounts users.Accounts
	Master   *keys.Master
	Tokens   *access.Tokens
	Keys     *access.Keys
	Endings  *internal.Endings
	Limiter  *ratelimit.Limiter
}

func newService(cfg auth.Config, p parts) *internal.Service {
	return internal.NewService(cfg, internal.Deps{
		PublicURL: p.Web.PublicURL, DB: p.DB, Outbox: p.Outbox, Accounts: p.Accounts, Master: p.Master, Tokens: p.Tokens,
		Keys: p.Keys, Endings: p.Endings, Limiter: p.Limiter, Now: time.Now,
	})
}
