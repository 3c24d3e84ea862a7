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
	Words      []string         // folded; all must be found
	Senses     map[string]sense // of the words
	Categories []string         // any of them; empty: all
	Brand      string           // folded
	Color      string
	Material   string
	MinPrice   *int64
	MaxPrice   *int64
	MaxWidth   *int64 // millimetres; what has no measure is not found
	MaxDepth   *int64
	MaxHeight  *int64
	InStock    bool
	Sort       string
}

// Position is where a page ends: the sort value and the id.
type Position struct {
	Value int64     `json:"v"`
	ID    uuid.UUID `json:"id"`
}

// Bucket is one value of a facet. Kind is category, brand, color, material, in_stock, or price with the lowest and highest amount.
type Bucket struct {
	Kind  string
	Value string
	Count int64
	Low   *int64
	High  *int64
}

// Found is what one search found: a page of ids in order, and the facets of everything that matches.
type Found struct {
	Positions []Position
	Facets    []Bucket
}

const (
	// maxCounted is up to how many matches facets are counted exactly.
	maxCounted = 1000
	// maxRanked is how many matches are ranked: of a broader search the newest; what is older and would have a rank is not in its list.
	maxRanked = 5000
	// unranked is the value of what has the words, but none in its heading.
	unranked = 0
)

// clause is a piece of SQL with its values.
type clause struct {
	sql    string
	values []any
}

func (c *clause) add(sql string, values ...any) {
	c.sql += sql
	c.values = append(c.values, values...)
}

// where writes the filter as conditions on product_listings l.
func (f Filter) where() clause {
	c := clause{sql: "l.visible"}
	if len(f.Words) > 0 {
		c.add(" AND l.search @@ ?::tsquery", matchQuery(f.Words, f.Senses))
	}
	switch len(f.Categories) {
	case 0:
	case 1: // so that the index that is in the order of the list serves it
		c.add(" AND l.category_slug = ?", f.Categories[0])
	default:
		c.add(" AND l.category_slug = ANY(?)", database.Array(f.Categories))
	}
	for _, text := range []struct{ sql, value string }{
		{" AND l.brand_key = ?", f.Brand},
		{" AND l.colors @> ARRAY[lower(?)]", f.Color},
		{" AND l.materials @> ARRAY[lower(?)]", f.Material},
	} {
		if text.value != "" {
			c.add(text.sql, text.value)
		}
	}
	for _, bound := range []struct {
		sql   string
		value *int64
	}{
		{" AND l.price_amount >= ?", f.MinPrice},
		{" AND l.price_amount <= ?", f.MaxPrice},
		{" AND l.width_mm <= ?", f.MaxWidth},
		{" AND l.depth_mm <= ?", f.MaxDepth},
		{" AND l.height_mm <= ?", f.MaxHeight},
	} {
		if bound.value != nil {
			c.add(bound.sql, *bound.value)
		}
	}
	if f.InStock {
		c.add(" AND l.in_stock")
	}
	return c
}

// order is how a list is sorted: the value, the condition of being after a position, and the order. Each fits an index.
type order struct {
	value, by string
	beyond    func(after Position) clause
}

func (f Filter) order() order {
	switch f.Sort {
	case sortCheapest:
		const value = "coalesce(l.price_amount, 9223372036854775807)"
		return order{value, value + ", l.product_id DESC", func(p Position) clause {
			return clause{" AND " + value + " >= ? AND (" + value + " > ? OR l.product_id < ?)", []any{p.Value, p.Value, p.ID}}
		}}
	case sortDearest:
		const value = "coalesce(l.price_amount, -1)"
		return order{value, value + " DESC, l.product_id DESC", func(p Position) clause {
			return clause{" AND (" + value + ", l.product_id) < (?, ?)", []any{p.Value, p.ID}}
		}}
	default:
		return order{"0::bigint", "l.product_id DESC", func(p Position) clause {
			return clause{" AND l.product_id < ?", []any{p.ID}}
		}}
	}
}

