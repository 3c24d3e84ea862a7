// Package bulk reads and writes the catalogue as lists, CSV or NDJSON, one line for each variant, and puts many lines into it at once.
package bulk

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"atrium/modules/products/internal/product"
)

// exportRow is a variant as a line: all of it, so that putting it in again changes nothing, and takes back what was changed since.
type exportRow struct {
	SKU         string            `json:"sku"`
	Product     string            `json:"product"`
	Name        string            `json:"name"`
	Brand       string            `json:"brand"`
	Description string            `json:"description"`
	Category    string            `json:"category"`
	Tags        []string          `json:"tags"`
	Materials   []string          `json:"materials"`
	WidthMM     *int              `json:"width_mm"`
	DepthMM     *int              `json:"depth_mm"`
	HeightMM    *int              `json:"height_mm"`
	WeightG     *int              `json:"weight_g"`
	Status      string            `json:"status"`
	Variant     string            `json:"variant_name"`
	Options     map[string]string `json:"options"`
	Amount      int64             `json:"price_amount"`
	Currency    string            `json:"price_currency"`
	CompareAt   *int64            `json:"compare_at_amount"`
	SaleAmount  *int64            `json:"sale_amount"`
	SaleStarts  *time.Time        `json:"sale_starts_at"`
	SaleEnds    *time.Time        `json:"sale_ends_at"`
	OnHand      int64             `json:"on_hand"`
}

// columns are the names of a row's values, in the order of an export, and how a CSV cell is read: as text, a whole number, a time,
// a list (a|b) or pairs (color=brass|size=L). In lists and pairs a backslash takes its meaning from a |, = or backslash that follows.
var columns = []struct{ name, kind string }{
	{"sku", "text"}, {"product", "text"}, {"name", "text"}, {"brand", "text"}, {"description", "text"}, {"category", "text"},
	{"tags", "list"}, {"materials", "list"}, {"width_mm", "number"}, {"depth_mm", "number"}, {"height_mm", "number"}, {"weight_g", "number"},
	{"status", "text"}, {"variant_name", "text"}, {"options", "pairs"},
	{"price_amount", "number"}, {"price_currency", "text"}, {"compare_at_amount", "number"},
	{"sale_amount", "number"}, {"sale_starts_at", "time"}, {"sale_ends_at", "time"}, {"on_hand", "number"},
}

func kindOf(column string) string {
	for _, c := range columns {
		if c.name == column {
			return c.kind
		}
	}
	return ""
}

func rowOf(p *product.Product, v product.Variant) exportRow {
	options := v.Options
	if options == nil {
		options = map[string]string{}
	}
	return exportRow{
		SKU: v.SKU, Product: p.Slug, Name: p.Name, Brand: p.Brand, Description: p.Description, Category: p.CategorySlug, Tags: p.Tags, Materials: p.Materials,
		WidthMM: p.WidthMM, DepthMM: p.DepthMM, HeightMM: p.HeightMM, WeightG: p.WeightG, Status: p.Status,
		Variant: v.Name, Options: options, Amount: v.PriceAmount, Currency: v.PriceCurrency, CompareAt: v.CompareAtAmount,
		SaleAmount: v.SaleAmount, SaleStarts: v.SaleFrom, SaleEnds: v.SaleUntil, OnHand: v.OnHand,
	}
}

// none is a CSV cell that says that there is no value. An empty cell says nothing: the value stays as it is.
const none = "(none)"

// cells writes a row as CSV cells in the order of columns.
func (r exportRow) cells() []string {
	pairs := make([]string, 0, len(r.Options))
	for _, name := range slices.Sorted(maps.Keys(r.Options)) {
		pairs = append(pairs, escape(name)+"="+escape(r.Options[name]))
	}
	return []string{
		cell(r.SKU), cell(r.Product), cell(r.Name), cell(r.Brand), cell(r.Description), cell(r.Category), list(r.Tags), list(r.Materials),
		digits(r.WidthMM), digits(r.DepthMM), digits(r.HeightMM), digits(r.WeightG), cell(r.Status), cell(r.Variant), cell(strings.Join(pairs, "|")),
		digits(&r.Amount), cell(r.Currency), digits(r.CompareAt), digits(r.SaleAmount), moment(r.SaleStarts), moment(r.SaleEnds), digits(&r.OnHand),
	}
}

func cell(s string) string {
	if s == "" {
		return none
	}
	return harmless(s)
}

func list(parts []string) string {
	escaped := make([]string, len(parts))
	for i, part := range parts {
		escaped[i] = escape(part)
	}
	return cell(strings.Join(escaped, "|"))
}

func digits[N int | int64](n *N) string {
	if n == nil {
		return none
	}
	return strconv.FormatInt(int64(*n), 10)
}

func moment(at *time.Time) string {
	if at == nil {
		return none
	}
	return at.UTC().Format(time.RFC3339Nano)
}

var escape = strings.NewReplacer(`\`, `\\`, `|`, `\|`, `=`, `\=`).Replace

// unescape returns what escape was given. A backslash before anything else stands for itself.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\|`, `|`, `\=`, `=`).Replace(s)
}

// splitEscaped cuts a cell at each separator that has no backslash before it.
func splitEscaped(cell string, separator byte) (parts []string) {
	begin := 0
	for i := 0; i < len(cell); i++ {
		switch cell[i] {
		case '\\':
			i++
		case separator:
			parts, begin = append(parts, cell[begin:i]), i+1
		}
	}
	return append(parts, cell[begin:])
}

// harmless writes a cell so that no spreadsheet takes it for a formula, and nothing for none: with an apostrophe before it, which
// asWritten takes away. Cells that begin with apostrophes before such a sign get one more, so that both are as they were afterwards.
func harmless(cell string) string {
	if isSpecial(cell) {
		return "'" + cell
	}
	return cell
}

// asWritten returns what harmless was given.
func asWritten(cell string) string {
	if strings.HasPrefix(cell, "'") && isSpecial(cell) {
		return cell[1:]
	}
	return cell
}

func isSpecial(cell string) bool {
	sign := strings.TrimLeft(cell, "'")
	return sign == none || sign != "" && strings.ContainsRune("=+-@\t\r", rune(sign[0]))
}
