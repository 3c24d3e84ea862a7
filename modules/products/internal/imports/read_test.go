package imports_test

import (
	"encoding/csv"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/korean"

	"atrium/platform/apptest"
	"atrium/platform/dbtest"
)

// lines are the numbers of the lines that a report complains about.
func lines(report object) (all []float64) {
	for _, problem := range report["problems"].([]any) {
		all = append(all, problem.(object)["line"].(float64))
	}
	return all
}

const header = "sku,name,category,price_amount,price_currency\n"

func row(sku, name string) string { return sku + "," + name + ",decor,100,EUR\n" }

func TestFault_I1_WhatCannotBeReadIsRefusedByItsLine(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	latin, err := charmap.ISO8859_1.NewEncoder().String(row("L-1", "Größe"))
	require.NoError(t, err)
	cp949, err := korean.EUCKR.NewEncoder().String(row("K-1", "의자"))
	require.NoError(t, err)
	report := s.importing("", "text/csv", header+row("A-1", "Fine")+latin+row("A-2", "Fine too")+cp949+row("A-3", "a\x00b")+row("A-4", "Last"))
	require.Equal(t, [5]int{6, 3, 0, 0, 3}, counts(report), "%v", report)
	require.Equal(t, []float64{3, 5, 6}, lines(report))

	json := func(sku, name string) string {
		return fmt.Sprintf(`{"sku": "%s", "name": "%s", "category": "decor", "price_amount": 1, "price_currency": "EUR"}`, sku, name) + "\n"
	}
	report = s.importing("", "application/x-ndjson", json("N-1", "Fine")+json("N-2", `a\ud800b`)+json("N-3", `a\u0000b`)+json("N-4", "a\xffb")+json("N-5", `\ud83e\ude91`)+"{}}\n"+
		`{"sku": "N-6", "sku": "N-7"}`+"\n"+json("N-8", "x")+`{"sku": "N-9", "options": {"a": "\u0000"}}`)
	require.Equal(t, [5]int{9, 3, 0, 0, 6}, counts(report), "%v", report)
	require.Equal(t, []float64{2, 3, 4, 6, 7, 9}, lines(report))

	require.Equal(t, [5]int{1, 1, 0, 0, 0}, counts(s.importing("", "text/csv; charset=ISO-8859-1", header+latin)))
	require.Equal(t, [5]int{1, 1, 0, 0, 0}, counts(s.importing("", "text/csv; charset=EUC-KR", header+cp949)))
	require.Equal(t, [5]int{2, 0, 0, 1, 1}, counts(s.importing("", "text/csv; charset=EUC-KR", header+cp949+row("K-2", "\xff\xff"))))
	require.Equal(t, [5]int{1, 0, 0, 1, 0}, counts(s.importing("", "text/csv; charset=UTF-8", header+row("A-1", "Fine"))))
	require.Len(t, s.Found("q="+"%EC%9D%98%EC%9E%90"), 1)
	s.Do("POST", "/v1/admin/products/import", header, "Content-Type", "text/csv; charset=klingon").Want(415)
	require.Zero(t, s.Number(`SELECT count(*) FROM products WHERE name LIKE '%' || chr(65533) || '%'`))
}

func TestFault_I2_WhatSpreadsheetsWriteIsRead(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	for i, file := range []string{
		"\ufeff\"sku\",\"name\",\"category\",\"price_amount\",\"price_currency\"\r\nX-%d,Vase,decor,100,EUR\r\n",
		"SKU, Name ,Category,PRICE_AMOUNT,Price_Currency\nX-%d,Vase,decor,100,EUR\n",
		"sku;name;category;price_amount;price_currency\nX-%d;\"Vase; tall\";decor;100;EUR\n",
		"sep=;\r\nsku;name;category;price_amount;price_currency\r\nX-%d;Vase;decor;100;EUR\r\n",
		"sku\tname\tcategory\tprice_amount\tprice_currency\nX-%d\tVase\tdecor\t100\tEUR",
		"sku,name,category,price_amount,price_currency,,\n,,,,,,\nX-%d,Vase,decor,100,EUR,,\n\n,,\n  \n",
		"sku,name,category,price_amount,price_currency,brand,tags\nX-%d,Vase,decor,100,EUR\n",
		"sku,description,name,category,price_amount,price_currency\nX-%d,\"one\ntwo, \"\"three\"\"\n\",Vase,decor,100,EUR\n",
	} {
		report := s.importing("", "text/csv", fmt.Sprintf(file, i))
		require.Equal(t, [5]int{1, 1, 0, 0, 0}, counts(report), "%q: %v", file, report)
	}
	require.Equal(t, `one
two, "three"`, s.App.Do(t, apptest.Request{Method: "GET", Path: "/v1/products/" + s.slugOf("X-7")}).Want(200).JSON()["description"])
	report := s.importing("", "text/csv", "sku,name,category,price_amount,price_currency\n\nY-1,5\" pipe,decor,1,EUR\nY-2,Fine,decor,1,EUR,\nY-3,Fine,decor,1,EUR,more\n\"Y-4,open,decor,1,EUR\n")
	require.Equal(t, []float64{3, 5, 6}, lines(report), "%v", report)
	for _, bad := range []string{"sku,sku\n", ",,\n", "\n"} {
		require.Equal(t, "products.import_header", s.Do("POST", "/v1/admin/products/import", bad, "Content-Type", "text/csv").Want(422).Code(), bad)
	}
}