// ranked writes the relation page of a search by relevance: first what has one of the words in its heading, ranked, then what has them
// only elsewhere, the newest first, at no rank. Few products are of the first kind, and the second is read only by a page that the
// first does not fill: reading and ranking all matches would cost many times as much.
func (f Filter) ranked(after *Position, limit int) clause {
	typed, meant, headed, where := typedQuery(f.Words), matchQuery(f.Words, f.Senses), anyQuery(f.Words, f.Senses), f.where()
	var c clause
	c.add("page AS (SELECT *, row_number() OVER () AS place FROM (")
	if after == nil || after.Value > unranked {
		// What was typed counts four times what it may have meant. Whole millionths make a value that a cursor can hold.
		c.add(`(SELECT * FROM (SELECT product_id, greatest(((4 * ts_rank(heading, ?::tsquery) + ts_rank(heading, ?::tsquery)) * 1000000)::bigint, ?) AS value
			FROM (SELECT l.product_id, l.heading FROM product_listings l WHERE `, typed, meant, unranked+1)
		c.add(where.sql+" AND l.heading @@ ?::tsquery", append(where.values, headed)...)
		c.add(` ORDER BY l.product_id DESC LIMIT ?) AS headed) AS hits`, maxRanked)
		if after != nil {
			c.add(" WHERE (value, product_id) < (?, ?)", after.Value, after.ID)
		}
		c.add(` ORDER BY value DESC, product_id DESC LIMIT ?) UNION ALL `, limit)
	}
	c.add(`SELECT * FROM (SELECT l.product_id, ?::bigint AS value FROM product_listings l WHERE `, unranked)
	c.add(where.sql+" AND NOT l.heading @@ ?::tsquery", append(where.values, headed)...)
	if after != nil && after.Value <= unranked {
		c.add(" AND l.product_id < ?", after.ID)
	}
	c.add(` ORDER BY l.product_id DESC LIMIT ?) AS others LIMIT ?) AS rows)`, limit, limit)
	return c
}

// sorted writes the relation page of any other list; it ends after as many rows as it needs.
func (f Filter) sorted(after *Position, limit int) clause {
	where, order := f.where(), f.order()
	var c clause
	c.add(`page AS (SELECT *, row_number() OVER () AS place FROM (SELECT l.product_id, `+order.value+` AS value FROM product_listings l WHERE `+where.sql, where.values...)
	if after != nil {
		beyond := order.beyond(*after)
		c.add(beyond.sql, beyond.values...)
	}
	c.add(` ORDER BY `+order.by+` LIMIT ?) AS rows)`, limit)
	return c
}

// Find reads a page that begins after the position given (nil: the first page), and counts the facets of at most maxCounted+1
// of all matches: one round trip.
func (s *Store) Find(ctx context.Context, f Filter, after *Position, limit int) (Found, error) {
	relations := f.sorted(after, limit)
	if f.Sort == sortRelevance && len(f.Words) > 0 {
		relations = f.ranked(after, limit)
	}
	where := f.where()
	relations.add(`, sample AS MATERIALIZED (SELECT l.category_slug, l.brand, l.brand_key, l.price_amount, l.colors, l.materials, l.in_stock
		FROM product_listings l WHERE `+where.sql+` LIMIT ?)`, append(where.values, maxCounted+1)...)
	var rows []Bucket
	err := s.db.Conn(ctx).Raw(`WITH `+relations.sql+`
		SELECT 'hit' AS kind, product_id::text AS value, value AS count, NULL::bigint AS low, NULL::bigint AS high, place FROM page
		UNION ALL SELECT 'category', category_slug, count(*), NULL, NULL, -count(*) FROM sample GROUP BY 2
		UNION ALL SELECT 'brand', min(brand), count(*), NULL, NULL, -count(*) FROM sample WHERE brand_key <> '' GROUP BY brand_key
		UNION ALL SELECT 'color', color, count(*), NULL, NULL, -count(*) FROM sample, unnest(colors) AS color GROUP BY 2
		UNION ALL SELECT 'material', material, count(*), NULL, NULL, -count(*) FROM sample, unnest(materials) AS material GROUP BY 2
		UNION ALL SELECT 'in_stock', '', count(*), NULL, NULL, 0 FROM sample WHERE in_stock
		UNION ALL SELECT 'price', '', count(*), min(price_amount), max(price_amount), 0 FROM sample
		ORDER BY kind, place, value`, relations.values...).Scan(&rows).Error
	if err := faults.Translate(err, nil); err != nil {
		return Found{}, err
	}
	var found Found
	for _, row := range rows {
		if row.Kind != "hit" {
			found.Facets = append(found.Facets, row)
			continue
		}
		id, err := uuid.Parse(row.Value)
		if err != nil {
			return Found{}, err
		}
		found.Positions = append(found.Positions, Position{Value: row.Count, ID: id})
	}
	return found, nil
}

const (
	// maxOthers bounds what one word may mean besides itself.
	maxOthers = 30
	// maxBegun is how many words that begin with a word are looked for one by one.
	maxBegun = 50
)

