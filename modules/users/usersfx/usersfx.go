// Package usersfx plugs users into the application.
package usersfx

import (
	"context"

	"github.com/google/uuid"
	"go.uber.org/fx"

	"atrium/modules/users"
	"atrium/modules/users/internal/account"
	"atrium/modules/users/internal/consent"
	"atrium/modules/users/internal/deletion"
	"atrium/modules/users/internal/export"
	"atrium/modules/users/internal/graph"
	"atrium/modules/users/internal/mute"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/platform/database"
	"atrium/platform/plug"
	"atrium/platform/telemetry"
)

// Module is users, switched on.
var Module = fx.Module("users",
	plug.Private(
		user.NewStore, user.NewDirectory,
		consent.NewService, consent.NewHTTP,
		relation.NewService,
		graph.NewService, graph.NewHTTP, newReconciler,
		account.NewService, account.NewHTTP,
		deletion.NewService, deletion.NewHTTP,
		mute.NewService, mute.NewHTTP,
		export.NewService, export.NewHTTP,
	),
	fx.Provide(
		func(d *user.Directory) users.Directory { return d },
		func(r *relation.Service) users.Graph { return r },
		func(r *relation.Service) users.Relationships { return r },
		func(m *mute.Service) users.Mutes { return m },
		func(a *account.Service, d *deletion.Service) users.Accounts { return accounts{a, d} },
		func(a *account.Service) users.Counters { return a },
		func(a *account.Service) users.Admin { return a },
	),
	plug.Routes(account.Routes, consent.Routes, graph.Routes, deletion.Routes, mute.Routes, export.Routes),
	plug.Handlers(account.Handlers, deletion.Handlers, export.Handlers),
	plug.Schedules(account.Schedules, graph.Schedules, deletion.Schedules, mute.Schedules, export.Schedules),
	plug.DataExport(export.Tables),
	plug.Bootstrap((*consent.Service).Bootstrap),
)

// Off is users, switched off: nothing works without people, so there is nothing to put in their place.
var Off = fx.Options()

// accounts is users.Accounts: restoring an account is to cancel its deletion.
type accounts struct {
	*account.Service
	deletions *deletion.Service
}

// Restore implements users.Accounts.
func (a accounts) Restore(ctx context.Context, id uuid.UUID) error {
	return a.deletions.Cancel(ctx, id)
}

func newReconciler(db *database.DB, people *user.Store, t *telemetry.Telemetry) *graph.Reconciler {
	r := graph.NewReconciler(db, people)
	t.Metrics.MustRegister(r.Metrics()...)
	return r
}
