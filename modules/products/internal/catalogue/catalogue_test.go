package catalogue_test

import (
	"net/url"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/products"
	"atrium/modules/products/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/tasks/taskstest"
)

func TestProducts_AreMadeAndShown(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	upload := s.Photos.Add(s.Seller)
	made := s.Do("POST", "/v1/admin/products", object{
		"name": "Arc Floor Lamp", "brand": "Nordlys", "description": "A tall arc.", "category": "lighting", "tags": []string{"#Brass", "brass", "tall"},
		"dimensions": object{"width_mm": 420, "height_mm": 1550}, "photos": []string{upload.String()},
	}).Want(201)
	product := made.JSON()
	id := product["id"].(string)
	require.Equal(t, "/v1/products/"+id, made.Header.Get("Location"))
	require.Equal(t, `"1"`, made.Header.Get("ETag"))
	require.Equal(t, "arc-floor-lamp", product["slug"])
	require.Equal(t, []any{"brass", "tall"}, product["tags"])
	require.Equal(t, object{"width_mm": 420.0, "depth_mm": nil, "height_mm": 1550.0}, product["dimensions"])
	require.Empty(t, product["variants"])
	require.Nil(t, product["rating"])
	require.True(t, s.Photos.Used(upload))
	require.Len(t, product["photos"], 1)

	v := s.Do("POST", "/v1/admin/products/"+id+"/variants", object{
		"sku": "ARC-1", "name": "Brass", "options": object{"color": "brass"},
		"price": object{"amount": 129900, "currency": "EUR"}, "compare_at_price": object{"amount": 149900, "currency": "EUR"},
	}).Want(201).JSON()
	require.EqualValues(t, 0, v["available"])
	level := s.Do("POST", "/v1/admin/variants/"+v["id"].(string)+"/stock", object{"delta": 5, "reason": "delivery"}).Want(200).JSON()
	require.Equal(t, object{"on_hand": 5.0, "reserved": 0.0, "available": 5.0}, level)

	shown := s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/arc-floor-lamp"}).Want(200).JSON()
	require.Len(t, shown, 14)
	require.Equal(t, object{
		"id": v["id"], "sku": "ARC-1", "name": "Brass", "options": object{"color": "brass"}, "price": object{"amount": 129900.0, "currency": "EUR"},
		"compare_at_price": object{"amount": 149900.0, "currency": "EUR"}, "sale": nil, "lowest_price_30d": nil, "available": 5.0, "version": 1.0,
	}, shown["variants"].([]any)[0])
	require.NotEmpty(t, taskstest.Events[products.Changed](t, s.DB))
	refs, err := s.Catalogue.Refs(t.Context(), []uuid.UUID{uuid.MustParse(id)})
	require.NoError(t, err)
	require.EqualValues(t, 129900, refs[uuid.MustParse(id)].Price.Amount)
	require.NotNil(t, refs[uuid.MustParse(id)].Photo)
}

func TestFault_H7_AnEditOfAProductThatChangesNothingKeepsItsVersionAndTellsNobody(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	photo := s.Photos.Add(s.Seller).String()
	made := s.Product("Sofa", object{"tags": []string{"Oak", "ärmlos", "#blue", "Zen"}, "materials": []string{"oak", "Wool"}, "brand": "Hald", "photos": []string{photo},
		"dimensions": object{"width_mm": 2000}, "weight_g": 40_000})
	path := "/v1/admin/products/" + made["id"].(string)
	variant := "/v1/admin/variants/" + s.Variant(made, 9900, 3, object{"options": object{"color": "blue"}, "compare_at_price": object{"amount": 12900, "currency": "EUR"},
		"sale": object{"price": object{"amount": 5000, "currency": "EUR"}, "starts_at": "2026-01-01T00:00:00.123456789Z"}}).String()
	before := len(taskstest.Events[products.Changed](t, s.DB))
	said := s.Do("PATCH", path, object{}, "If-Match", `"1"`).Want(200).JSON()
	for _, same := range []object{
		{"name": " Sofa ", "slug": made["slug"], "brand": "Hald"}, {"tags": []string{"zen", "blue", "oak", "ärmlos"}, "materials": []string{"wool", "oak"}}, {"photos": []string{photo}},
		{"dimensions": object{"width_mm": 2000}, "weight_g": 40_000}, {"status": "active", "category": made["category"]},
	} {
		require.Equal(t, said, s.Do("PATCH", path, same, "If-Match", `"1"`).Want(200).JSON(), same)
	}
	offered := s.Do("PATCH", variant, object{}, "If-Match", `"1"`).Want(200).JSON()
	require.Equal(t, object{"amount": 5000.0, "currency": "EUR"}, offered["price"])
	for _, same := range []object{
		{"sku": offered["sku"], "name": offered["name"], "options": object{"color": "blue"}}, {"compare_at_price": object{"amount": 12900, "currency": "EUR"}},
		{"sale": object{"price": object{"amount": 5000, "currency": "EUR"}, "starts_at": "2026-01-01T01:00:00.123456789+01:00"}},
	} {
		require.Equal(t, offered, s.Do("PATCH", variant, same, "If-Match", `"1"`).Want(200).JSON(), same)
	}
	require.Len(t, taskstest.Events[products.Changed](t, s.DB), before)
	require.EqualValues(t, 2, s.Do("PATCH", variant, object{"sale": nil}, "If-Match", `"1"`).Want(200).JSON()["version"])
	require.EqualValues(t, 2, s.Do("PATCH", path, object{"weight_g": nil}, "If-Match", `"1"`).Want(200).JSON()["version"])
}