// Senses reads, for each word: the words that begin with it, unless they are many; the words that it is part of ("chair" in
// "armchair"); and, where no word begins with it, the words that were meant by it.
func (s *Store) Senses(ctx context.Context, words []string) (map[string]sense, error) {
	var rows []struct {
		Typed, Word   string
		Begins, Known bool
	}
	spelled, of := spellingsOf(words)
	err := s.db.Conn(ctx).Raw(`SELECT t.typed, w.word, w.begins, k.known FROM unnest(?::text[]) AS t (typed)
		CROSS JOIN LATERAL (SELECT begun, begun <> '{}' AS known
			FROM (SELECT ARRAY(SELECT word FROM product_words
				WHERE word ~>=~ t.typed AND word ~<~ (t.typed || chr(1114111)) LIMIT ?) AS begun) AS b) k
		CROSS JOIN LATERAL (
			SELECT unnest(k.begun) AS word, true AS begins
			UNION ALL SELECT word, false FROM (
				(SELECT word FROM product_words WHERE length(t.typed) >= (CASE WHEN t.typed ~ '^[a-z0-9]*$' THEN 4 ELSE 2 END)
					AND word LIKE '%' || t.typed || '%' AND NOT starts_with(word, t.typed) LIMIT 100)
				UNION (SELECT word FROM product_words WHERE NOT k.known AND word % t.typed LIMIT 500)
				UNION (SELECT word FROM product_slips WHERE NOT k.known AND char_length(t.typed) >= 4
					AND slip = ANY (ARRAY(SELECT left(spelled, i - 1) || substr(spelled, i + 1)
						FROM unnest(?::text[], ?::text[]) AS s (spelled, typed), generate_series(1, char_length(spelled) + 1) AS i WHERE s.typed = t.typed)))
			) AS others
		) w`, database.Array(words), maxBegun+1, database.Array(spelled), database.Array(of)).Scan(&rows).Error
	if err := faults.Translate(err, nil); err != nil {
		return nil, err
	}
	found := make(map[string]sense, len(words))
	for _, row := range rows {
		of := found[row.Typed]
		switch contained := strings.Contains(row.Word, row.Typed); {
		case row.Begins:
			of.Begun = append(of.Begun, row.Word)
		case len(of.Others) < maxOthers && (contained || !row.Known && meant(row.Typed, row.Word)):
			of.Others = append(of.Others, row.Word)
		}
		found[row.Typed] = of
	}
	for word, of := range found {
		if len(of.Begun) > maxBegun {
			found[word] = sense{Others: of.Others}
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

// maxSuggested bounds how many of the products that have the words are ranked for a suggestion.
const maxSuggested = 200

// beyondAll follows, after a beginning, whatever else may follow it in the order of bytes (~<~), which is that of the indexes for
// beginnings. LIKE would find them only while the planner sees what was typed, and never in their order.
const beyondAll = "\U0010FFFF"

// Suggest reads what begins with the words: categories and brands, then products on sale: first those whose name begins with
// what was typed, then, unless that is too short to tell, those that have the words anywhere.
func (s *Store) Suggest(ctx context.Context, words []string, senses map[string]sense, limit int) ([]Suggestion, error) {
	vector := matchQuery(words, senses)
	typed := strings.Join(words, " ")
	var rows []Suggestion
	err := s.db.Conn(ctx).Raw(`WITH begun AS MATERIALIZED (SELECT product_id, 1 AS place FROM product_listings
				WHERE visible AND name_key ~>=~ ? AND name_key ~<~ ? ORDER BY name_key USING ~<~ LIMIT ?),
			containing AS MATERIALIZED (SELECT product_id, heading FROM product_listings
				WHERE visible AND ? AND search @@ ?::tsquery LIMIT ?),
			best AS (SELECT product_id, min(place) AS place, max(rank) AS rank FROM (
					SELECT product_id, place, 1::real AS rank FROM begun
					UNION ALL SELECT product_id, 2, ts_rank(heading, ?::tsquery) FROM containing) AS either
				GROUP BY product_id ORDER BY 2, 3 DESC, 1 DESC LIMIT ?)
		(SELECT 'category' AS kind, name AS text, slug FROM categories
			WHERE starts_with(lower(name), ?) OR starts_with(slug, ?) ORDER BY position LIMIT 3)
		UNION ALL (SELECT 'brand', name, '' FROM product_brands b WHERE key ~>=~ ? AND key ~<~ ?
			AND EXISTS (SELECT 1 FROM product_listings l WHERE l.visible AND l.brand_key = b.key) ORDER BY key USING ~<~ LIMIT 3)
		UNION ALL (SELECT 'product', p.name, p.slug FROM best JOIN products p ON p.id = best.product_id
			ORDER BY best.place, best.rank DESC, p.id DESC)`,
		typed, typed+beyondAll, limit, tellsEnough(typed), vector, maxSuggested, vector, limit, typed, typed, typed, typed+beyondAll).Scan(&rows).Error
	return rows[:min(len(rows), limit)], faults.Translate(err, nil)
}

// tellsEnough: one or two Latin letters begin so many words that only the beginnings of names help.
func tellsEnough(typed string) bool { return len(typed) > 2 }

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
	err := s.db.Conn(ctx).Raw(`SELECT v.id, v.sku, v.name, price_now(v) AS price_amount, v.price_currency, v.on_hand - v.reserved AS available,
			p.id AS product_id, p.slug, p.name AS product_name, p.price_amount AS low_amount, p.price_currency AS low_currency,
			p.status = 'active' AS on_sale
		FROM product_variants v JOIN products p ON p.id = v.product_id AND p.deleted_at IS NULL
		WHERE v.deleted_at IS NULL AND `+condition+` ORDER BY price_now(v), v.id`, database.Array(ids)).Scan(&rows).Error
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
