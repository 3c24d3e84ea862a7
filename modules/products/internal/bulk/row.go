// Package bulk imports and exports the catalogue: one line for each variant, as CSV or NDJSON.
package bulk

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"atrium/modules/products/internal/product"
)

// Row is one line of a list. What is absent stays as it is.
type Row struct {
	SKU         string             `json:"sku" minLength:"1" maxLength:"64"`
	Product     string             `json:"product,omitempty" maxLength:"120" doc:"slug"`
	Name        *string            `json:"name,omitempty" minLength:"1" maxLength:"200"`
	Brand       *string            `json:"brand,omitempty" maxLength:"120"`
	Description *string            `json:"description,omitempty" maxLength:"10000"`
	Category    *string            `json:"category,omitempty" minLength:"1" maxLength:"60"`
	Tags        *[]string          `json:"tags,omitempty" maxItems:"30"`
	Materials   *[]string          `json:"materials,omitempty" maxItems:"30"`
	WidthMM     *int               `json:"width_mm,omitempty" minimum:"1" maximum:"100000"`
	DepthMM     *int               `json:"depth_mm,omitempty" minimum:"1" maximum:"100000"`
	HeightMM    *int               `json:"height_mm,omitempty" minimum:"1" maximum:"100000"`
	WeightG     *int               `json:"weight_g,omitempty" minimum:"1" maximum:"100000000"`
	Status      *string            `json:"status,omitempty" enum:"draft,active"`
	Variant     *string            `json:"variant_name,omitempty" maxLength:"200"`
	Options     *map[string]string `json:"options,omitempty"`
	Amount      *int64             `json:"price_amount,omitempty" minimum:"0" maximum:"1000000000000"`
	Currency    *string            `json:"price_currency,omitempty" pattern:"^[A-Z]{3}$"`
	CompareAt   *int64             `json:"compare_at_amount,omitempty" minimum:"0" maximum:"1000000000000"`
	OnHand      *int64             `json:"on_hand,omitempty" minimum:"0" maximum:"1000000000"`
}

// columns are the names of a row's values, in the order of an export, and how a CSV cell is read: as text, a whole number, a
// list (a|b) or pairs (color=brass|size=L).
var columns = []struct{ name, kind string }{
	{"sku", "text"}, {"product", "text"}, {"name", "text"}, {"brand", "text"}, {"description", "text"}, {"category", "text"},
	{"tags", "list"}, {"materials", "list"}, {"width_mm", "number"}, {"depth_mm", "number"}, {"height_mm", "number"}, {"weight_g", "number"},
	{"status", "text"}, {"variant_name", "text"}, {"options", "pairs"},
	{"price_amount", "number"}, {"price_currency", "text"}, {"compare_at_amount", "number"}, {"on_hand", "number"},
}

func kindOf(column string) string {
	for _, c := range columns {
		if c.name == column {
			return c.kind
		}
	}
	return ""
}

// item is the row as Put takes it.
func (r Row) item() Item {
	item := Item{
		SKU: r.SKU, Product: r.Product, Name: r.Variant, Options: r.Options, Amount: r.Amount, Currency: r.Currency, CompareAt: r.CompareAt, OnHand: r.OnHand,
		Change: product.Change{
			Name: r.Name, Brand: r.Brand, Description: r.Description, Category: r.Category, Status: r.Status, Tags: r.Tags, Materials: r.Materials,
		},
	}
	if r.WidthMM != nil || r.DepthMM != nil || r.HeightMM != nil {
		d := &product.Dimensions{WidthMM: r.WidthMM, DepthMM: r.DepthMM, HeightMM: r.HeightMM}
		item.Change.Dimensions = &d
	}
	if r.WeightG != nil {
		item.Change.WeightG = &r.WeightG
	}
	return item
}

// rowOf is a variant as a row; putting it in again changes nothing.
func rowOf(p *product.Product, v product.Variant) Row {
	return Row{
		SKU: v.SKU, Product: p.Slug, Name: &p.Name, Brand: &p.Brand, Description: &p.Description, Category: &p.CategorySlug, Tags: &p.Tags, Materials: &p.Materials,
		WidthMM: p.WidthMM, DepthMM: p.DepthMM, HeightMM: p.HeightMM, WeightG: p.WeightG, Status: &p.Status,
		Variant: &v.Name, Options: &v.Options, Amount: &v.PriceAmount, Currency: &v.PriceCurrency, CompareAt: v.CompareAtAmount, OnHand: &v.OnHand,
	}
}

// cells writes a row as CSV cells in the order of columns.
func (r Row) cells() []string {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	list := func(l *[]string) string {
		if l == nil {
			return ""
		}
		return strings.Join(*l, "|")
	}
	pairs := []string{}
	if r.Options != nil {
		for _, name := range slices.Sorted(maps.Keys(*r.Options)) {
			pairs = append(pairs, name+"="+(*r.Options)[name])
		}
	}
	cells := []string{
		r.SKU, r.Product, text(r.Name), text(r.Brand), text(r.Description), text(r.Category), list(r.Tags), list(r.Materials),
		digits(r.WidthMM), digits(r.DepthMM), digits(r.HeightMM), digits(r.WeightG), text(r.Status), text(r.Variant), strings.Join(pairs, "|"),
		digits(r.Amount), text(r.Currency), digits(r.CompareAt), digits(r.OnHand),
	}
	for i, cell := range cells {
		cells[i] = harmless(cell)
	}
	return cells
}

// harmless writes a cell so that no spreadsheet takes it for a formula: with an apostrophe before it, which asWritten takes away. Cells that
// begin with apostrophes before such a sign get one more, so that both are as they were afterwards.
func harmless(cell string) string {
	if isFormula(cell) {
		return "'" + cell
	}
	return cell
}

// asWritten returns what harmless was given.
func asWritten(cell string) string {
	if strings.HasPrefix(cell, "'") && isFormula(cell) {
		return cell[1:]
	}
	return cell
}

func isFormula(cell string) bool {
	sign := strings.TrimLeft(cell, "'")
	return sign != "" && strings.ContainsRune("=+-@\t\r", rune(sign[0]))
}

func digits[N int | int64](n *N) string {
	if n == nil {
		return ""
	}
	return strconv.FormatInt(int64(*n), 10)
}
