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

// WriteText writes the words that products are found by into their listings, which Reindex then brings up to date, and returns those that
// visible ones have lost. The caller has locked the products, or has just made them. How many they are does not change how many statements.
func (s *Store) WriteText(ctx context.Context, all []*product.Product) (lost []string, err error) {
	rows, err := s.documents(ctx, all)
	if err != nil {
		return nil, err
	}
	visible, err := s.lockVisible(ctx, rows.ids)
	if err != nil {
		return nil, err
	}
	if len(visible) > 0 { // Reindex does not see them become so
		if lost, err = s.WordsOf(ctx, visible...); err != nil {
			return nil, err
		}
		if err := s.Learn(ctx, rows.wordsOf(visible)); err != nil {
			return nil, err
		}
	}
	for _, statement := range []struct {
		sql    string
		values []any
	}{
		{`INSERT INTO product_brands (key, name) SELECT DISTINCT ON (key) key, name FROM unnest(?::text[], ?::text[]) AS b (key, name)
			WHERE key <> '' ORDER BY key ON CONFLICT DO NOTHING`, []any{database.Array(rows.brandKeys), database.Array(rows.brands)}},
		{`INSERT INTO product_listings (product_id, visible, category_slug, brand, brand_key, name_key, heading, search, folded_at)
			SELECT id, false, category, brand, brand_key, name_key, heading::tsvector, search::tsvector, clock_timestamp()
			FROM unnest(?::uuid[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[], ?::text[])
				AS d (id, category, brand, brand_key, name_key, heading, search) ORDER BY id
			ON CONFLICT (product_id) DO UPDATE SET brand = excluded.brand, brand_key = excluded.brand_key, name_key = excluded.name_key,
				heading = excluded.heading, search = excluded.search, folded_at = excluded.folded_at`,
			[]any{database.Array(rows.ids), database.Array(rows.categories), database.Array(rows.brands), database.Array(rows.brandKeys),
				database.Array(rows.nameKeys), database.Array(rows.headings), database.Array(rows.wholes)}},
	} {
		if err := s.db.Conn(ctx).Exec(statement.sql, statement.values...).Error; err != nil {
			return nil, err
		}
	}
	found := rows.wordsOf(visible)
	return slices.DeleteFunc(lost, func(word string) bool { _, has := slices.BinarySearch(found, word); return has }), nil
}

// documentRows are what some products are found by, column by column.
type documentRows struct {
	ids                                                       []uuid.UUID
	categories, brands, brandKeys, nameKeys, headings, wholes []string
	words                                                     map[uuid.UUID][]string
}

func (s *Store) documents(ctx context.Context, all []*product.Product) (rows documentRows, err error) {
	var categories []struct{ Slug, Name string }
	if err := s.db.Conn(ctx).Raw(`SELECT slug, name FROM categories`).Scan(&categories).Error; err != nil {
		return rows, err
	}
	names := make(map[string]string, len(categories))
	for _, c := range categories {
		names[c.Slug] = c.Name
	}
	rows.words = make(map[uuid.UUID][]string, len(all))
	for _, p := range all {
		d := newDocument(p, names[p.CategorySlug])
		rows.ids, rows.categories = append(rows.ids, p.ID), append(rows.categories, p.CategorySlug)
		rows.brands, rows.brandKeys = append(rows.brands, p.Brand), append(rows.brandKeys, terms.Key(p.Brand))
		rows.nameKeys, rows.headings, rows.wholes = append(rows.nameKeys, terms.Key(p.Name)), append(rows.headings, d.heading), append(rows.wholes, d.whole)
		rows.words[p.ID] = d.words
	}
	return rows, nil
}

// wordsOf returns the words of some of the products, sorted, each once.
func (r documentRows) wordsOf(ids []uuid.UUID) (words []string) {
	for _, id := range ids {
		words = append(words, r.words[id]...)
	}
	slices.Sort(words)
	return slices.Compact(words)
}

// lockVisible keeps listings as they are until the transaction ends, and returns which of them are visible.
func (s *Store) lockVisible(ctx context.Context, ids []uuid.UUID) (visible []uuid.UUID, err error) {
	var locked []struct {
		ProductID uuid.UUID
		Visible   bool
	}
	err = s.db.Conn(ctx).Raw(`SELECT product_id, visible FROM product_listings WHERE product_id = ANY(?) ORDER BY product_id FOR UPDATE`, database.Array(ids)).Scan(&locked).Error
	for _, l := range locked {
		if l.Visible {
			visible = append(visible, l.ProductID)
		}
	}
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
