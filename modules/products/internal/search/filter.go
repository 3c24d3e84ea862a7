// Package search finds products on sale: by words, filters and order, with facets, and suggests how to go on with half a word.
package search

import (
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products/internal/terms"
	"atrium/platform/database"
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
	Words      []string             // folded; all must be found, unless Typed is a SKU
	Typed      string               // the key of what was typed
	Former     []string             // the words as listings have them that are not folded anew yet; nil: the same
	Expansions map[string]expansion // of all these
	Categories []string             // any of them; empty: all
	Brand      string
	Color      string
	Material   string
	Currency   string // that prices are compared in
	Exact      bool   // whether only products in it are asked for
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

// clause is a piece of SQL with its values.
type clause struct {
	sql    string
	values []any
}

func (c *clause) add(sql string, values ...any) {
	c.sql += sql
	c.values = append(c.values, values...)
}

// addEither adds a condition, and the one that stands for it in listings that are not folded anew yet; "" for the same.
func (c *clause) addEither(sql, value, formerSQL, former string) {
	if former == "" {
		c.add(" AND "+sql, value)
		return
	}
	c.add(" AND ("+sql+" OR l.folded_at IS NULL AND "+formerSQL+")", value, former)
}

// where writes the filter as conditions on product_listings l.
func (f Filter) where() clause {
	c := clause{sql: "l.visible"}
	if len(f.Words) > 0 {
		c.addEither("l.search @@ ?::tsquery", matchQuery(f.Words, f.Expansions)+" | "+f.sku(), "l.search @@ ?::tsquery", matchQuery(f.Former, f.Expansions))
	}
	switch len(f.Categories) {
	case 0:
	case 1: // so that the index that is in the order of the list serves it
		c.add(" AND l.category_slug = ?", f.Categories[0])
	default:
		c.add(" AND l.category_slug = ANY(?)", database.Array(f.Categories))
	}
	if key := terms.Key(f.Brand); key != "" {
		c.addEither("l.brand_key = ?", key, "l.brand_key = ?", terms.FormerKey(f.Brand))
	}
	if f.Color != "" {
		c.addEither("l.search @@ ?::tsquery", "'"+terms.ColorMark(f.Color)+"'", "l.colors @> ARRAY[lower(?)]", f.Color)
	}
	if f.Material != "" {
		c.addEither("l.search @@ ?::tsquery", "'"+terms.MaterialMark(f.Material)+"'", "l.materials @> ARRAY[lower(?)]", f.Material)
	}
	switch {
	case f.Exact:
		c.add(" AND l.price_currency = ?", f.Currency)
	case f.comparesPrices(): // what has no price comes last
		c.add(" AND (l.price_currency = ? OR l.price_currency IS NULL)", f.Currency)
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

// comparesPrices reports whether prices decide which products are found, or in which order.
func (f Filter) comparesPrices() bool {
	return f.MinPrice != nil || f.MaxPrice != nil || f.Sort == sortCheapest || f.Sort == sortDearest
}

// sku writes a tsquery literal for what has the SKU that was typed.
func (f Filter) sku() string { return "'" + terms.SKUMark(f.Typed) + "'" }

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

// exact is the value of what is called, or has the SKU, just as it was typed.
const exact = 1 << 40

// ranked writes the relation page of a search by relevance: first what is exactly it, then what has one of the words in its heading,
// ranked, then what has them only elsewhere, the newest first, at no rank. Few products are of the first kind, and the second is read only by a page that the
// first does not fill: reading and ranking all matches would cost many times as much.
func (f Filter) ranked(after *Position, limit int) clause {
	typed, meant, where := typedQuery(f.Words), matchQuery(f.Words, f.Expansions), f.where()
	headed := anyQuery(slices.Concat(f.Words, f.Former), f.Expansions)
	var c clause
	c.add(`exact AS MATERIALIZED (SELECT product_id FROM product_listings WHERE visible AND name_key = ?
		UNION SELECT product_id FROM product_listings WHERE visible AND search @@ ?::tsquery), `, f.Typed, f.sku())
	c.add("page AS (SELECT *, row_number() OVER () AS place FROM (")
	if after == nil || after.Value >= exact {
		c.add("(SELECT l.product_id, ?::bigint AS value FROM product_listings l WHERE ", int64(exact))
		c.add(where.sql+" AND l.product_id IN (SELECT product_id FROM exact)", where.values...)
		if after != nil {
			c.add(" AND l.product_id < ?", after.ID)
		}
		c.add(" ORDER BY l.product_id DESC LIMIT ?) UNION ALL ", limit)
	}
	where.add(" AND l.product_id NOT IN (SELECT product_id FROM exact)")
	if after == nil || after.Value > unranked {
		// What was typed counts four times what it may have meant. Whole millionths make a value that a cursor can hold.
		c.add(`(SELECT * FROM (SELECT product_id, greatest(((4 * ts_rank(heading, ?::tsquery) + ts_rank(heading, ?::tsquery)) * 1000000)::bigint, ?) AS value
			FROM (SELECT l.product_id, l.heading FROM product_listings l WHERE `, typed, meant, unranked+1)
		c.add(where.sql+" AND l.heading @@ ?::tsquery", append(where.values, headed)...)
		c.add(` ORDER BY l.product_id DESC LIMIT ?) AS headed) AS hits`, maxRanked)
		if after != nil && after.Value < exact {
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
