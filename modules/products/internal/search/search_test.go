package search_test

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
)

func TestSearch(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	lamp := s.Product("Pendant Lamp Größe", object{"brand": "Nordlys", "tags": []string{"brass"}})
	s.Variant(lamp, 9900, 3, object{"options": object{"color": "Brass"}})
	s.Variant(lamp, 8900, 0, object{"options": object{"color": "black"}})
	chair := s.Product("Armchair 100% oak", object{"brand": "Holz & Co", "category": "seating", "description": "Goes with a pendant."})
	s.Variant(chair, 49900, 0, object{"options": object{"color": "oak"}})
	korean := s.Product("원목의자", object{"category": "seating"})
	s.Variant(korean, 30000, 1)
	s.Product("Rug", object{"category": "textiles"})

	for query, want := range map[string][]string{
		"pendant":      {"Pendant Lamp Größe", "Armchair 100% oak"}, // the name counts more than the description
		"lamp pendant": {"Pendant Lamp Größe"},
		"pendnat":      {"Pendant Lamp Größe", "Armchair 100% oak"},
		"lapm":         {"Pendant Lamp Größe"},
		"pend":         {"Pendant Lamp Größe", "Armchair 100% oak"},
		"grosse":       {"Pendant Lamp Größe"},
		"LIGHTING":     {"Pendant Lamp Größe"},
		"brass":        {"Pendant Lamp Größe"},
		"chair":        {"Armchair 100% oak"},
		"의자":           {"원목의자"},
		"원목":           {"원목의자"},
		"100%":         {"Armchair 100% oak"},
		"%":            {},
		"_amp":         {}, // "amp" begins no word, and it is too short to be forgiven
		"' | 'rug":     {"Rug"},
		"rug & !lamp":  {},
		"lamp:*":       {"Pendant Lamp Größe"},
		"zzzzzz":       {},
	} {
		t.Run(query, func(t *testing.T) { require.Equal(t, want, s.Found("q="+url.QueryEscape(query))) })
	}
	t.Run("filters", func(t *testing.T) {
		require.Equal(t, []string{"원목의자", "Armchair 100% oak"}, s.Found("category=seating"))
		require.Equal(t, []string{"Pendant Lamp Größe"}, s.Found("brand=nordlys"))
		require.Equal(t, []string{"Pendant Lamp Größe"}, s.Found("color=BLACK"))
		require.Equal(t, []string{"원목의자"}, s.Found("min_price=10000&max_price=40000"))
		require.Equal(t, []string{"원목의자", "Pendant Lamp Größe"}, s.Found("in_stock=true"))
		require.Equal(t, []string{"Pendant Lamp Größe", "원목의자", "Armchair 100% oak", "Rug"}, s.Found("sort=price_asc"))
		require.Equal(t, []string{"Armchair 100% oak", "원목의자", "Pendant Lamp Größe", "Rug"}, s.Found("sort=price_desc"))
	})
	t.Run("facets count what matches", func(t *testing.T) {
		facets := s.List("")["facets"].(object)
		require.EqualValues(t, 4, facets["total"])
		require.EqualValues(t, 2, facets["in_stock"])
		require.Equal(t, object{"min": 8900.0, "max": 49900.0}, facets["price"])
		require.Equal(t, false, facets["approximate"])
		require.Contains(t, facets["categories"], object{"value": "seating", "count": 2.0})
		require.Contains(t, facets["colors"], object{"value": "brass", "count": 1.0})
		require.Len(t, s.List("q=zzzzzz")["facets"].(object)["categories"], 0)
	})
	t.Run("suggestions", func(t *testing.T) {
		body := string(s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/search/suggest?q=nord"}).Want(200).Body)
		require.JSONEq(t, `{"items": [{"type": "brand", "text": "Nordlys", "slug": null}, {"type": "product", "text": "Pendant Lamp Größe", "slug": "pendant-lamp-grosse"}], "next_cursor": null}`, body)
		require.JSONEq(t, `{"items": [], "next_cursor": null}`, string(s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/search/suggest?q=%25"}).Want(200).Body))
		s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/search/suggest"}).Want(422)
	})
}

// What has a word in its heading comes first, ranked, and then the rest, the newest first: in pages of any size the same list.
func TestSearch_PagesFromHeadingsIntoTheRest(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	var rest []string
	for i := range 5 {
		name := fmt.Sprintf("Table %d", i)
		s.Product(name, object{"description": "For a lamp made of brass."})
		rest = append(rest, name)
	}
	s.Product("Shade", object{"brand": "Lamp House"})
	s.Product("Old lamp")
	s.Product("Shelf", object{"tags": []string{"lampwork"}})
	s.Product("New lamp brass")
	slices.Reverse(rest)
	for query, first := range map[string][]string{
		"lamp":       {"New lamp brass", "Old lamp", "Shelf", "Shade"},
		"lamp brass": {"New lamp brass"},
	} {
		q := "q=" + url.QueryEscape(query)
		all := s.Found(q)
		require.ElementsMatch(t, first, all[:len(first)], query)
		require.Equal(t, rest, all[len(first):], query)
		for size := 1; size <= len(all)+1; size++ {
			require.Equal(t, all, s.Paged(fmt.Sprintf("%s&limit=%d&", q, size)), "%s, %d a page", query, size)
		}
	}
	require.Equal(t, "New lamp brass", s.Found("q=lamp")[0], "the name counts more than a brand, and of two names the newest is first")
}

// A beginning that very many words have is looked for as a beginning, not word by word.
func TestSearch_FindsWhatManyWordsBeginWith(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	var names []string
	for i := range 60 {
		names = append(names, fmt.Sprintf("Stool%02d", i))
		s.Product(names[i])
	}
	require.ElementsMatch(t, names, s.Paged("q=stool&limit=50&"))
	require.Equal(t, []string{"Stool07"}, s.Found("q=stool07"))
	for text, suggested := range map[string]int{"s": 10, "stool": 10, "stool5": 10, "stool50": 1} {
		items := s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/search/suggest?q=" + text}).Want(200).JSON()["items"].([]any)
		require.Len(t, items, suggested, text)
	}
}

// However many searches wait for the database, others still reach it.
func TestSearch_LeavesConnections(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	s.Product("Lamp")
	ctx := t.Context()
	var searches sync.WaitGroup
	codes := make([]int, 12) // of 10 connections
	require.NoError(t, s.DB.InTx(ctx, func(ctx context.Context) error {
		require.NoError(t, s.DB.Conn(ctx).Exec("LOCK TABLE product_listings IN ACCESS EXCLUSIVE MODE").Error)
		for i := range codes {
			searches.Go(func() {
				codes[i] = s.App.Do(t, apptest.Request{Method: "GET", Path: fmt.Sprintf("/v1/products?q=lamp&limit=%d", i+1)}).Status
			})
		}
		require.Eventually(t, func() bool {
			return s.Number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 4
		}, 10*time.Second, 5*time.Millisecond, "as many as may search at a time, and this question was answered beside them")
		require.Len(t, s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/categories"}).Want(200).JSON()["items"], 7)
		return nil
	}))
	searches.Wait()
	for _, code := range codes {
		require.Equal(t, 200, code)
	}
}

func TestSearch_Paging(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	for i := range 7 {
		s.Variant(s.Product(fmt.Sprintf("Lamp %d", i)), int64(1000+i%3), 1)
	}
	for _, query := range []string{"", "q=lamp&", "sort=price_asc&", "sort=price_desc&"} {
		all := s.Found(query)
		require.Len(t, all, 7)
		require.Equal(t, all, s.Paged(query+"limit=3&"), query)
	}
	cursor := s.List("limit=3")["next_cursor"].(string)
	s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products?limit=3&sort=price_asc&cursor=" + cursor}).Want(400)
	require.True(t, slices.Contains(s.Found("limit=5&cursor="+cursor), "Lamp 0"), "the limit may change")
}
