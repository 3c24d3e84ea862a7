// Package listing keeps product_listings, the rows that searches read, up to date with the products they are made of, and tells the
// rest of Atrium what has changed.
package listing

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/terms"
	"atrium/platform/database"
	"atrium/platform/money"
)

// Store writes product_listings, the table that searches read.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// WriteText writes the words that a product is found by into its listing, which Reindex then brings up to date, and returns those that it
// has lost, if it is visible. The caller has locked the product, or has just made it.
func (s *Store) WriteText(ctx context.Context, p *product.Product) (lost []string, err error) {
	conn := s.db.Conn(ctx)
	var category string
	if err := conn.Raw(`SELECT name FROM categories WHERE slug = ?`, p.CategorySlug).Scan(&category).Error; err != nil {
		return nil, err
	}
	found, brand := newDocument(p, category), terms.Key(p.Brand)
	visible, err := s.lock(ctx, p.ID)
	if err != nil {
		return nil, err
	}
	if visible { // Reindex does not see it become so
		if lost, err = s.WordsOf(ctx, p.ID); err != nil {
			return nil, err
		}
		if err := s.Learn(ctx, found.words); err != nil {
			return nil, err
		}
	}
	for _, statement := range []struct {
		sql    string
		values []any
	}{
		{`INSERT INTO product_brands (key, name) SELECT ?::text, ? WHERE ?::text <> '' ON CONFLICT DO NOTHING`, []any{brand, p.Brand, brand}},
		{`INSERT INTO product_listings (product_id, visible, category_slug, brand, brand_key, name_key, heading, search, folded_at)
			VALUES (?, false, ?, ?, ?, ?, ?::tsvector, ?::tsvector, clock_timestamp())
			ON CONFLICT (product_id) DO UPDATE SET brand = excluded.brand, brand_key = excluded.brand_key, name_key = excluded.name_key,
				heading = excluded.heading, search = excluded.search, folded_at = excluded.folded_at`,
			[]any{p.ID, p.CategorySlug, p.Brand, brand, terms.Key(p.Name), found.heading, found.whole}},
	} {
		if err := conn.Exec(statement.sql, statement.values...).Error; err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(lost, func(word string) bool { _, has := slices.BinarySearch(found.words, word); return has }), nil
}

// lock keeps a listing as it is until the transaction ends, and reports whether it is visible.
func (s *Store) lock(ctx context.Context, id uuid.UUID) (visible bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT visible FROM product_listings WHERE product_id = ? FOR UPDATE`, id).Scan(&visible).Error
	return visible, err
}

// Delete removes a listing.
func (s *Store) Delete(ctx context.Context, id uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`DELETE FROM product_listings WHERE product_id = ?`, id).Error
}

// Listed is the part of a listing whose changes are events.
type Listed struct {
	ProductID     uuid.UUID
	Visible       bool
	InStock       bool
	PriceAmount   *int64
	PriceCurrency *string
}

func (l Listed) price() *money.Money {
	if l.PriceAmount == nil || l.PriceCurrency == nil {
		return nil
	}
	m := money.Of(*l.PriceAmount, *l.PriceCurrency)
	return &m
}

// Shift is how a listing was and is.
type Shift struct{ Was, Is Listed }

// Reindex brings listings up to date with the products and variants they are made of, in the transaction open in ctx. It locks
// them first, in id order: whoever moved something at the same time waits, and then sees what was committed. Deleted products
// have no listing, and no shift.
func (s *Store) Reindex(ctx context.Context, ids []uuid.UUID) ([]Shift, error) {
	conn := s.db.Conn(ctx)
	var before []Listed
	err := conn.Raw(`SELECT product_id, visible, in_stock, price_amount, price_currency FROM product_listings
		WHERE product_id = ANY(?) ORDER BY product_id FOR UPDATE`, database.Array(ids)).Scan(&before).Error
	if err != nil || len(before) == 0 {
		return nil, err
	}
	var after []Listed
	err = conn.Raw(`UPDATE product_listings l SET visible = `+product.OnSale+`, category_slug = p.category_slug, materials = p.materials,
			price_amount = p.price_amount, price_currency = p.price_currency,
			width_mm = p.width_mm, depth_mm = p.depth_mm, height_mm = p.height_mm,
			in_stock = EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.on_hand > v.reserved),
			colors = ARRAY(SELECT DISTINCT lower(v.options ->> 'color') FROM product_variants v
				WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.options ->> 'color' <> '' ORDER BY 1)
		FROM products p WHERE p.id = l.product_id AND l.product_id = ANY(?)
		RETURNING l.product_id, l.visible, l.in_stock, l.price_amount, l.price_currency`, database.Array(ids)).Scan(&after).Error
	if err != nil {
		return nil, err
	}
	shifts := make([]Shift, 0, len(after))
	for _, is := range after {
		i := slices.IndexFunc(before, func(was Listed) bool { return was.ProductID == is.ProductID })
		shifts = append(shifts, Shift{Was: before[i], Is: is})
	}
	return shifts, nil
}

// Unfolded reads ids of products, ascending, after one, whose listings were folded by a build before.
func (s *Store) Unfolded(ctx context.Context, after uuid.UUID, limit int) ([]uuid.UUID, error) {
	var ids []uuid.UUID
	err := s.db.Conn(ctx).Raw(`SELECT product_id FROM product_listings WHERE folded_at IS NULL AND product_id > ? ORDER BY product_id LIMIT ?`,
		after, limit).Scan(&ids).Error
	return ids, err
}
