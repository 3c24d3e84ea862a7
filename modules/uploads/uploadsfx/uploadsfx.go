// Package uploadsfx plugs the module uploads into the application.
package uploadsfx

import (
	"go.uber.org/fx"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal"
	"atrium/platform/arrivals"
	"atrium/platform/download"
	"atrium/platform/plug"
)

// Module is uploads switched on.
var Module = fx.Module("uploads",
	plug.Private(arrivals.New),
	plug.Private(download.New),
	plug.Private(internal.NewStore, internal.NewService, internal.NewLibrary, internal.NewKeeper, internal.NewStudio, internal.NewImporter, internal.NewHTTP),
	fx.Provide(func(l *internal.Library) uploads.Library { return l }),
	fx.Provide(func(i *internal.Importer) uploads.Importer { return i }),
	plug.Routes((*internal.HTTP).Routes),
	plug.Takeout(internal.Takeout),
	plug.Handlers(internal.Handlers),
	plug.Schedules(internal.Schedules),
	plug.Bootstrap(internal.Bootstrap),
)

// Off is uploads switched off.
var Off = fx.Module("uploads", fx.Provide(
	func() uploads.Library { return uploads.Absent{} },
	func() uploads.Importer { return uploads.Absent{} },
))
