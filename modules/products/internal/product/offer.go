package product

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/money"
)

// Offers reads variants as a checkout sees them; deleted ones are absent.
func (s *Store) Offers(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	rows, err := s.offers(ctx, "v.id = ANY(?)", variants)
	offers := make(map[uuid.UUID]products.Offer, len(rows))
	for _, o := range rows {
		offers[o.VariantID] = o
	}
	return offers, err
}

// OffersOf reads the variants of products on sale, cheapest first, those in another currency than the product's last.
func (s *Store) OffersOf(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	rows, err := s.offers(ctx, OnSale+" AND v.product_id = ANY(?)", ids)
	byProduct := make(map[uuid.UUID][]products.Offer, len(ids))
	for _, o := range rows {
		byProduct[o.Product.ID] = append(byProduct[o.Product.ID], o)
	}
	return byProduct, err
}

func (s *Store) offers(ctx context.Context, condition string, ids []uuid.UUID) ([]products.Offer, error) {
	var rows []struct {
		ID            uuid.UUID
		SKU           string `gorm:"column:sku"`
		Name          string
		PriceAmount   int64
		PriceCurrency string
		Available     int64
		ProductID     uuid.UUID
		Slug          string
		ProductName   string
		LowAmount     *int64
		LowCurrency   *string
		OnSale        bool
	}
	err := s.db.Conn(ctx).Raw(`SELECT v.id, v.sku, v.name, price_now(v) AS price_amount, v.price_currency, v.on_hand - v.reserved AS available,
			p.id AS product_id, p.slug, p.name AS product_name, p.price_amount AS low_amount, p.price_currency AS low_currency,
			`+OnSale+` AS on_sale
		FROM product_variants v JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL
		WHERE v.deleted_at IS NULL AND `+condition+` ORDER BY v.price_currency <> coalesce(p.price_currency, v.price_currency), price_now(v), v.id`, database.Array(ids)).Scan(&rows).Error
	offers := make([]products.Offer, 0, len(rows))
	for _, row := range rows {
		p := Product{ID: row.ProductID, Slug: row.Slug, Name: row.ProductName, PriceAmount: row.LowAmount, PriceCurrency: row.LowCurrency}
		offers = append(offers, products.Offer{
			VariantID: row.ID, Product: p.Ref(), SKU: row.SKU, Name: row.Name, Price: money.Of(row.PriceAmount, row.PriceCurrency),
			Available: row.Available, OnSale: row.OnSale,
		})
	}
	return offers, err
}