// slugOf is the slug of the product of a SKU.
func (s *bundle) slugOf(sku string) (slug string) {
	s.TB.Helper()
	require.NoError(s.TB, s.DB.Conn(s.TB.Context()).Raw(`SELECT p.slug FROM products p JOIN product_variants v ON v.product_id = p.id WHERE v.sku = ?`, sku).Scan(&slug).Error)
	return slug
}

func TestFault_I6_ALineIsBounded(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	long := strings.Repeat("x", 300<<10)
	report := s.importing("", "text/csv", header+row("A-1", "Fine")+row("A-2", `"`+long+"\n"+long+`"`)+row("A-3", "Fine"))
	require.Equal(t, [5]int{3, 2, 0, 0, 1}, counts(report), "%v", report)
	require.Equal(t, []float64{3}, lines(report))
	require.Contains(t, report["problems"].([]any)[0].(object)["detail"], "256 kB", "and not what is in it")
	report = s.importing("", "application/x-ndjson", `{"sku": "`+long+"\"}\n"+`{"sku": "A-1", "price_amount": 7}`+"\n"+long)
	require.Equal(t, [5]int{3, 0, 1, 0, 2}, counts(report), "%v", report)
	require.Equal(t, []float64{1, 3}, lines(report))
}

// Where the line was meant to end cannot be known: what follows is lost, and the report says so.
func TestFault_I6_AQuoteThatIsNeverClosedIsTold(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	report := s.importing("", "text/csv", header+row("A-1", "Fine")+row("A-2", `"open`)+row("A-3", "Fine"))
	require.Equal(t, [5]int{2, 1, 0, 0, 1}, counts(report), "%v", report)
	require.Equal(t, []float64{3}, lines(report))
	require.Equal(t, "A quote that is opened in this line is never closed. Nothing behind it was read.", report["problems"].([]any)[0].(object)["detail"])
}

func TestFault_I4_CellsAreHarmlessInASpreadsheet(t *testing.T) {
	t.Parallel()
	s := setup(t, dbtest.Clone)
	for i, text := range []string{"=1+1", "+49 lamp", "-lamp", "@lamp", "'=x", "''-x", "'quoted'", "a=b", "'"} {
		s.Variant(s.Product(text, object{"brand": text, "description": text, "tags": []string{text}}), 100, 1, object{"sku": text + fmt.Sprint(i), "name": text, "options": object{"color": text}})
	}
	exported := string(s.Do("GET", "/v1/admin/products/export?format=csv", nil).Want(200).Body)
	rows, err := csv.NewReader(strings.NewReader(exported)).ReadAll()
	require.NoError(t, err)
	require.Len(t, rows, 10)
	for _, cells := range rows {
		for _, cell := range cells {
			require.False(t, cell != "" && strings.ContainsRune("=+-@\t\r", rune(cell[0])), cell)
		}
	}
	require.Equal(t, [5]int{9, 0, 0, 9, 0}, counts(s.importing("", "text/csv", exported)), "what goes out comes in as it was")
	first := s.importing("", "text/csv", header+row("'=S", "'=1+1")+row("=T", "=2"))
	require.Equal(t, [5]int{2, 2, 0, 0, 0}, counts(first), "%v", first)
	require.EqualValues(t, 2, s.Number(`SELECT count(*) FROM product_variants WHERE sku IN ('=S', '=T')`))
}
