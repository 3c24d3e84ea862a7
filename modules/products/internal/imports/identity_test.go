package imports_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

// states are all products of a seller with everything that hangs on them, as the database has them, but for what an edit moves by itself.
func (s *bundle) states(seller uuid.UUID, versions bool) []string {
	s.TB.Helper()
	without := `'updated_at', 'created_at'`
	if !versions {
		without += `, 'version', 'id', 'product_id'`
	}
	var rows []string
	require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Raw(`SELECT (to_jsonb(p) - ARRAY[`+without+`] || jsonb_build_object(
		'tags', (SELECT jsonb_agg(tag ORDER BY tag) FROM product_tags WHERE product_id = p.id),
		'variants', (SELECT jsonb_agg(to_jsonb(v) - ARRAY[`+without+`] ORDER BY v.sku) FROM product_variants v WHERE v.product_id = p.id AND v.deleted_at IS NULL)))::text
		FROM products p WHERE seller_id = ? AND deleted_at IS NULL ORDER BY slug`, seller).Scan(&rows).Error)
	return rows
}

// events is how often something was told.
func (s *bundle) events() int64 { return s.Number(`SELECT count(*) FROM outbox WHERE kind = 'event'`) }

func (s *bundle) export(format, token string) (kind, content string) {
	s.TB.Helper()
	list := s.App.Do(s.TB, apptest.Request{Method: "GET", Path: "/v1/admin/products/export?format=" + format, Token: token}).Want(200)
	kind, _, _ = strings.Cut(list.Header.Get("Content-Type"), ";")
	return kind, string(list.Body)
}

// putBack imports what was exported.
func (s *bundle) putBack(kind, content, token string) [5]int {
	s.TB.Helper()
	begun := s.App.Do(s.TB, apptest.Request{Method: "POST", Path: path, Token: token, Body: content, Header: map[string]string{"Content-Type": kind}}).Want(202).JSON()
	report := s.done(begun, token)
	require.Empty(s.TB, report["problems"], content)
	return counts(report)
}

// odd are texts that lists of cells have had trouble with.
var odd = []string{
	"a|b", "10|20", "a=b", `back\slash`, `end\`, `\|`, "=1+1", "-x", "+49", "@home", "'quoted'", "'", "(none)", "'(none)", `"`, `say "hi"`, "a,b", "a;b", "#tag",
	"## x", "a  b", "none", "null", "é", "의자 123", "👩‍👩‍👧", "0", "TRUE", "1e5", "sep=;", "|", "=", "||", "a||b", "\u00adsoft", "x",
}

// listing draws the values of a product and its variants, in the shape of requests.
func listing(rt *rapid.T, slug string) (product object, variants []object) {
	text := rapid.SampledFrom(odd)
	texts := rapid.SliceOfN(text, 0, 4)
	product = object{"name": text.Draw(rt, "name") + "n", "category": rapid.SampledFrom([]string{"decor", "lighting"}).Draw(rt, "category"), "slug": slug,
		"brand": rapid.OneOf(text, rapid.Just("")).Draw(rt, "brand"), "tags": texts.Draw(rt, "tags"), "materials": texts.Draw(rt, "materials"),
		"description": strings.Join(texts.Draw(rt, "lines"), rapid.SampledFrom([]string{"\n", "\r\n", "\r", "\n\n\t", " "}).Draw(rt, "break")),
		"status":      rapid.SampledFrom([]string{"draft", "active"}).Draw(rt, "status")}
	if n := rapid.IntRange(0, 7).Draw(rt, "measures"); n > 0 {
		measures := object{}
		for i, side := range []string{"width_mm", "depth_mm", "height_mm"} {
			if n>>i&1 == 1 {
				measures[side] = 1 + rapid.IntRange(0, 999).Draw(rt, side)
			}
		}
		product["dimensions"] = measures
	}
	if rapid.Bool().Draw(rt, "heavy") {
		product["weight_g"] = rapid.IntRange(1, 9999).Draw(rt, "weight")
	}
	for i := range rapid.IntRange(1, 3).Draw(rt, "variants") {
		variants = append(variants, variant(rt, fmt.Sprint(text.Draw(rt, "sku"), slug, i)))
	}
	return product, variants
}

