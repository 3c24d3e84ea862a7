package imports_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
	"atrium/platform/identity"
	"atrium/platform/tasks/taskstest"
)

const deliveryCSV = `sku,product,name,brand,category,tags,materials,width_mm,status,variant_name,options,price_amount,price_currency,on_hand
ARC-1,arc-lamp,"Arc lamp, tall",Nordlys,lighting,brass|tall,steel,420,,Brass,color=brass|size=L,129900,EUR,5
ARC-2,arc-lamp,,,,,,,,Black,color=black,119900,EUR,0
VASE-1,,Vase,,decor,,,,,,,2000,EUR,
`

// importing imports a file as the seller, and returns the report.
func (s *bundle) importing(query, kind, body string) object {
	s.TB.Helper()
	return s.done(s.Do("POST", "/v1/admin/products/import"+query, body, "Content-Type", kind).Want(202).JSON(), s.Token)
}

// done lets an import run to its end, and returns the report.
func (s *bundle) done(begun object, token string) object {
	s.TB.Helper()
	taskstest.Drain(s.TB, s.DB, s.Handlers...)
	report := s.read(begun["id"].(string), token).Want(200).JSON()
	require.Equal(s.TB, "done", report["status"], "%v", report)
	return report
}

func (s *bundle) read(id, token string) *apptest.Response {
	s.TB.Helper()
	return s.App.Do(s.TB, apptest.Request{Method: "GET", Path: "/v1/admin/imports/" + id, Token: token})
}

// counts are the figures of a report: rows, created, updated, unchanged, failed.
func counts(report object) [5]int {
	var all [5]int
	for i, name := range []string{"rows", "created", "updated", "unchanged", "failed"} {
		all[i] = int(report[name].(float64))
	}
	return all
}

