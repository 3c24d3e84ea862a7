package search_test

import (
	"context"
	"fmt"
	"net/url"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
)

// suggested returns the texts that a half-typed search leads to.
func (s *bundle) suggested(typed string) (texts []string) {
	s.TB.Helper()
	list := s.App.Do(s.TB, apptest.Request{Method: "GET", Path: "/v1/search/suggest?q=" + url.QueryEscape(typed)}).Want(200).JSON()
	for _, item := range list["items"].([]any) {
		texts = append(texts, item.(object)["text"].(string))
	}
	return texts
}

func TestFault_T5_T8_T9_TheShopFindsEverySpelling(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	for name, queries := range map[string][]string{
		"Φως τοίχου":       {"ΦΩΣ", "φως", "ΤΟΊΧΟΥ", "φωσ"},
		"IŞIK lamba":       {"ışık", "isik", "Işık"},
		"Écru Straße":      {"ecru", "ＥＣＲＵ", "strasse", "STRASSE écru", "straße"},
		"원목 식탁세트":          {"원목식탁", "원목 식탁", "식탁"},
		"Regal 60cm":       {"60 cm", "60CM", "６０ｃｍ"},
		"Hylde 75 cm":      {"75cm", "75 cm"},
		"كُرْسِيّ مريح":    {"كرسي", "كُرسي"},
		"ガラス花瓶":            {"ｶﾞﾗｽ", "ガラス"},
		"Give\u200baway":   {"giveaway", "give\u00adaway"},
		"Plant pot 🌿":      {"🌿"},
		"नर्म गद्दा":       {"नर्म"},
		"Lampe d’Alsace æ": {"AE", "alsace"},
	} {
		s.Product(name)
		for _, q := range queries {
			require.Contains(t, s.Found("q="+url.QueryEscape(q)), name, q)
		}
	}
	require.Empty(t, s.Found("q="+url.QueryEscape("カラス")), "a crow is no glass")

	vase := s.Product("Vase", object{"brand": "Straße & Söhne", "materials": []string{"Écru Leinen"}, "tags": []string{"ΣΟΦΑΣ", "σοφας", "#\u2800"}})
	s.Variant(vase, 100, 1, object{"options": object{"color": "Weiß"}})
	require.Equal(t, []any{"σοφασ"}, vase["tags"])
	for _, query := range []string{"brand=STRASSE+S%C3%B6hne", "color=WEISS", "color=wei%C3%9F", "material=ECRU+leinen", "q=%CF%83%CE%BF%CF%86%CE%B1%CF%82"} {
		require.Equal(t, []string{"Vase"}, s.Found(query), query)
	}
	require.Contains(t, s.suggested("STRASS"), "Straße & Söhne")
	require.Equal(t, "Φως τοίχου", s.suggested("ΦΩΣ Τ")[0])
	require.Equal(t, "Lighting", s.suggested("ＬＩＧＨＴ")[0])
}

// What a build before has written is found by the words that it wrote, and by all spellings once it is folded anew.
func TestFold_OfWhatBuildsBeforeWrote(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp := s.Product("Φως Écru", object{"brand": "Μύλος", "materials": []string{"écru"}})
	s.Variant(lamp, 100, 1, object{"options": object{"color": "Weiß"}})
	other := s.Product("Lamp")
	exec := func(sql string, values ...any) {
		t.Helper()
		require.NoError(t, s.DB.Conn(t.Context()).Exec(sql, values...).Error)
	}
	exec(`DELETE FROM product_words`)
	exec(`DELETE FROM product_slips`)
	exec(`DELETE FROM product_brands`)
	older := func() { // what the build before wrote
		t.Helper()
		exec(`INSERT INTO product_words VALUES ('φως'), ('ecru'), ('μυλος') ON CONFLICT DO NOTHING`)
		exec(`INSERT INTO product_brands VALUES ('μυλος', 'Μύλος') ON CONFLICT DO NOTHING`)
		exec(`INSERT INTO product_listings (product_id, visible, category_slug, brand_key, name_key, heading, search)
			VALUES (?, true, 'lighting', 'μυλος', 'φως ecru', '''φως'':1A ''ecru'':2A ''μυλος'':3B', '''φως'' ''ecru'' ''μυλος'' ''weiss''')
			ON CONFLICT (product_id) DO UPDATE SET brand_key = excluded.brand_key, name_key = excluded.name_key, heading = excluded.heading, search = excluded.search`, lamp["id"])
	}
	older()
	unfolded := func() int64 { return s.Number(`SELECT count(*) FROM product_listings WHERE folded_at IS NULL`) }
	require.EqualValues(t, 1, unfolded(), "a build before says nothing of when it folds")
	found := []string{"Φως Écru"}
	find := func(queries ...string) {
		t.Helper()
		for _, query := range queries {
			require.Equal(t, found, s.Found(query), query)
		}
	}
	before := []string{"q=" + url.QueryEscape("φως"), "q=" + url.QueryEscape("φως écru"), "brand=" + url.QueryEscape("μύλος"), "color=wei%C3%9F", "material=%C3%89CRU"}
	find(before...)
	require.Equal(t, found, s.suggested("φως"))
	require.ElementsMatch(t, []string{"Μύλος", found[0]}, s.suggested("μύλος"))

	fold := func() { t.Helper(); require.NoError(t, s.Schedules["products.fold_listings"](t.Context())) }
	fold()
	require.Zero(t, unfolded())
	find(append(before, "q="+url.QueryEscape("ΦΩΣ")+"&limit=7", "color=WEISS", "material=ecru", "brand="+url.QueryEscape("ΜΥΛΟΣ"))...)
	require.Equal(t, []string{"Lamp"}, s.Found("q=lamp"))
	fold() // nothing is left to do

	t.Run("an edit by a build before is folded again, one interrupted goes on", func(t *testing.T) {
		older()
		exec(`UPDATE product_listings SET folded_at = NULL WHERE product_id = ?`, other["id"])
		require.EqualValues(t, 2, unfolded())
		ctx, stop := context.WithCancel(t.Context())
		stop()
		require.Error(t, s.Schedules["products.fold_listings"](ctx))
		fold()
		require.Zero(t, unfolded())
	})
	t.Run("what is sold is not folded anew", func(t *testing.T) {
		exec(`UPDATE product_listings SET in_stock = false, price_amount = 7`)
		require.Zero(t, unfolded())
	})
}