func variant(rt *rapid.T, sku string) object {
	text := rapid.SampledFrom(odd)
	currency := rapid.SampledFrom([]string{"EUR", "KRW", "USD"}).Draw(rt, "currency")
	price := int64(rapid.IntRange(10, 99999).Draw(rt, "price"))
	options := map[string]string{}
	for range rapid.IntRange(0, 3).Draw(rt, "options") {
		options[text.Draw(rt, "option")+"o"] = rapid.OneOf(text, rapid.Just("")).Draw(rt, "value")
	}
	v := object{"sku": sku, "name": rapid.OneOf(text, rapid.Just("")).Draw(rt, "variant"), "options": options, "price": object{"amount": price, "currency": currency}}
	if rapid.Bool().Draw(rt, "crossed out") {
		v["compare_at_price"] = object{"amount": price + 1, "currency": currency}
	}
	if rapid.Bool().Draw(rt, "sale") {
		sale := object{"price": object{"amount": price - 1, "currency": currency}}
		from := time.Now().Add(time.Duration(rapid.IntRange(-48, 48).Draw(rt, "from")) * time.Hour).UTC()
		if rapid.Bool().Draw(rt, "begins") {
			sale["starts_at"] = from
		}
		if rapid.Bool().Draw(rt, "ends") {
			sale["ends_at"] = from.Add(time.Hour)
		}
		v["sale"] = sale
	}
	return v
}

