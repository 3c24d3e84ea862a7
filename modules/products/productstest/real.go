package productstest

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/products"
	"atrium/modules/products/internal/catalogue"
	"atrium/modules/products/internal/listing"
	"atrium/modules/products/internal/price"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/recentlyviewed"
	"atrium/modules/products/internal/stock"
	"atrium/modules/uploads"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/money"
	"atrium/platform/outbox"
)

// Real is the module itself on a test's database, for tests of what holds between it and another module in one transaction.
type Real struct {
	products.Catalogue
	products.Stock
	t       testing.TB
	db      *database.DB
	service *catalogue.Service
	stocks  *stock.Service
}

// NewReal is the module on db, without photos.
func NewReal(t testing.TB, db *database.DB) *Real {
	cached, out, photos := cache.New(nil, zap.NewNop()), outbox.New(db), uploads.Absent{}
	rows := product.NewStore(db)
	refs := product.NewRefs(rows, photos, cached)
	listings := listing.NewService(db, listing.NewStore(db), out, refs, listing.NewEpoch(cached))
	viewed := recentlyviewed.NewService(recentlyviewed.NewStore(db), refs, products.Config{Viewed: 1})
	service := catalogue.NewService(catalogue.Deps{DB: db, Store: catalogue.NewStore(db), Products: rows, Refs: refs, Listings: listings,
		Prices: price.NewService(db, price.NewStore(db), rows, listings), Viewed: viewed, Photos: photos, Log: zap.NewNop()})
	stocks := stock.NewService(db, stock.NewStore(db), rows, listings)
	return &Real{Catalogue: service, Stock: stocks, t: t, db: db, service: service, stocks: stocks}
}

var admin = product.Editor{ID: uuid.New(), Admin: true}

// Add makes a product on sale with one variant, and returns the variant's id.
func (r *Real) Add(name string, price money.Money, stock int64) uuid.UUID {
	r.t.Helper()
	p, err := r.service.Create(r.t.Context(), admin, product.Draft{Name: name, Category: "decor", Status: "active"})
	require.NoError(r.t, err)
	v, err := r.service.AddVariant(r.t.Context(), admin, p.ID, product.VariantDraft{SKU: "SKU-" + p.ID.String(), Price: price})
	require.NoError(r.t, err)
	if stock > 0 {
		_, err = r.stocks.Adjust(r.t.Context(), admin, v.ID, stock, "delivery")
		require.NoError(r.t, err)
	}
	return v.ID
}

// Reprice changes what a variant costs.
func (r *Real) Reprice(variant uuid.UUID, price money.Money) {
	r.t.Helper()
	_, err := r.service.EditVariant(r.t.Context(), admin, variant, etag.Any, product.VariantChange{Price: &price})
	require.NoError(r.t, err)
}

// Remove deletes the product of a variant.
func (r *Real) Remove(variant uuid.UUID) {
	r.t.Helper()
	offers, err := r.Offers(r.t.Context(), []uuid.UUID{variant})
	require.NoError(r.t, err)
	require.NoError(r.t, r.service.Delete(r.t.Context(), admin, offers[variant].Product.ID))
}

// Level is a variant's stock, checked against its ledger, and how many pieces have gone out for good.
func (r *Real) Level(variant uuid.UUID) (onHand, reserved, sold int64) {
	r.t.Helper()
	var level struct{ OnHand, Reserved, LedgerOnHand, LedgerReserved, Sold int64 }
	require.NoError(r.t, r.db.Conn(r.t.Context()).Raw(`SELECT v.on_hand, v.reserved, coalesce(sum(m.on_hand_delta), 0) AS ledger_on_hand,
			coalesce(sum(m.reserved_delta), 0) AS ledger_reserved,
			-coalesce(sum(m.on_hand_delta) FILTER (WHERE m.kind IN ('sell', 'restock')), 0) AS sold
		FROM product_variants v LEFT JOIN stock_movements m ON m.variant_id = v.id WHERE v.id = ? GROUP BY v.id`, variant).Scan(&level).Error)
	require.Equal(r.t, level.LedgerOnHand, level.OnHand, "the ledger is the level")
	require.Equal(r.t, level.LedgerReserved, level.Reserved, "the ledger is the level")
	return level.OnHand, level.Reserved, level.Sold
}
