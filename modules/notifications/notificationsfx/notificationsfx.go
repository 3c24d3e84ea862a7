// Package notificationsfx plugs the notifications module into the application.
package notificationsfx

import (
	"go.uber.org/fx"

	"atrium/modules/notifications/internal/alert"
	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/delivery"
	"atrium/modules/notifications/internal/inbox"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/notifications/internal/relevance"
	"atrium/modules/notifications/internal/subscription"
	"atrium/platform/plug"
)

// Module is notifications switched on.
var Module = fx.Module("notifications",
	plug.Private(
		notification.NewStore, relevance.NewService,
		inbox.NewService, inbox.NewHTTP,
		channel.NewStore, channel.NewService, channel.NewHTTP,
		delivery.NewService, alert.NewService, subscription.NewService,
	),
	plug.Routes(inbox.Routes, channel.Routes),
	plug.DataExport(subscription.DataExport),
	plug.Handlers(delivery.Handlers, alert.Handlers, subscription.Handlers),
	plug.Schedules(delivery.Schedules),
)

// Off is notifications switched off: nothing depends on it.
var Off = fx.Module("notifications")
