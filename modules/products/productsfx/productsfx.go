// Package productsfx plugs the products module into the application.
package productsfx

import (
	"go.uber.org/fx"

	"atrium/modules/products"
	"atrium/modules/products/internal/bulk"
	"atrium/modules/products/internal/catalogue"
	"atrium/modules/products/internal/category"
	"atrium/modules/products/internal/imports"
	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/personaldata"
	"atrium/modules/products/internal/price"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/recentlyviewed"
	"atrium/modules/products/internal/render"
	"atrium/modules/products/internal/review"
	"atrium/modules/products/internal/search"
	"atrium/modules/products/internal/seller"
	"atrium/modules/products/internal/stock"
	"atrium/platform/plug"
)

// Module is products switched on.
var Module = fx.Module("products",
	plug.Private(
		product.NewStore, product.NewRefs, render.NewRenderer,
		listing.NewStore, listing.NewEpoch, listing.NewService, listing.NewFolder,
		seller.NewStore, seller.NewService,
		price.NewStore, price.NewService,
		category.NewStore, category.NewService, category.NewHTTP,
		stock.NewStore, stock.NewService, stock.NewHTTP,
		search.NewStore, search.NewService, search.NewHTTP,
		recentlyviewed.NewStore, recentlyviewed.NewService, recentlyviewed.NewHTTP,
		catalogue.NewStore, catalogue.NewService, catalogue.NewHTTP,
		bulk.NewStore, bulk.NewService, bulk.NewHTTP,
		imports.NewStore, imports.NewService, imports.NewHTTP,
		review.NewStore, review.NewService, review.NewHTTP,
	),
	fx.Provide(
		func(s *catalogue.Service) products.Catalogue { return s },
		func(s *stock.Service) products.Stock { return s },
	),
	plug.Routes(search.Routes, catalogue.Routes, category.Routes, stock.Routes, recentlyviewed.Routes, bulk.Routes, imports.Routes, review.Routes),
	plug.Handlers(listing.Handlers, category.Handlers, seller.Handlers, review.Handlers, imports.Handlers, personaldata.Handlers),
	plug.Schedules(price.Schedules, listing.Schedules, seller.Schedules, review.Schedules, imports.Schedules),
	plug.DataExport(personaldata.Export),
)

// Off is products switched off: posts show no products.
var Off = fx.Module("products", fx.Provide(func() products.Catalogue { return products.Absent{} }))
