package internal

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/money"
)

// Index writes down what a product is found by, for a listing that Relist then brings up to date. The caller has locked the
// product, or has just made it.
func (s *Store) Index(ctx context.Context, p *Product) error {
	conn := s.db.Conn(ctx)
	var category string
	if err := conn.Raw(`SELECT name FROM categories WHERE slug = ?`, p.CategorySlug).Scan(&category).Error; err != nil {
		return faults.Translate(err, nil)
	}
	found := textOf(p, category)
	slices.Sort(found.words) // one order for everybody, so that two writers never wait for each other in a circle
	spelled, of := spellingsOf(found.words)
	brand := key(p.Brand)
	for _, statement := range []struct {
		sql    string
		values []any
	}{
		{`WITH fresh AS (INSERT INTO product_words (word) SELECT unnest(?::text[]) ON CONFLICT DO NOTHING RETURNING word)
			INSERT INTO product_slips (slip, word)
			SELECT DISTINCT left(spelled, i - 1) || substr(spelled, i + 1), word
			FROM fresh JOIN unnest(?::text[], ?::text[]) AS s (spelled, word) USING (word), generate_series(1, char_length(spelled) + 1) AS i
			WHERE char_length(word) >= 3 ON CONFLICT DO NOTHING`,
			[]any{database.Array(found.words), database.Array(spelled), database.Array(of)}},
		{`INSERT INTO product_brands (key, name) SELECT ?::text, ? WHERE ?::text <> '' ON CONFLICT DO NOTHING`, []any{brand, p.Brand, brand}},
		{`INSERT INTO product_listings (product_id, visible, category_slug, brand, brand_key, name_key, heading, search)
			VALUES (?, false, ?, ?, ?, ?, ?::tsvector, ?::tsvector)
			ON CONFLICT (product_id) DO UPDATE SET brand = excluded.brand, brand_key = excluded.brand_key, name_key = excluded.name_key,
				heading = excluded.heading, search = excluded.search`,
			[]any{p.ID, p.CategorySlug, p.Brand, brand, key(p.Name), found.heading, found.whole}},
	} {
		if err := conn.Exec(statement.sql, statement.values...).Error; err != nil {
			return faults.Translate(err, nil)
		}
	}
	return nil
}

// Listed is what of a listing others want to hear about.
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

// Shift is what bringing a listing up to date has changed.
type Shift struct{ Was, Is Listed }

// Relist brings listings up to date with the products and variants they are made of, in the transaction open in ctx. It locks
// them first, in id order: whoever moved something at the same time waits, and then sees what was committed. Deleted products
// have no listing, and no shift.
func (s *Store) Relist(ctx context.Context, ids []uuid.UUID) ([]Shift, error) {
	conn := s.db.Conn(ctx)
	var before []Listed
	err := conn.Raw(`SELECT product_id, visible, in_stock, price_amount, price_currency FROM product_listings
		WHERE product_id = ANY(?) ORDER BY product_id FOR UPDATE`, database.Array(ids)).Scan(&before).Error
	if err != nil || len(before) == 0 {
		return nil, faults.Translate(err, nil)
	}
	var after []Listed
	err = conn.Raw(`UPDATE product_listings l SET visible = p.status = 'active', category_slug = p.category_slug, materials = p.materials,
			price_amount = p.price_amount, price_currency = p.price_currency,
			width_mm = p.width_mm, depth_mm = p.depth_mm, height_mm = p.height_mm,
			in_stock = EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.on_hand > v.reserved),
			colors = ARRAY(SELECT DISTINCT lower(v.options ->> 'color') FROM product_variants v
				WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.options ->> 'color' <> '' ORDER BY 1)
		FROM products p WHERE p.id = l.product_id AND l.product_id = ANY(?)
		RETURNING l.product_id, l.visible, l.in_stock, l.price_amount, l.price_currency`, database.Array(ids)).Scan(&after).Error
	if err := faults.Translate(err, nil); err != nil {
		return nil, err
	}
	shifts := make([]Shift, 0, len(after))
	for _, is := range after {
		i := slices.IndexFunc(before, func(was Listed) bool { return was.ProductID == is.ProductID })
		shifts = append(shifts, Shift{Was: before[i], Is: is})
	}
	return shifts, nil
}

// Instead finds, for each product, up to n others to buy instead: of the 40 dearer and the 40 cheaper ones next to it in its
// category, those whose names are most alike.
func (s *Store) Instead(ctx context.Context, ids []uuid.UUID, n int) (map[uuid.UUID][]uuid.UUID, error) {
	var rows []struct{ ID, Other uuid.UUID }
	err := s.db.Conn(ctx).Raw(`
		SELECT p.id, near.product_id AS other FROM products p CROSS JOIN LATERAL (
			SELECT product_id, similarity(name_key, lower(p.name)) AS alike, abs(price_amount - coalesce(p.price_amount, 0)) AS apart FROM (
				(SELECT product_id, name_key, price_amount FROM product_listings
				WHERE visible AND in_stock AND category_slug = p.category_slug AND price_amount >= coalesce(p.price_amount, 0)
					AND price_currency = coalesce(p.price_currency, price_currency) AND product_id <> p.id
				ORDER BY price_amount, product_id LIMIT 40)
				UNION ALL
				(SELECT product_id, name_key, price_amount FROM product_listings
				WHERE visible AND in_stock AND category_slug = p.category_slug AND price_amount < p.price_amount
					AND price_currency = p.price_currency AND product_id <> p.id
				ORDER BY price_amount DESC, product_id DESC LIMIT 40)) around
			ORDER BY alike DESC, apart, product_id LIMIT @n) near
		WHERE p.id = ANY(@ids) ORDER BY p.id, near.alike DESC, near.apart, near.product_id`,
		map[string]any{"ids": database.Array(ids), "n": n}).Scan(&rows).Error
	found := make(map[uuid.UUID][]uuid.UUID, len(ids))
	for _, row := range rows {
		found[row.ID] = append(found[row.ID], row.Other)
	}
	return found, faults.Translate(err, nil)
}