func TestFault_S3_FindsSKUsAndNamesOfVariants(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	lamp, other := s.Product("Arc"), s.Product("Bow 4711")
	variant := s.Variant(lamp, 100, 1, object{"sku": "LMP-4711/b", "name": "Midnight blue"})
	s.Variant(other, 100, 1, object{"sku": "LMP-4711/bc"})
	for query, want := range map[string][]string{
		"LMP-4711/b":    {"Arc"},
		"lmp-4711/B":    {"Arc"},
		"lmp 4711 b":    {"Arc"},
		"LMP-4711/bc":   {"Bow 4711"},
		"LMP-4711":      {},
		"midnight":      {"Arc"},
		"arc midnight":  {"Arc"},
		"arc LMP4711/b": {},
	} {
		require.Equal(t, want, s.Found("q="+url.QueryEscape(query)), query)
		require.Equal(t, want, s.Found("sort=newest&q="+url.QueryEscape(query)), query)
	}
	s.Do("PATCH", "/v1/admin/variants/"+variant.String(), object{"sku": "Z-1", "name": "Dawn"}, "If-Match", "*").Want(200)
	require.Empty(t, s.Found("q="+url.QueryEscape("LMP-4711/b")))
	require.Equal(t, []string{"Arc"}, s.Found("q=z-1"))
	require.Equal(t, []string{"Arc"}, s.Found("q=dawn"))
	require.Empty(t, s.Found("q=z-1&max_price=50"))
}

func TestFault_S4_WhatIsCalledSoComesFirst(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	s.Product("Straße")
	s.Product("Lamp")
	s.Product("Lamp lamp lamp")
	s.Product("Lamp shade", object{"brand": "Lamp", "tags": []string{"lamp"}})
	s.Product("Lampwork")
	s.Product("lámp")
	all := s.Found("q=LAMP")
	require.Len(t, all, 5)
	require.Equal(t, []string{"lámp", "Lamp"}, all[:2])
	for size := 1; size <= 6; size++ {
		require.Equal(t, all, s.Paged(fmt.Sprintf("q=lamp&limit=%d&", size)), size)
	}
	require.Equal(t, []string{"lámp", "Lamp"}, s.suggested("lamp")[1:3], "after the brand")
	require.Equal(t, []string{"Straße"}, s.Found("q=STRASSE"))
	require.Equal(t, []string{"Lamp lamp lamp", "Lamp shade"}, s.Found("q=lamp+lamp+lamp&limit=2"))
}

func TestFault_S1_SingularAndPluralFindEachOther(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	for _, name := range []string{"Lampshade", "Floor lamp", "Two lamps", "Wall shelf", "Oak shelves", "Bread knives", "Toy box", "Stove", "Cat's feet", "Kinderlampe", "Vases", "원목 의자들"} {
		s.Product(name)
	}
	for query, want := range map[string][]string{
		"lamps":        {"Lampshade", "Floor lamp", "Two lamps"},
		"lamp":         {"Lampshade", "Floor lamp", "Two lamps", "Kinderlampe"},
		"floor lamps":  {"Floor lamp"},
		"shelves":      {"Wall shelf", "Oak shelves"},
		"shelf":        {"Wall shelf", "Oak shelves"},
		"SHELFS":       {"Wall shelf", "Oak shelves"},
		"knife":        {"Bread knives"},
		"boxes":        {"Toy box"},
		"stoves":       {"Stove"},
		"foot":         {"Cat's feet"},
		"kinderlampen": {"Kinderlampe"},
		"vase":         {"Vases"},
		"의자":           {"원목 의자들"},
		"lampz":        {"Lampshade", "Floor lamp", "Two lamps"}, // a slip is forgiven as ever
	} {
		require.ElementsMatch(t, want, s.Found("q="+url.QueryEscape(query)), query)
		require.ElementsMatch(t, want, s.Paged("limit=1&sort=newest&q="+url.QueryEscape(query)+"&"), query)
	}
	require.Contains(t, s.suggested("shelves"), "Wall shelf")
}