func TestProducts_Editing(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	first := s.Product("Sofa")
	path := "/v1/admin/products/" + first["id"].(string)

	s.Do("PATCH", path, object{"name": "Couch"}).Want(428)
	s.Do("PATCH", path, object{"name": "Couch"}, "If-Match", `"7"`).Want(412)
	edited := s.Do("PATCH", path, object{"name": "Couch", "slug": "big-couch"}, "If-Match", `"1"`).Want(200)
	require.Equal(t, `"2"`, edited.Header.Get("ETag"))
	moved := s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/sofa"}).Want(308)
	require.Equal(t, "/v1/products/big-couch", moved.Header.Get("Location"))
	require.Equal(t, []string{"Couch"}, s.Found("q=couch"))
	require.Empty(t, s.Found("q=sofa"))

	second := s.Product("Sofa")
	require.NotEqual(t, "sofa", second["slug"], "an old slug keeps redirecting")
	require.Equal(t, "products.slug_taken", s.Do("POST", "/v1/admin/products", object{"name": "X", "category": "decor", "slug": "big-couch"}).Want(409).Code())
	require.Equal(t, "products.slug_taken", s.Do("PATCH", "/v1/admin/products/"+second["id"].(string), object{"slug": "sofa"}, "If-Match", "*").Want(409).Code())
	back := s.Do("PATCH", path, object{"slug": "sofa"}, "If-Match", "*").Want(200).JSON()
	require.Equal(t, "sofa", back["slug"], "its own old slug is free for it")
	s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/sofa"}).Want(200)

	s.Do("PATCH", path, object{"dimensions": object{"width_mm": 1}}, "If-Match", "*").Want(200)
	require.Nil(t, s.Do("PATCH", path, object{"dimensions": nil}, "If-Match", "*").Want(200).JSON()["dimensions"])
	require.NotNil(t, s.Do("PATCH", path, object{"dimensions": object{"width_mm": 1}}, "If-Match", "*").Want(200).JSON()["dimensions"])
	require.NotNil(t, s.Do("PATCH", path, object{"brand": "B"}, "If-Match", "*").Want(200).JSON()["dimensions"])

	s.Do("DELETE", path, nil).Want(204)
	s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/sofa"}).Want(404)
	s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/" + first["id"].(string)}).Want(404)
	s.Do("DELETE", path, nil).Want(404)
}

