package internal

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/database"
	"atrium/platform/money"
)

// The orders that a list can have.
const (
	sortRelevance = "relevance"
	sortNewest    = "newest"
	sortCheapest  = "price_asc"
	sortDearest   = "price_desc"
)

// Filter selects products that are on sale.
type Filter struct {
	Words    []string            // folded; all must be found
	Meant    map[string][]string // what else each of them may mean
	Category string              // with its branches
	Brand    string
	Color    string
	MinPrice *int64
	MaxPrice *int64
	InStock  bool
	Sort     string
}

// Position is where a page ends: the sort value and the id.
type Position struct {
	Value int64     `json:"v"`
	ID    uuid.UUID `json:"id"`
}

// where writes the filter as SQL conditions on products p.
func (f Filter) where() (string, []any) {
	conditions := []string{"p.status = 'active'", "p.deleted_at IS NULL"}
	var values []any
	add := func(sql string, v ...any) {
		conditions = append(conditions, sql)
		values = append(values, v...)
	}
	if len(f.Words) > 0 {
		add("p.search @@ ?::tsquery", queryOf(f.Words, f.Meant))
	}
	if f.Category != "" {
		add(`p.category_slug IN (WITH RECURSIVE branch AS (SELECT slug FROM categories WHERE slug = ?
			UNION SELECT c.slug FROM categories c JOIN branch b ON c.parent_slug = b.slug) SELECT slug FROM branch)`, f.Category)
	}
	if f.Brand != "" {
		add("lower(p.brand) = lower(?)", f.Brand)
	}
	if f.MinPrice != nil {
		add("p.price_amount >= ?", *f.MinPrice)
	}
	if f.MaxPrice != nil {
		add("p.price_amount <= ?", *f.MaxPrice)
	}
	if f.Color != "" {
		add(`EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL
			AND lower(v.options ->> 'color') = lower(?))`, f.Color)
	}
	if f.InStock {
		add("EXISTS (SELECT 1 FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL AND v.on_hand > v.reserved)")
	}
	return strings.Join(conditions, " AND "), values
}

// order is the expression of the sort value, whether it ascends, and the values in it. Ids descend: newer first.
func (f Filter) order() (expression string, ascending bool, values []any) {
	switch f.Sort {
	case sortCheapest:
		return "coalesce(p.price_amount, 9223372036854775807)", true, nil
	case sortDearest:
		return "coalesce(p.price_amount, -1)", false, nil
	case sortRelevance:
		if len(f.Words) > 0 {
			// What was typed counts four times what it may have meant. Whole millionths make a value that a cursor can hold.
			return `((4 * ts_rank(p.search, ?::tsquery) + ts_rank(p.search, ?::tsquery)) * 1000000)::bigint`, false,
				[]any{queryOf(f.Words, nil), queryOf(f.Words, f.Meant)}
		}
	}
	return "0::bigint", false, nil
}

