// Package ordersfx plugs the orders module into the application.
package ordersfx

import (
	"go.uber.org/fx"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cancellation"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/checkout"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/dispute"
	"atrium/modules/orders/internal/fulfilment"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/payment"
	"atrium/modules/orders/internal/personaldata"
	"atrium/modules/orders/internal/reconciliation"
	"atrium/modules/orders/internal/refund"
	"atrium/modules/orders/internal/returns"
	"atrium/modules/orders/internal/review"
	"atrium/platform/httpserver"
	psp "atrium/platform/payment"
	"atrium/platform/plug"
)

// Module is orders switched on.
var Module = fx.Module("orders",
	plug.Private(
		cart.NewStore, cart.NewService, cart.NewHTTP,
		address.NewStore, address.NewService, address.NewHTTP,
		coupon.NewStore, coupon.NewService, coupon.NewHTTP,
		order.NewStore, order.NewService, order.NewHTTP, order.NewAlerts,
		refund.NewStore, refund.NewService, refund.NewHTTP,
		dispute.NewStore, dispute.NewService,
		payment.NewStore, payment.NewService, payment.NewHTTP,
		fulfilment.NewStore, fulfilment.NewService, fulfilment.NewHTTP,
		returns.NewStore, returns.NewService, returns.NewHTTP,
		cancellation.NewStore, cancellation.NewService, cancellation.NewHTTP,
		review.NewService, review.NewHTTP,
		checkout.NewService, checkout.NewHTTP,
		reconciliation.NewStore, reconciliation.NewService,
		personaldata.NewStore, personaldata.NewEraser,
	),
	fx.Provide(
		func(s *order.Service) orders.Reader { return s },
		func(s *order.Store) orders.Purchases { return s },
	),
	plug.Routes(cart.Routes, address.Routes, coupon.Routes, order.Routes, refund.Routes, payment.Routes, fulfilment.Routes,
		returns.Routes, cancellation.Routes, review.Routes, checkout.Routes),
	plug.Handlers(refund.Handlers, dispute.Handlers, payment.Handlers, cancellation.Handlers, personaldata.Handlers),
	plug.Schedules(reconciliation.Schedules, personaldata.Schedules),
	plug.DataExport(personaldata.Export),
	plug.Bootstrap(bootstrap),
)

// Off is orders switched off: there are no receipts, and nobody has bought anything.
var Off = fx.Module("orders", fx.Provide(
	func() orders.Reader { return orders.Absent{} },
	func() orders.Purchases { return orders.Absent{} },
))

// bootstrap tells clients how to pay.
func bootstrap(provider psp.Provider, cfg psp.Config) httpserver.Bootstrap {
	return httpserver.Bootstrap{Members: map[string]any{
		"payment": map[string]any{"provider": provider.Name(), "publishable_key": cfg.PublishableKey},
	}}
}
