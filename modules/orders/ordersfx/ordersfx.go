// Package ordersfx plugs the orders module into the application.
package ordersfx

import (
	"go.uber.org/fx"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/address"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/coupon"
	"atrium/modules/orders/internal/order"
	"atrium/modules/orders/internal/takeout"
	"atrium/platform/httpserver"
	"atrium/platform/payment"
	"atrium/platform/plug"
)

// Module is orders switched on.
var Module = fx.Module("orders",
	plug.Private(
		cart.NewStore, cart.NewService, cart.NewHTTP,
		address.NewStore, address.NewService, address.NewHTTP,
		coupon.NewStore, coupon.NewService, coupon.NewHTTP,
		order.NewStore, order.NewMeters, order.NewService, order.NewHTTP,
	),
	fx.Provide(
		func(s *order.Service) orders.Reader { return s },
		func(s *order.Store) orders.Purchases { return s },
	),
	plug.Routes(routes),
	plug.Takeout(takeout.Part),
	plug.Handlers(order.Handlers),
	plug.Schedules(order.Schedules),
	plug.Bootstrap(bootstrap),
)

// Off is orders switched off: there are no receipts, and nobody has bought anything.
var Off = fx.Module("orders", fx.Provide(
	func() orders.Reader { return orders.Absent{} },
	func() orders.Purchases { return orders.Absent{} },
))

func routes(c *cart.HTTP, a *address.HTTP, p *coupon.HTTP, o *order.HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "orders", Register: func(r *httpserver.Router) {
		c.Register(r)
		a.Register(r)
		p.Register(r)
		o.Register(r)
	}}
}

// bootstrap tells clients how to pay.
func bootstrap(provider payment.Provider, cfg payment.Config) httpserver.Bootstrap {
	return httpserver.Bootstrap{Members: map[string]any{
		"payment": map[string]any{"provider": provider.Name(), "publishable_key": cfg.PublishableKey},
	}}
}