// Find reads ids and sort values of a page that begins after the position given (nil: the first page).
func (s *Store) Find(ctx context.Context, f Filter, after *Position, limit int) ([]Position, error) {
	where, values := f.where()
	value, ascending, ranked := f.order()
	direction, beyond := "DESC", "<"
	if ascending {
		direction, beyond = "ASC", ">"
	}
	var all []any
	sql := "SELECT p.id, " + value + " AS value FROM products p WHERE " + where
	all = append(append(all, ranked...), values...)
	if after != nil {
		sql += " AND (" + value + " " + beyond + " ? OR (" + value + " = ? AND p.id < ?))"
		all = append(append(all, ranked...), after.Value)
		all = append(append(all, ranked...), after.Value, after.ID)
	}
	order := " ORDER BY value " + direction + ", p.id DESC LIMIT ?"
	if value == "0::bigint" {
		order = " ORDER BY p.id DESC LIMIT ?" // so that the index on id serves it
	}
	var rows []Position
	err := s.db.Conn(ctx).Raw(sql+order, append(all, limit)...).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// maxCounted is up to how many matches facets are counted exactly.
const maxCounted = 1000

// Bucket is one value of a facet. Kind is category, brand, color, in_stock, or price with the lowest and highest amount.
type Bucket struct {
	Kind  string
	Value string
	Count int64
	Low   *int64
	High  *int64
}

// Facets counts what is among the matches of the filter: one query over at most maxCounted+1 of them.
func (s *Store) Facets(ctx context.Context, f Filter) ([]Bucket, error) {
	where, values := f.where()
	var rows []Bucket
	err := s.db.Conn(ctx).Raw(`WITH m AS MATERIALIZED (
			SELECT p.id, p.category_slug, p.brand, p.price_amount FROM products p WHERE `+where+` LIMIT ?),
		v AS MATERIALIZED (
			SELECT v.product_id, lower(v.options ->> 'color') AS color, v.on_hand > v.reserved AS in_stock
			FROM product_variants v JOIN m ON m.id = v.product_id WHERE v.deleted_at IS NULL)
		SELECT 'category' AS kind, category_slug AS value, count(*), NULL::bigint AS low, NULL::bigint AS high FROM m GROUP BY 2
		UNION ALL SELECT 'brand', brand, count(*), NULL, NULL FROM m WHERE brand <> '' GROUP BY 2
		UNION ALL SELECT 'color', color, count(DISTINCT product_id), NULL, NULL FROM v WHERE color <> '' GROUP BY 2
		UNION ALL SELECT 'in_stock', '', count(DISTINCT product_id), NULL, NULL FROM v WHERE in_stock
		UNION ALL SELECT 'price', '', count(*), min(price_amount), max(price_amount) FROM m
		ORDER BY kind, count DESC, value`, append(values, maxCounted+1)...).Scan(&rows).Error
	return rows, faults.Translate(err, nil)
}

// maxAlternatives bounds what one word may mean besides itself.
const maxAlternatives = 30

// Alternatives reads, for each word: the words that it is part of ("chair" in "armchair"), and, where no word begins with it,
// the words that were meant by it.
func (s *Store) Alternatives(ctx context.Context, words []string) (map[string][]string, error) {
	var rows []struct {
		Typed, Word string
		Known       bool
	}
	err := s.db.Conn(ctx).Raw(`SELECT t.typed, w.word, k.known FROM unnest(?::text[]) AS t (typed)
		CROSS JOIN LATERAL (SELECT EXISTS (SELECT 1 FROM product_words WHERE word LIKE t.typed || '%') AS known) k
		CROSS JOIN LATERAL (
			(SELECT word FROM product_words WHERE length(t.typed) >= (CASE WHEN t.typed ~ '^[a-z0-9]*$' THEN 4 ELSE 2 END)
				AND word LIKE '%' || t.typed || '%' LIMIT 100)
			UNION (SELECT word FROM product_words WHERE NOT k.known AND word % t.typed LIMIT 500)
			UNION (SELECT word FROM product_words WHERE NOT k.known AND left(word, 1) = left(t.typed, 1)
				AND length(word) BETWEEN length(t.typed) - 1 AND length(t.typed) + 1 LIMIT 2000)
		) w`, database.Array(words)).Scan(&rows).Error
	if err := faults.Translate(err, nil); err != nil {
		return nil, err
	}
	found := make(map[string][]string, len(words))
	for _, row := range rows {
		contained := strings.Contains(row.Word, row.Typed)
		if len(found[row.Typed]) < maxAlternatives && (contained || !row.Known && meant(row.Typed, row.Word)) {
			found[row.Typed] = append(found[row.Typed], row.Word)
		}
	}
	return found, nil
}

// Suggestion is something that what was typed may lead to. Kind is product, category or brand.
type Suggestion struct {
	Kind string
	Text string
	Slug string
}

// Suggest reads what begins with the words: categories and brands, then products on sale.
func (s *Store) Suggest(ctx context.Context, words []string, meant map[string][]string, limit int) ([]Suggestion, error) {
	vector := queryOf(words, meant)
	typed := strings.Join(words, " ")
	var rows []Suggestion
	err := s.db.Conn(ctx).Raw(`(SELECT 'category' AS kind, name AS text, slug FROM categories
			WHERE starts_with(lower(name), ?) OR starts_with(slug, ?) ORDER BY position LIMIT 3)
		UNION ALL (SELECT 'brand', min(brand), '' FROM products WHERE starts_with(lower(brand), ?)
			AND status = 'active' AND deleted_at IS NULL GROUP BY lower(brand) ORDER BY 2 LIMIT 3)
		UNION ALL (SELECT 'product', name, slug FROM products WHERE search @@ ?::tsquery AND status = 'active' AND deleted_at IS NULL
			ORDER BY ts_rank(search, ?::tsquery) DESC, id DESC LIMIT ?)`, typed, typed, typed, vector, vector, limit).Scan(&rows).Error
	return rows[:min(len(rows), limit)], faults.Translate(err, nil)
}

// Offers reads variants as the till sees them; deleted ones are absent.
func (s *Store) Offers(ctx context.Context, variants []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	rows, err := s.offers(ctx, "v.id = ANY(?)", variants)
	offers := make(map[uuid.UUID]products.Offer, len(rows))
	for _, o := range rows {
		offers[o.VariantID] = o
	}
	return offers, err
}

// OffersOf reads the variants of products on sale, cheapest first.
func (s *Store) OffersOf(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	rows, err := s.offers(ctx, "p.status = 'active' AND v.product_id = ANY(?)", ids)
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
	err := s.db.Conn(ctx).Raw(`SELECT v.id, v.sku, v.name, v.price_amount, v.price_currency, v.on_hand - v.reserved AS available,
			p.id AS product_id, p.slug, p.name AS product_name, p.price_amount AS low_amount, p.price_currency AS low_currency,
			p.status = 'active' AS on_sale
		FROM product_variants v JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL
		WHERE v.deleted_at IS NULL AND `+condition+` ORDER BY v.price_amount, v.id`, database.Array(ids)).Scan(&rows).Error
	offers := make([]products.Offer, 0, len(rows))
	for _, row := range rows {
		p := Product{ID: row.ProductID, Slug: row.Slug, Name: row.ProductName, PriceAmount: row.LowAmount, PriceCurrency: row.LowCurrency}
		offers = append(offers, products.Offer{
			VariantID: row.ID, Product: p.ref(), SKU: row.SKU, Name: row.Name, Price: money.Of(row.PriceAmount, row.PriceCurrency),
			Available: row.Available, OnSale: row.OnSale,
		})
	}
	return offers, faults.Translate(err, nil)
}
