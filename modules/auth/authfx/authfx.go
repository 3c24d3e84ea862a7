// Package authfx plugs auth into the application.
package authfx

import (
	"time"

	"go.uber.org/fx"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/idtoken"
	"atrium/modules/auth/internal/oauth"
	"atrium/modules/auth/internal/operator"
	"atrium/modules/auth/internal/personaldata"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/signin"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/auth/internal/webhook"
	"atrium/platform/plug"
)

// Module is auth, switched on.
var Module = fx.Module("auth",
	plug.Private(
		clock, provider.NewProviders, throttle.New,
		access.NewKeys, access.NewRevocations, access.NewLastSeen, access.NewTokens, access.NewSyncer, access.NewHTTP,
		audit.NewLog, audit.NewHTTP,
		session.NewRevoker, session.NewService, session.NewHTTP,
		idtoken.NewVerifier, idtoken.NewHTTP,
		identity.NewService, identity.NewHTTP,
		signin.NewService, signin.NewHTTP,
		oauth.NewService, oauth.NewHTTP,
		webhook.NewService, webhook.NewHTTP,
		personaldata.NewService,
		operator.New,
	),
	fx.Provide(
		func(t *access.Tokens) auth.Verifier { return t },
		func(r *session.Revoker) auth.Sessions { return r },
		func(s *session.Service) auth.Admins { return s },
		func(o *operator.Operator) auth.Operator { return o },
	),
	plug.Routes(access.Routes, audit.Routes, session.Routes, idtoken.Routes, identity.Routes, signin.Routes, oauth.Routes, webhook.Routes),
	plug.Handlers(identity.Handlers, personaldata.Handlers),
	plug.Schedules(access.Schedules, personaldata.Schedules),
	plug.DataExport(personaldata.DataExport),
	plug.Background(access.Services),
)

// Off is auth, switched off: every token is refused.
var Off = fx.Module("auth", fx.Provide(
	func() auth.Verifier { return auth.Absent{} },
	func() auth.Admins { return auth.Absent{} },
	func() auth.Operator { return auth.Absent{} },
))

func clock() func() time.Time { return time.Now }