func TestImport_IsIdempotentBySKU(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	tried := s.importing("?dry_run=true", "text/csv", deliveryCSV)
	require.Equal(t, [5]int{3, 3, 0, 0, 0}, counts(tried), "%v", tried)
	require.Equal(t, true, tried["dry_run"])
	require.Zero(t, s.Number(`SELECT count(*) FROM products`), "only tried")
	require.Zero(t, s.Number(`SELECT count(*) FROM outbox WHERE kind = 'event'`))

	require.Equal(t, [5]int{3, 3, 0, 0, 0}, counts(s.importing("", "text/csv", deliveryCSV)))
	require.Equal(t, [5]int{3, 0, 0, 3, 0}, counts(s.importing("", "text/csv", deliveryCSV)), "sent again, it changes nothing")
	require.EqualValues(t, 3, s.Number(`SELECT count(*) FROM product_variants WHERE version = 1`))
	require.Equal(t, []string{"Arc lamp, tall"}, s.Found("q=arc&material=steel&color=brass&in_stock=true"))
	require.EqualValues(t, 5, s.Number(`SELECT sum(on_hand_delta) FROM stock_movements`))

	changed := strings.Replace(strings.Replace(deliveryCSV, "EUR,5", "EUR,2", 1), "2000,EUR", "1900,EUR", 1)
	require.Equal(t, [5]int{3, 0, 2, 1, 0}, counts(s.importing("", "text/csv", changed)))
	require.EqualValues(t, 2, s.Number(`SELECT on_hand FROM product_variants WHERE sku = 'ARC-1'`))

	for _, format := range []string{"csv", "ndjson"} {
		list := s.Do("GET", "/v1/admin/products/export?format="+format, nil).Want(200)
		kind, _, _ := strings.Cut(list.Header.Get("Content-Type"), ";")
		require.Equal(t, [5]int{3, 0, 0, 3, 0}, counts(s.importing("", kind, string(list.Body))), "what goes out comes in as it was: %s", list.Body)
	}
	other := apptest.As(uuid.New(), identity.RoleSeller)
	require.NotContains(t, string(s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/admin/products/export", Token: other}).Want(200).Body), "ARC-1")
	admin := apptest.As(uuid.New(), identity.RoleAdmin)
	require.Contains(t, string(s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/admin/products/export", Token: admin}).Want(200).Body), "ARC-1")
	foreign := s.done(s.App.Do(t, apptest.Request{Method: "POST", Path: "/v1/admin/products/import", Token: other, Body: deliveryCSV, Header: map[string]string{"Content-Type": "text/csv"}}).Want(202).JSON(), other)
	require.Equal(t, [5]int{3, 0, 0, 0, 3}, counts(foreign))
	require.Equal(t, "products.sku_taken", foreign["problems"].([]any)[0].(object)["code"])
}

func TestImport_TellsWhatIsWrongLineByLine(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	report := s.importing("", "application/x-ndjson", strings.Join([]string{
		`{"sku": "A", "name": "Rug", "category": "textiles", "price_amount": 100, "price_currency": "EUR"}`,
		`{"sku": "B", "category": "textiles", "price_amount": 100, "price_currency": "EUR"}`,
		`{"sku": "C", "name": "Rug", "category": "cars", "price_amount": 100, "price_currency": "EUR"}`,
		`{"sku": "D", "name": "Rug", "category": "textiles", "price_amount": 1.5, "price_currency": "EUR"}`,
		`{"sku": "E", "name": "Rug", "category": "textiles", "price_amount": 100, "price_currency": "ZZZ"}`,
		`{"sku": "F", "name": "Rug", "category": "textiles"}`,
		`{"sku": "A"}`,
		`{"sku": "G", "seller_id": "x"}`,
		``,
		`not json`,
		`{"sku": "H", "name": "Rug", "category": "textiles", "price_amount": 0, "price_currency": "KRW", "on_hand": 3}`,
	}, "\n"))
	require.Equal(t, [5]int{10, 2, 0, 0, 8}, counts(report), "%v", report)
	var told []string
	for _, p := range report["problems"].([]any) {
		problem := p.(object)
		pointer := ""
		if fields := problem["errors"].([]any); len(fields) > 0 {
			pointer = fields[0].(object)["pointer"].(string)
		}
		told = append(told, problem["sku"].(string)+" "+problem["code"].(string)+" "+pointer)
	}
	require.Equal(t, []string{
		"B products.item_incomplete /name", "C products.unknown_category /category", "D products.import_row /price_amount",
		"E products.invalid_currency /price_currency", "F products.item_incomplete /price_amount", "A products.import_row /sku",
		"G products.import_row /seller_id", " products.import_row ",
	}, told)
	require.Equal(t, [5]int{2, 0, 0, 0, 2}, counts(s.importing("", "text/csv", "sku,width_mm,options\nX,wide,red\nY,1,a=b,more\n")), "bad cells, and too many")
	path := "/v1/admin/products/import"
	asCSV := map[string]string{"Content-Type": "text/csv"}
	s.App.Run(t,
		apptest.Scenario{Name: "not for customers", As: uuid.New(), Method: "POST", Path: path, Body: "sku", Header: asCSV, Status: 403},
		apptest.Scenario{Name: "nor for nobody", Method: "POST", Path: path, Body: "sku", Header: asCSV, Status: 401},
		apptest.Scenario{Name: "no other type", Token: s.Token, Method: "POST", Path: path, Body: "{}", Status: 415, Code: "products.import_type"},
		apptest.Scenario{Name: "no unknown column", Token: s.Token, Method: "POST", Path: path, Body: "sku,colour\n", Header: asCSV, Status: 422, Code: "products.import_header", Contains: []string{"colour"}},
		apptest.Scenario{Name: "no empty file", Token: s.Token, Method: "POST", Path: path, Body: "", Header: asCSV, Status: 422, Code: "products.import_header"},
		apptest.Scenario{Name: "no unknown parameter", Token: s.Token, Method: "POST", Path: path + "?dryrun=true", Body: "sku\n", Header: asCSV, Status: 422, Contains: []string{"query.dryrun"}},
		apptest.Scenario{Name: "dry_run is true or false", Token: s.Token, Method: "POST", Path: path + "?dry_run=maybe", Body: "sku\n", Header: asCSV, Status: 422, Contains: []string{"query.dry_run"}},
		apptest.Scenario{Name: "no other format", Token: s.Token, Path: "/v1/admin/products/export?format=xml", Status: 422, Contains: []string{"query.format"}},
		apptest.Scenario{Name: "an export is not for customers", As: uuid.New(), Path: "/v1/admin/products/export", Status: 403},
	)
}

func TestFault_T10_ImportsCleanTexts(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	report := s.importing("", "text/csv", "sku,name,category,variant_name,tags,options,price_amount,price_currency\n"+
		"A-1,\u200b,decor,,,,100,EUR\n"+
		"\u2800,Vase,decor,,,,100,EUR\n"+
		"A-3,Vase,decor,,,\u3164=red,100,EUR\n"+
		"A-4,Jo\u202eevil\u0007,decor,B\u202er\u0007ass,\u200b|Oak,co\u0007lor=re\u0007d,100,EUR\n")
	require.Equal(t, [5]int{4, 1, 0, 0, 3}, counts(report), "%v", report)
	for i, pointer := range []string{"/name", "/sku", "/options/\u3164"} {
		require.Equal(t, pointer, report["problems"].([]any)[i].(object)["errors"].([]any)[0].(object)["pointer"])
	}
	exported := string(s.Do("GET", "/v1/admin/products/export?format=ndjson", nil).Want(200).Body)
	for _, clean := range []string{`"name":"Joevil"`, `"tags":["oak"]`, `"variant_name":"Brass"`, `"color":"red"`} {
		require.Contains(t, exported, clean)
	}

	t.Run("a SKU of a build before is known as it is", func(t *testing.T) {
		require.NoError(t, s.DB.Conn(t.Context()).Exec(`UPDATE product_variants SET sku = 'A  4 ' WHERE sku = 'A-4'`).Error)
		require.Equal(t, [5]int{1, 0, 1, 0, 0}, counts(s.importing("", "application/x-ndjson", `{"sku": "A  4 ", "price_amount": 90}`)))
		require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM product_variants WHERE sku = 'A  4 ' AND price_amount = 90`))
	})
}
