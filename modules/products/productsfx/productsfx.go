// Package productsfx plugs the products module into the application.
package productsfx

import (
	"go.uber.org/fx"

	"atrium/modules/products"
	"atrium/modules/products/internal"
	"atrium/modules/products/internal/bulk"
	"atrium/modules/products/internal/review"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// Module is products switched on.
var Module = fx.Module("products",
	plug.Private(internal.NewStore, internal.NewService, internal.NewWarehouse, internal.NewHTTP,
		review.NewStore, review.NewService, review.NewHTTP, bulk.NewHTTP),
	fx.Provide(
		func(s *internal.Service) products.Catalogue { return s },
		func(w *internal.Warehouse) products.Stock { return w },
	),
	plug.Routes(routes),
	plug.Takeout(internal.Takeout),
	plug.Handlers(internal.Handlers),
	plug.Schedules(internal.Schedules),
)

func routes(h *internal.HTTP, reviews *review.HTTP, lists *bulk.HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "products", Register: func(r *httpserver.Router) {
		h.Register(r)
		reviews.Register(r)
		lists.Register(r)
	}}
}

// Off is products switched off: posts show no products.
var Off = fx.Module("products", fx.Provide(func() products.Catalogue { return products.Absent{} }))