func TestVariants_Editing(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	product := s.Product("Vase", object{"category": "decor"})
	id := s.Variant(product, 2000, 4, object{"sku": "V1", "compare_at_price": object{"amount": 2500, "currency": "EUR"}})
	path := "/v1/admin/variants/" + id.String()

	s.Do("PATCH", path, object{"name": "x"}).Want(428)
	edited := s.Do("PATCH", path, object{"price": object{"amount": 1500, "currency": "EUR"}}, "If-Match", `"1"`).Want(200).JSON()
	require.EqualValues(t, 2, edited["version"])
	require.EqualValues(t, 4, edited["available"])
	require.Nil(t, s.Do("PATCH", path, object{"compare_at_price": nil}, "If-Match", "*").Want(200).JSON()["compare_at_price"])
	s.Do("PATCH", path, object{"compare_at_price": object{"amount": 1500, "currency": "EUR"}}, "If-Match", "*").Want(422)
	require.EqualValues(t, 2, s.Number(`SELECT count(*) FROM price_history`))
	require.EqualValues(t, 1500, s.Number(`SELECT price_amount FROM products`))

	require.Equal(t, "products.sku_taken", s.Do("POST", "/v1/admin/products/"+product["id"].(string)+"/variants",
		object{"sku": "V1", "price": object{"amount": 1, "currency": "EUR"}}).Want(409).Code())
	require.Equal(t, "products.stock_too_low", s.Do("POST", path+"/stock", object{"delta": -5, "reason": "lost"}).Want(409).Code())
	s.Do("POST", path+"/stock", object{"delta": -4, "reason": "lost"}).Want(200)
	require.Empty(t, s.Found("in_stock=true"))
	require.Equal(t, s.Number(`SELECT on_hand FROM product_variants`), s.Number(`SELECT sum(on_hand_delta) FROM stock_movements`))
	require.Error(t, s.DB.Conn(t.Context()).Exec(`DELETE FROM stock_movements`).Error, "the ledger is only appended to")
}

func TestProducts_BadInputAndForeignHands(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	product := s.Product("Shelf", object{"category": "storage"})
	variant := s.Variant(product, 100, 0)
	path := "/v1/admin/products/" + product["id"].(string)
	other := apptest.As(uuid.New(), identity.RoleSeller)
	s.App.Run(t,
		apptest.Scenario{Name: "nobody may make one", Method: "POST", Path: "/v1/admin/products", Body: object{}, Status: 401},
		apptest.Scenario{Name: "a customer may not", As: uuid.New(), Method: "POST", Path: "/v1/admin/products", Body: object{}, Status: 403},
		apptest.Scenario{Name: "another seller does not see it", Token: other, Method: "PATCH", Path: path, Header: map[string]string{"If-Match": "*"}, Body: object{"name": "Mine"}, Status: 404},
		apptest.Scenario{Name: "nor its variants", Token: other, Method: "POST", Path: "/v1/admin/variants/" + variant.String() + "/stock", Body: object{"delta": 1, "reason": "x"}, Status: 404, Code: "products.variant_not_found"},
		apptest.Scenario{Name: "an admin may", Token: apptest.As(uuid.New(), identity.RoleAdmin), Method: "PATCH", Path: path, Header: map[string]string{"If-Match": "*"}, Body: object{"name": "Rack"}, Status: 200},
		apptest.Scenario{Name: "unknown category", Token: s.Token, Method: "POST", Path: "/v1/admin/products", Body: object{"name": "A", "category": "cars"}, Status: 422, Contains: []string{"/body/category"}},
		apptest.Scenario{Name: "unknown field", Token: s.Token, Method: "POST", Path: "/v1/admin/products", Body: object{"name": "A", "category": "decor", "seller_id": uuid.New()}, Status: 422},
		apptest.Scenario{Name: "foreign photo", Token: s.Token, Method: "POST", Path: "/v1/admin/products", Body: object{"name": "A", "category": "decor", "photos": []string{s.Photos.Add(uuid.New()).String()}}, Status: 422, Code: "uploads.not_usable", Contains: []string{`"/body/photos/0"`}},
		apptest.Scenario{Name: "a slug like an id", Token: s.Token, Method: "POST", Path: "/v1/admin/products", Body: object{"name": "A", "category": "decor", "slug": uuid.NewString()}, Status: 422},
		apptest.Scenario{Name: "negative price", Token: s.Token, Method: "POST", Path: path + "/variants", Body: object{"sku": "N", "price": object{"amount": -1, "currency": "EUR"}}, Status: 422},
		apptest.Scenario{Name: "a fraction of a cent", Token: s.Token, Method: "POST", Path: path + "/variants", Body: object{"sku": "N", "price": object{"amount": 1.5, "currency": "EUR"}}, Status: 422},
		apptest.Scenario{Name: "no such currency", Token: s.Token, Method: "POST", Path: path + "/variants", Body: object{"sku": "N", "price": object{"amount": 1, "currency": "ZZZ"}}, Status: 422, Contains: []string{"/body/price/currency"}},
		apptest.Scenario{Name: "a sale that is none", Token: s.Token, Method: "POST", Path: path + "/variants", Body: object{"sku": "N", "price": moduletest.EUR(100), "sale": object{"price": moduletest.EUR(100)}}, Status: 422, Contains: []string{"/body/sale/price"}},
		apptest.Scenario{Name: "a sale that ends before it begins", Token: s.Token, Method: "POST", Path: path + "/variants", Body: object{"sku": "N", "price": moduletest.EUR(100), "sale": object{"price": moduletest.EUR(90), "starts_at": "2026-02-01T00:00:00Z", "ends_at": "2026-01-01T00:00:00Z"}}, Status: 422, Contains: []string{"/body/sale/ends_at"}},
		apptest.Scenario{Name: "unknown product", Path: "/v1/products/" + uuid.NewString(), Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "unknown slug", Path: "/v1/products/no-such-thing", Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "malformed id", Token: s.Token, Method: "DELETE", Path: "/v1/admin/products/7", Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "unknown parameter", Path: "/v1/products?colour=red", Status: 422, Contains: []string{"query.colour"}},
		apptest.Scenario{Name: "unknown sort", Path: "/v1/products?sort=best", Status: 422, Contains: []string{"query.sort"}},
		apptest.Scenario{Name: "a price that is none", Path: "/v1/products?min_price=abc", Status: 422, Contains: []string{"query.min_price"}},
		apptest.Scenario{Name: "unknown category to look in", Path: "/v1/products?category=cars", Status: 422, Contains: []string{"query.category"}},
		apptest.Scenario{Name: "limit beyond the page", Path: "/v1/products?limit=51", Status: 422},
		apptest.Scenario{Name: "a cursor of something else", Path: "/v1/products?cursor=abc", Status: 400, Code: "page.invalid_cursor"},
	)
}