func TestFault_I3_ExportAndImportAreTheIdentity(t *testing.T) {
	t.Parallel()
	stacktest.Properties(t, 5, 300)
	s := setup(t, dbtest.Clone)
	rapid.Check(t, func(rt *rapid.T) {
		seller := uuid.Must(uuid.NewV7())
		token := apptest.As(seller, identity.RoleSeller)
		s.Token = token
		var ids []string
		for range rapid.IntRange(1, 3).Draw(rt, "products") {
			slug := strings.ToLower(uuid.NewString()[:13]) + "x"
			body, variants := listing(rt, slug)
			p := s.Do("POST", "/v1/admin/products", body).Want(201).JSON()
			ids = append(ids, p["id"].(string))
			for _, v := range variants {
				made := s.Do("POST", "/v1/admin/products/"+p["id"].(string)+"/variants", v).Want(201).JSON()
				if n := rapid.IntRange(0, 5).Draw(rt, "stock"); n > 0 {
					s.Do("POST", "/v1/admin/variants/"+made["id"].(string)+"/stock", object{"delta": n, "reason": "delivery"}).Want(200)
				}
			}
		}
		if rapid.Bool().Draw(rt, "an earlier release") { // which kept line ends as they were typed
			require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE products SET description = E'one\r\ntwo\rthree ', name = name || '  x' WHERE id = ?`, ids[0]).Error)
		}
		before, told := s.states(seller, true), s.events()
		var files [][2]string
		for _, format := range []string{"csv", "ndjson"} {
			kind, content := s.export(format, token)
			files = append(files, [2]string{kind, content})
			n := s.Number(`SELECT count(*) FROM product_variants v JOIN products p ON p.id = v.product_id WHERE p.seller_id = ?`, seller)
			require.Equal(rt, [5]int{int(n), 0, 0, int(n), 0}, s.putBack(kind, content, token), content)
			require.Equal(rt, before, s.states(seller, true), "not a version moves: %s", content)
			require.Equal(rt, told, s.events(), "nor is anything told")
		}
		clean := s.cleaned(seller)
		for _, file := range files {
			s.spoil(rt, ids)
			s.putBack(file[0], file[1], token)
			require.Equal(rt, clean, s.cleaned(seller), "what was changed since is taken back: %s", file[1])
		}
		for _, file := range files {
			require.NoError(t, s.DB.Conn(t.Context()).Exec(`DELETE FROM product_variants WHERE product_id = ANY(?::uuid[])`, "{"+strings.Join(ids, ",")+"}").Error)
			require.NoError(t, s.DB.Conn(t.Context()).Exec(`DELETE FROM products WHERE seller_id = ?`, seller).Error)
			s.putBack(file[0], file[1], token)
			require.Equal(rt, clean, s.cleaned(seller), "what is gone is back: %s", file[1])
			ids = s.ids(seller)
		}
		taskstest.Drain(t, s.DB, s.Handlers...)
	})
}

func (s *bundle) ids(seller uuid.UUID) (ids []string) {
	s.TB.Helper()
	require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Raw(`SELECT id::text FROM products WHERE seller_id = ? AND deleted_at IS NULL`, seller).Scan(&ids).Error)
	return ids
}

// cleaned are the states of a seller's products, with texts as they are kept today.
func (s *bundle) cleaned(seller uuid.UUID) (all []object) {
	s.TB.Helper()
	for _, state := range s.states(seller, false) {
		var p object
		require.NoError(s.TB, json.Unmarshal([]byte(state), &p))
		p["description"] = strings.TrimSpace(strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(p["description"].(string)))
		p["name"] = strings.Join(strings.Fields(p["name"].(string)), " ")
		variants, _ := p["variants"].([]any)
		for _, v := range variants {
			delete(v.(object), "price_edge")
		}
		delete(p, "price_amount") // by the clock
		all = append(all, p)
	}
	return all
}

// spoil changes whatever can be changed of products, by hand.
func (s *bundle) spoil(rt *rapid.T, ids []string) {
	s.TB.Helper()
	for _, id := range ids {
		body, _ := listing(rt, id)
		delete(body, "slug")
		if body["dimensions"] == nil {
			body["dimensions"] = nil
		}
		s.Do("PATCH", "/v1/admin/products/"+id, body, "If-Match", "*").Want(200)
		var variants []string
		require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Raw(`SELECT id::text FROM product_variants WHERE product_id = ?`, id).Scan(&variants).Error)
		for _, v := range variants {
			change := variant(rt, "")
			delete(change, "sku")
			for _, name := range []string{"compare_at_price", "sale"} {
				if change[name] == nil {
					change[name] = nil
				}
			}
			s.Do("PATCH", "/v1/admin/variants/"+v, change, "If-Match", "*").Want(200)
		}
	}
}

func TestFault_I3_ACellTakesAValueAway(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	p := s.Product("Lamp", object{"brand": "Nordlys", "tags": []string{"tall"}, "dimensions": object{"width_mm": 1, "depth_mm": 2, "height_mm": 3}, "slug": "lamp"})
	s.Variant(p, 100, 3, object{"sku": "L-1", "name": "Brass", "options": object{"color": "brass"}, "compare_at_price": object{"amount": 120, "currency": "EUR"},
		"sale": object{"price": object{"amount": 90, "currency": "EUR"}}})
	shows := func(want string) {
		t.Helper()
		_, content := s.export("ndjson", s.Token)
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(content), &row))
		got := fmt.Sprint(row["brand"], row["tags"], row["width_mm"], row["depth_mm"], row["height_mm"], row["options"], row["compare_at_amount"], row["sale_amount"])
		require.Equal(t, want, got)
	}
	shows("Nordlys[tall] 1 2 3 map[color:brass] 120 90")
	require.Equal(t, [5]int{1, 0, 0, 1, 0}, counts(s.importing("", "text/csv", "sku,width_mm,tags,compare_at_amount,sale_amount\nL-1,,,,\n")), "an empty cell says nothing")
	require.Equal(t, [5]int{1, 0, 1, 0, 0}, counts(s.importing("", "text/csv", "sku,width_mm\nL-1,7\n")))
	shows("Nordlys[tall] 7 2 3 map[color:brass] 120 90")
	require.Equal(t, [5]int{1, 0, 1, 0, 0}, counts(s.importing("", "text/csv",
		"sku,brand,tags,width_mm,depth_mm,options,compare_at_amount,sale_amount\nL-1,(none),(none),(none),5,(none),(none),(none)\n")))
	shows("[] <nil> 5 3 map[] <nil> <nil>")
	require.Equal(t, [5]int{1, 0, 1, 0, 0}, counts(s.importing("", "application/x-ndjson", `{"sku": "L-1", "height_mm": null, "sale_amount": 50, "sale_ends_at": "2031-01-01T09:00:00+09:00"}`)))
	shows("[] <nil> 5 <nil> map[] <nil> 50")
	require.Equal(t, [5]int{1, 0, 0, 1, 0}, counts(s.importing("", "text/csv", "sku,sale_ends_at\nL-1,2031-01-01T00:00:00Z\n")), "the same moment")
	require.Equal(t, [5]int{1, 0, 0, 0, 1}, counts(s.importing("", "text/csv", "sku,name\nL-1,(none)\n")), "a product has a name")
	require.Equal(t, [5]int{1, 0, 1, 0, 0}, counts(s.importing("", "application/x-ndjson", `{"sku": "L-1", "sale_amount": null}`)))
	require.Equal(t, [5]int{1, 0, 0, 0, 1}, counts(s.importing("", "text/csv", "sku,sale_starts_at\nL-1,2031-01-01T00:00:00Z\n")), "of no sale")
}
