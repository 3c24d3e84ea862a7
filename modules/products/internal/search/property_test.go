package search_test

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/platform/dbtest"
	"atrium/platform/stacktest"
)

// slips are all words that are one slip of the finger from word: a letter wrong, missing, too many, or two swapped.
func slips(word string) []string {
	letters := []rune(word)
	var all []string
	for i := range len(letters) - 1 {
		before, after := string(letters[:i]), string(letters[i+1:])
		all = append(all, before+"z"+after, before+after, before+string(letters[i])+"z"+after,
			before+string(letters[i+1])+string(letters[i])+string(letters[i+2:]))
	}
	return all
}

func TestSearch_FindsByEveryBeginningAndEverySlip(t *testing.T) {
	s := setup(t, dbtest.Clone)
	words := []string{"pendant", "lamp", "größe", "chair", "sideboard", "walnut", "원목의자", "linen", "shelf", "brass", "læselampe", "gießkanne"}
	for _, word := range words {
		s.Product("Thing "+word, object{"brand": "Maker"})
	}
	for _, word := range words {
		letters := []rune(word)
		for i := range letters {
			begun := string(letters[:i+1])
			require.Contains(t, s.Found("limit=50&q="+url.QueryEscape(begun)), "Thing "+word, begun)
		}
		for _, wrong := range slips(word) {
			if utf8.RuneCountInString(wrong) >= 4 { // what is shorter is not forgiven
				require.Contains(t, s.Found("limit=50&q="+url.QueryEscape(wrong)), "Thing "+word, wrong)
			}
		}
	}
}

// seenProduct is what a brute-force count needs of a product.
type seenProduct struct {
	name, brand, category, color, material string
	price                                  int64
	inStock                                bool
	width                                  int
}

func TestSearch_FacetsEqualBruteForceProperty(t *testing.T) {
	stacktest.Properties(t, 15, 300)
	s := setup(t, dbtest.Clone)
	var all []seenProduct
	for i := range 24 {
		p := seenProduct{
			name: []string{"Lamp", "Chair", "Lamp chair"}[i%3] + " " + strconv.Itoa(i), brand: []string{"Nordlys", "Holz"}[i%2],
			category: []string{"lighting", "seating", "decor"}[i%3], color: []string{"black", "brass", "oak", ""}[i%4],
			material: []string{"steel", "wood"}[i/2%2], price: int64(1000 + i*i*7%5000), inStock: i%5 > 0, width: 100 + i*37%500,
		}
		all = append(all, p)
		made := s.Product(p.name, object{"brand": p.brand, "category": p.category, "materials": []string{p.material}, "dimensions": object{"width_mm": p.width}})
		options := object{}
		if p.color != "" {
			options["color"] = p.color
		}
		stock := 0
		if p.inStock {
			stock = 2
		}
		s.Variant(made, p.price, stock, object{"options": options})
	}
	hidden := s.Product("Lamp secret", object{"status": "draft", "brand": "Nordlys"})
	s.Variant(hidden, 1, 5)
	rapid.Check(t, func(r *rapid.T) {
		query := url.Values{"limit": {"50"}}
		maybe := func(name string, values ...string) string {
			value := rapid.SampledFrom(append([]string{""}, values...)).Draw(r, name)
			if value != "" {
				query.Set(name, value)
			}
			return value
		}
		q, category, brand, color, material := maybe("q", "lamp", "chair"), maybe("category", "lighting", "seating"), maybe("brand", "nordlys", "HOLZ"),
			maybe("color", "brass", "Black"), maybe("material", "steel", "WOOD")
		low, wide, inStock := maybe("min_price", "2000", "3500"), maybe("max_width_mm", "200", "400"), maybe("in_stock", "true")
		maybe("sort", "newest", "price_asc", "price_desc", "relevance")
		number := func(text string, otherwise int64) int64 {
			if n, err := strconv.ParseInt(text, 10, 64); err == nil {
				return n
			}
			return otherwise
		}
		want := map[string]map[string]float64{"categories": {}, "brands": {}, "colors": {}, "materials": {}}
		var names []string
		var stocked float64
		for _, p := range all {
			if !strings.Contains(strings.ToLower(p.name), q) || category != "" && p.category != category || brand != "" && !strings.EqualFold(p.brand, brand) ||
				color != "" && !strings.EqualFold(p.color, color) || material != "" && !strings.EqualFold(p.material, material) ||
				p.price < number(low, 0) || int64(p.width) > number(wide, 1000) || inStock != "" && !p.inStock {
				continue
			}
			names = append(names, p.name)
			for facet, value := range map[string]string{"categories": p.category, "brands": p.brand, "colors": p.color, "materials": p.material} {
				if value != "" {
					want[facet][value]++
				}
			}
			if p.inStock {
				stocked++
			}
		}
		list := s.List(query.Encode())
		require.ElementsMatch(t, names, s.Found(query.Encode()))
		facets := list["facets"].(object)
		require.EqualValues(t, len(names), facets["total"])
		require.Equal(t, stocked, facets["in_stock"])
		require.Equal(t, false, facets["approximate"])
		for facet, counts := range want {
			got := map[string]float64{}
			for _, bucket := range facets[facet].([]any) {
				got[bucket.(object)["value"].(string)] = bucket.(object)["count"].(float64)
			}
			require.Equal(t, counts, got, facet)
		}
	})
}