func TestDrafts_AreSeenByTheirSellerOnly(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	draft := s.Product("Secret lamp", object{"status": "draft"})
	path := "/v1/products/" + draft["id"].(string)
	s.App.Do(t, apptest.Request{Method: "GET", Path: path}).Want(404)
	s.App.Do(t, apptest.Request{Method: "GET", Path: path, Token: apptest.As(uuid.New(), identity.RoleSeller)}).Want(404)
	s.Do("GET", path, nil).Want(200)
	require.Empty(t, s.Found("q=secret"))
	require.NotContains(t, string(s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/search/suggest?q=secr"}).Want(200).Body), "Secret")
	_, err := s.Catalogue.Resolve(t.Context(), draft["id"].(string))
	require.ErrorIs(t, err, products.ErrNotFound)
	s.Do("PATCH", "/v1/admin/products/"+draft["id"].(string), object{"status": "active"}, "If-Match", "*").Want(200)
	require.Equal(t, []string{"Secret lamp"}, s.Found("q=secret"))
	_, err = s.Catalogue.Resolve(t.Context(), draft["slug"].(string))
	require.NoError(t, err)
}

func TestRecentlyViewed(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	me := apptest.As(uuid.New())
	var slugs []string
	for _, name := range []string{"One", "Two", "Three", "Four"} {
		slug := s.Product(name)["slug"].(string)
		slugs = append(slugs, slug)
		s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/" + slug, Token: me}).Want(200)
	}
	s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/" + slugs[1], Token: me}).Want(200)
	read := func(query string) (names []string, next any) {
		list := s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/me/recently-viewed?" + query, Token: me}).Want(200).JSON()
		for _, item := range list["items"].([]any) {
			names = append(names, item.(object)["name"].(string))
		}
		return names, list["next_cursor"]
	}
	names, next := read("limit=2")
	require.Equal(t, []string{"Two", "Four"}, names)
	names, next = read("limit=2&cursor=" + url.QueryEscape(next.(string)))
	require.Equal(t, []string{"Three"}, names, "three are remembered")
	require.Nil(t, next)
	s.App.Do(t, apptest.Request{Method: "DELETE", Path: "/v1/me/recently-viewed", Token: me}).Want(204)
	names, _ = read("")
	require.Empty(t, names)
}

func TestCategories(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Tx)
	items := s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/categories"}).Want(200).JSON()["items"].([]any)
	require.Len(t, items, 7)
	require.Equal(t, object{"slug": "lighting", "parent": nil, "name": "Lighting", "position": 1.0, "version": 1.0}, items[0])
}
