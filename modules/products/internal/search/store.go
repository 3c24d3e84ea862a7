package search

import (
	"context"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/products/internal/terms"
	"atrium/platform/database"
)

// Store searches the listings.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db: db} }

// Bucket is one value of a facet. Kind is category, brand, color, material, currency, in_stock, or price with the lowest and highest amount in the
// filter's currency.
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

// Find reads a page that begins after the position given (nil: the first page), and counts the facets of at most maxCounted+1
// of all matches: one round trip.
func (s *Store) Find(ctx context.Context, f Filter, after *Position, limit int) (Found, error) {
	relations := f.sorted(after, limit)
	if f.Sort == sortRelevance && len(f.Words) > 0 {
		relations = f.ranked(after, limit)
	}
	where := f.where()
	relations.add(`, sample AS MATERIALIZED (SELECT l.category_slug, l.brand, l.brand_key, l.price_amount, l.price_currency, l.colors, l.materials, l.in_stock
		FROM product_listings l WHERE `+where.sql+` LIMIT ?)`, append(where.values, maxCounted+1)...)
	var rows []Bucket
	err := s.db.Conn(ctx).Raw(`WITH `+relations.sql+`
		SELECT 'hit' AS kind, product_id::text AS value, value AS count, NULL::bigint AS low, NULL::bigint AS high, place FROM page
		UNION ALL SELECT 'category', category_slug, count(*), NULL, NULL, -count(*) FROM sample GROUP BY 2
		UNION ALL SELECT 'brand', min(brand), count(*), NULL, NULL, -count(*) FROM sample WHERE brand_key <> '' GROUP BY brand_key
		UNION ALL SELECT 'color', color, count(*), NULL, NULL, -count(*) FROM sample, unnest(colors) AS color GROUP BY 2
		UNION ALL SELECT 'material', material, count(*), NULL, NULL, -count(*) FROM sample, unnest(materials) AS material GROUP BY 2
		UNION ALL SELECT 'in_stock', '', count(*), NULL, NULL, 0 FROM sample WHERE in_stock
		UNION ALL SELECT 'currency', price_currency, count(*), NULL, NULL, -count(*) FROM sample WHERE price_currency IS NOT NULL GROUP BY 2
		UNION ALL SELECT 'price', '', count(*), min(price_amount) FILTER (WHERE price_currency = ?), max(price_amount) FILTER (WHERE price_currency = ?), 0 FROM sample
		ORDER BY kind, place, value`, append(relations.values, f.Currency, f.Currency)...).Scan(&rows).Error
	if err != nil {
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

// Offered reports whether anything on sale has its price in a currency.
func (s *Store) Offered(ctx context.Context, currency string) (offered bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT EXISTS (SELECT FROM product_listings WHERE visible AND price_currency = ?)`, currency).Scan(&offered).Error
	return offered, err
}

const (
	// maxOthers bounds what one word may mean besides itself.
	maxOthers = 30
	// maxPrefixed is how many words that begin with a word are looked for one by one.
	maxPrefixed = 50
)

// Expand returns, for each word: the words that begin with it, unless they are many; the words that it is part of ("chair" in
// "armchair"); and, where no word begins with it or is a form of it, the words that were meant by it.
func (s *Store) Expand(ctx context.Context, words []string) (map[string]expansion, error) {
	var rows []struct {
		Typed, Word   string
		Begins, Known bool
	}
	spelled, of := terms.Spellings(words)
	forms, formsOf := terms.AllForms(words)
	err := s.db.Conn(ctx).Raw(`SELECT t.typed, w.word, w.begins, k.known FROM unnest(?::text[]) AS t (typed)
		CROSS JOIN LATERAL (SELECT begun, begun <> '{}' OR EXISTS (SELECT 1 FROM unnest(?::text[], ?::text[]) AS f (form, typed)
				JOIN product_words ON word = f.form WHERE f.typed = t.typed) AS known
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
		) w`, database.Array(words), database.Array(forms), database.Array(formsOf), maxPrefixed+1, database.Array(spelled), database.Array(of)).Scan(&rows).Error
	if err != nil {
		return nil, err
	}
	found := make(map[string]expansion, len(words))
	for _, row := range rows {
		of := found[row.Typed]
		switch contained := strings.Contains(row.Word, row.Typed); {
		case row.Begins:
			of.Prefixed = append(of.Prefixed, row.Word)
		case len(of.Others) < maxOthers && (contained || !row.Known && terms.IsSlipOf(row.Typed, row.Word)):
			of.Others = append(of.Others, row.Word)
		}
		found[row.Typed] = of
	}
	for word, of := range found {
		if len(of.Prefixed) > maxPrefixed {
			found[word] = expansion{Others: of.Others}
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

// Suggest reads what begins with the words: brands, then products on sale: first those that are called so, then
// those whose name begins with what was typed, then, unless that is too short to tell, those that have the words anywhere.
func (s *Store) Suggest(ctx context.Context, words []string, expansions map[string]expansion, limit int) ([]Suggestion, error) {
	vector := matchQuery(words, expansions)
	typed := strings.Join(words, " ")
	var rows []Suggestion
	err := s.db.Conn(ctx).Raw(`WITH begun AS MATERIALIZED (SELECT product_id, CASE WHEN name_key = ? THEN 0 ELSE 1 END AS place FROM product_listings
				WHERE visible AND name_key ~>=~ ? AND name_key ~<~ ? ORDER BY name_key USING ~<~ LIMIT ?),
			containing AS MATERIALIZED (SELECT product_id, heading FROM product_listings
				WHERE visible AND ? AND search @@ ?::tsquery LIMIT ?),
			best AS (SELECT product_id, min(place) AS place, max(rank) AS rank FROM (
					SELECT product_id, place, 1::real AS rank FROM begun
					UNION ALL SELECT product_id, 2, ts_rank(heading, ?::tsquery) FROM containing) AS either
				GROUP BY product_id ORDER BY 2, 3 DESC, 1 DESC LIMIT ?)
		(SELECT 'brand' AS kind, name AS text, '' AS slug FROM product_brands b WHERE key ~>=~ ? AND key ~<~ ?
			AND EXISTS (SELECT 1 FROM product_listings l WHERE l.visible AND l.brand_key = b.key) ORDER BY key USING ~<~ LIMIT 3)
		UNION ALL (SELECT 'product', p.name, p.slug FROM best JOIN products p ON p.id = best.product_id
			ORDER BY best.place, best.rank DESC, p.id DESC)`,
		typed, typed, typed+beyondAll, limit, tellsEnough(typed), vector, maxSuggested, vector, limit, typed, typed+beyondAll).Scan(&rows).Error
	return rows, err
}

// tellsEnough: one or two Latin letters begin so many words that only the beginnings of names help.
func tellsEnough(typed string) bool { return len(typed) > 2 }
