// Package uploadsfx plugs the module uploads into the application.
package uploadsfx

import (
	"go.uber.org/fx"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/cleanup"
	"atrium/modules/uploads/internal/importer"
	"atrium/modules/uploads/internal/intake"
	"atrium/modules/uploads/internal/library"
	"atrium/modules/uploads/internal/processing"
	"atrium/modules/uploads/internal/queue"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/bucketevents"
	"atrium/platform/download"
	"atrium/platform/plug"
)

// Module is uploads switched on.
var Module = fx.Module("uploads",
	plug.Private(bucketevents.New, download.New),
	plug.Private(upload.NewStore),
	plug.Private(queue.NewStore, queue.NewService),
	plug.Private(importer.NewStore, importer.NewService),
	plug.Private(library.NewStore, library.NewService, library.NewPublisher),
	plug.Private(cleanup.NewStore, cleanup.NewService),
	plug.Private(processing.NewStore, processing.NewService),
	plug.Private(intake.NewStore, intake.NewService, intake.NewHTTP),
	fx.Provide(func(s *library.Service) uploads.Library { return s }),
	fx.Provide(func(s *importer.Service) uploads.Importer { return s }),
	plug.Routes((*intake.HTTP).Routes),
	plug.Handlers(importer.Handlers, library.Handlers, cleanup.Handlers, processing.Handlers),
	plug.Schedules(cleanup.Schedules, intake.Schedules, queue.Schedules),
	plug.Background(processing.Services),
	plug.DataExport(library.DataExport),
	plug.Bootstrap(intake.Bootstrap),
)

// Off is uploads switched off.
var Off = fx.Module("uploads", fx.Provide(
	func() uploads.Library { return uploads.Absent{} },
	func() uploads.Importer { return uploads.Absent{} },
))
