package bulk

import (
	"maps"
	"slices"
	"time"

	"atrium/modules/products/internal/product"
	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/text"
)

// Item is one line as it is put in: a variant by its SKU, and the values that it and its product should have. Nil leaves a value as it
// is, a pointer to nil takes it away.
type Item struct {
	SKU                   string
	Product               string // slug of the product that a new variant belongs to; it is made where there is none. Empty: made from the name
	Change                product.Change
	Width, Depth, Height  **int   // millimetres
	Name                  *string // of the variant
	Options               *map[string]string
	Amount                *int64  // the usual price, in minor units
	Currency              *string // of all amounts; nil: that of the variant
	CompareAt, SaleAmount **int64
	SaleFrom, SaleUntil   **time.Time
	OnHand                *int64 // pieces counted
}

// clean brings the texts into the form in which they are kept, or returns product.ErrTexts.
func (item *Item) clean() error {
	err := text.Clean(product.ErrTexts, text.Input{Pointer: "/sku", Text: &item.SKU, Limit: product.MaxSKU, Required: true},
		text.Input{Pointer: "/variant_name", Text: item.Name, Limit: product.MaxName})
	if err != nil {
		return err
	}
	if item.Options != nil {
		options, err := product.CleanOptions("/options", *item.Options)
		if err != nil {
			return err
		}
		item.Options = &options
	}
	return item.Change.Clean("")
}

// Outcome is what became of an item.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// Result is what became of an item of a batch: Err is the fault by which it was refused, whose fields are those of the item.
type Result struct {
	Outcome Outcome
	Err     error
	Made    string // slug of the product that it made
}

// applyTo makes a product what the item says.
func (item Item) applyTo(p *product.Product) {
	p.Apply(item.Change)
	set(&p.WidthMM, item.Width)
	set(&p.DepthMM, item.Depth)
	set(&p.HeightMM, item.Height)
}

var (
	errSaleAmount = product.ErrSale.Saying("A sale has a price.")
	errIncomplete = fault.Invalid("products.item_incomplete", "Something is missing that a new product needs.")
)

// variantChange is the change of a variant that an item asks for.
func (item Item) variantChange(v product.Variant) (product.VariantChange, error) {
	c := product.VariantChange{Name: item.Name, Options: item.Options}
	price := money.Of(v.PriceAmount, v.PriceCurrency)
	set(&price.Amount, item.Amount)
	set(&price.Currency, item.Currency)
	if price != money.Of(v.PriceAmount, v.PriceCurrency) { // one that nobody could ask any more stays as it is
		c.Price = &price
	}
	if item.CompareAt != nil {
		c.CompareAt = new(*money.Money)
		if amount := *item.CompareAt; amount != nil {
			compare := money.Of(*amount, price.Currency)
			*c.CompareAt = &compare
		}
	}
	if item.SaleAmount == nil && item.SaleFrom == nil && item.SaleUntil == nil {
		return c, nil
	}
	amount, from, until := v.SaleAmount, v.SaleFrom, v.SaleUntil
	set(&amount, item.SaleAmount)
	set(&from, item.SaleFrom)
	set(&until, item.SaleUntil)
	c.Sale = new(*product.Sale)
	if amount != nil {
		*c.Sale = &product.Sale{Price: money.Of(*amount, price.Currency), From: from, Until: until}
	} else if item.SaleAmount == nil && (from != nil || until != nil) {
		return c, errSaleAmount
	}
	return c, nil
}

// draft is the product that an item makes.
func (item Item) draft() (*product.Product, error) {
	if item.Change.Name == nil {
		return nil, missing("/name")
	}
	if item.Change.Category == nil {
		return nil, missing("/category")
	}
	p := &product.Product{Status: product.StatusActive, Version: 1, Tags: []string{}, Materials: []string{}, Variants: []product.Variant{}}
	item.applyTo(p)
	return p, nil
}

func missing(pointer string) error {
	return errIncomplete.At(pointer, "is required for what is not there yet")
}

// sameProduct reports whether two states of a product are the same, but for texts that an earlier release kept in another form.
func sameProduct(a, b product.Product) bool {
	a, b = kept(a), kept(b)
	return a.Name == b.Name && a.Brand == b.Brand && a.Description == b.Description && a.CategorySlug == b.CategorySlug &&
		a.Status == b.Status && slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Materials, b.Materials) &&
		equal(a.WidthMM, b.WidthMM) && equal(a.DepthMM, b.DepthMM) && equal(a.HeightMM, b.HeightMM) && equal(a.WeightG, b.WeightG)
}

// kept is a product with its texts in the form in which they are kept today.
func kept(p product.Product) product.Product {
	c := product.Change{Name: &p.Name, Brand: &p.Brand, Description: &p.Description, Tags: &p.Tags, Materials: &p.Materials}
	_ = c.Clean("") // what is too long today stays as it is
	p.Tags, p.Materials = product.CleanTags(p.Tags), product.CleanTags(p.Materials)
	return p
}

// sameVariant is sameProduct for variants.
func sameVariant(a, b product.Variant) bool {
	a, b = keptVariant(a), keptVariant(b)
	return a.Name == b.Name && maps.Equal(a.Options, b.Options) && a.PriceAmount == b.PriceAmount && a.PriceCurrency == b.PriceCurrency &&
		equal(a.CompareAtAmount, b.CompareAtAmount) && equal(a.SaleAmount, b.SaleAmount) && sameTime(a.SaleFrom, b.SaleFrom) && sameTime(a.SaleUntil, b.SaleUntil)
}

func keptVariant(v product.Variant) product.Variant {
	_ = text.Clean(product.ErrTexts, text.Input{Text: &v.Name, Limit: product.MaxName})
	if options, err := product.CleanOptions("", v.Options); err == nil {
		v.Options = options
	}
	return v
}

func equal[T comparable](a, b *T) bool { return a == b || a != nil && b != nil && *a == *b }

// sameTime compares times as PostgreSQL keeps them.
func sameTime(a, b *time.Time) bool {
	return a == b || a != nil && b != nil && a.Round(time.Microsecond).Equal(b.Round(time.Microsecond))
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}
