// Package notificationsfx plugs the notifications module into the application.
package notificationsfx

import (
	"go.uber.org/fx"

	"atrium/modules/notifications/internal"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// Module is notifications switched on.
var Module = fx.Module("notifications",
	plug.Private(internal.NewStore, internal.NewService, internal.NewHTTP),
	plug.Routes(func(h *internal.HTTP) httpserver.Routes { return h.Routes() }),
	plug.Takeout(internal.Takeout),
	plug.Handlers(internal.Handlers),
)

// Off is notifications switched off: nobody holds on to anything of it.
var Off = fx.Module("notifications")
