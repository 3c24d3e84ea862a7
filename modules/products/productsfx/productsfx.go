// Package productsfx plugs the products module into the application.
package productsfx

import (
	"go.uber.org/fx"

	"atrium/modules/products"
	"atrium/modules/products/internal"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// Module is products switched on.
var Module = fx.Module("products",
	plug.Private(internal.NewStore, internal.NewService, internal.NewWarehouse, internal.NewHTTP),
	fx.Provide(
		func(s *internal.Service) products.Catalogue { return s },
		func(w *internal.Warehouse) products.Stock { return w },
	),
	plug.Routes(func(h *internal.HTTP) httpserver.Routes { return h.Routes() }),
	plug.Takeout(internal.Takeout),
	plug.Handlers(internal.Handlers),
)

// Off is products switched off: posts show no products.
var Off = fx.Module("products", fx.Provide(func() products.Catalogue { return products.Absent{} }))
