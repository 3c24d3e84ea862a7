package product

import (
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/platform/money"
	"atrium/platform/text"
)

// Draft is a product to create. An empty Slug is made from the name.
type Draft struct {
	Name, Brand, Description, Category, Slug, Status string
	Tags, Materials                                  []string
	Dimensions                                       *Dimensions
	WeightG                                          *int
	Photos                                           []uuid.UUID
}

// Change is an edit: nil leaves a value as it is.
type Change struct {
	Name, Brand, Description, Category, Slug, Status *string
	Tags, Materials                                  *[]string
	Dimensions                                       **Dimensions
	WeightG                                          **int
	Photos                                           *[]uuid.UUID
}

// VariantDraft is a variant to create.
type VariantDraft struct {
	SKU, Name string
	Options   map[string]string
	Price     money.Money
	CompareAt *money.Money
	Sale      *Sale
}

// VariantChange is an edit of a variant: nil leaves a value as it is.
type VariantChange struct {
	SKU, Name *string
	Options   *map[string]string
	Price     *money.Money
	CompareAt **money.Money
	Sale      **Sale
}

// Apply makes a change; photos and slug are changed by the catalogue, which has others to tell.
func (p *Product) Apply(c Change) {
	set(&p.Name, c.Name)
	set(&p.Brand, c.Brand)
	set(&p.Description, c.Description)
	set(&p.CategorySlug, c.Category)
	set(&p.Status, c.Status)
	if c.Tags != nil {
		p.Tags = CleanTags(*c.Tags)
	}
	if c.Materials != nil {
		p.Materials = CleanTags(*c.Materials)
	}
	if c.Dimensions != nil {
		p.SetDimensions(*c.Dimensions)
	}
	set(&p.WeightG, c.WeightG)
}

// Changes reports whether the product is another after the edit.
func (c Change) Changes(p Product) bool {
	after := p
	after.Apply(c)
	set(&after.Slug, c.Slug)
	set(&after.Photos, c.Photos)
	for _, version := range []*Product{&p, &after} { // the database sorts tags by its own rules
		version.Tags, version.Materials = slices.Sorted(slices.Values(version.Tags)), slices.Sorted(slices.Values(version.Materials))
	}
	return !slices.Equal(p.Photos, after.Photos) || !slices.Equal(p.Tags, after.Tags) || !slices.Equal(p.Materials, after.Materials) ||
		!reflect.DeepEqual(p.written(), after.written())
}

// written is the product without its lists.
func (p Product) written() Product {
	p.Photos, p.Tags, p.Materials = nil, nil, nil
	return p
}

// Same reports whether two states of a variant say the same.
func (v Variant) Same(other Variant) bool {
	same := sameMoment(v.SaleFrom, other.SaleFrom) && sameMoment(v.SaleUntil, other.SaleUntil)
	for _, state := range []*Variant{&v, &other} {
		state.SaleFrom, state.SaleUntil = nil, nil
	}
	return same && reflect.DeepEqual(v, other)
}

// sameMoment compares moments as finely as they are kept.
func sameMoment(a, b *time.Time) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.Truncate(time.Microsecond).Equal(b.Truncate(time.Microsecond))
}

// Apply makes a change, or returns what is wrong with it: errPrice, errCurrency, ErrSale, errSaleWindow, ErrCompareAt.
func (v *Variant) Apply(c VariantChange) error {
	set(&v.SKU, c.SKU)
	set(&v.Name, c.Name)
	set(&v.Options, c.Options)
	if c.Price != nil {
		moved := c.Price.Currency != v.PriceCurrency
		if moved && v.CompareAtAmount != nil && c.CompareAt == nil {
			return ErrCompareAt
		}
		if moved && v.SaleAmount != nil && c.Sale == nil {
			return ErrSale
		}
		if err := v.SetPrice(*c.Price); err != nil {
			return err
		}
	}
	if c.Sale != nil {
		if err := v.SetSale(*c.Sale); err != nil {
			return err
		}
	} else if v.SaleAmount != nil && *v.SaleAmount >= v.PriceAmount {
		return ErrSale
	}
	if c.CompareAt != nil {
		return v.SetCompareAt(*c.CompareAt)
	}
	if v.CompareAtAmount != nil && *v.CompareAtAmount <= v.PriceAmount {
		v.CompareAtAmount = nil // the price has risen to it: there is nothing left to cross out
	}
	return nil
}

// CleanTags lowers tags, without those that show nothing and without second spellings of one.
func CleanTags(tags []string) []string {
	clean, seen := make([]string, 0, len(tags)), map[string]bool{}
	for _, tag := range tags {
		tag = strings.ToLower(strings.TrimSpace(strings.TrimLeft(tag, "# \t"))) // so that cleaning it again changes nothing
		if key := text.Fold(tag); !text.Invisible(tag) && !seen[key] {
			clean, seen[key] = append(clean, tag), true
		}
	}
	slices.Sort(clean)
	return clean
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}
