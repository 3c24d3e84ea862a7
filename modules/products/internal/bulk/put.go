package bulk

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/modules/products/internal/product"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/text"
)

// Item is one line of an import: a variant by its SKU, and the values that it and its product should have. Nil leaves a value as it is.
type Item struct {
	SKU     string
	Product string // slug of the product that a new variant belongs to; it is made where there is none. Empty: made from the name
	Change  product.Change
	Name    *string // of the variant
	Options *map[string]string
	Amount  *int64 // the usual price, in minor units
	// Currency of Amount and CompareAt; nil: that of the variant.
	Currency  *string
	CompareAt *int64
	OnHand    *int64 // pieces counted
}

// clean brings the texts into the form in which they are kept, or returns product.ErrTexts.
func (item *Item) clean() error {
	err := text.Clean(product.ErrTexts, text.Input{Pointer: "/sku", Text: &item.SKU, Limit: product.MaxSKU, Required: true},
		text.Input{Pointer: "/variant_name", Text: item.Name, Limit: product.MaxName})
	if err != nil {
		return err
	}
	if item.Options != nil {
		if *item.Options, err = product.CleanOptions("/options", *item.Options); err != nil {
			return err
		}
	}
	return item.Change.Clean("")
}

// Outcome is what Put did with an item.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// errDryRun rolls a dry run back.
var errDryRun = errors.New("products: dry run")

// Put creates the variant of an item, or changes it where it differs. Idempotent. With dryRun it only returns what would happen. Somebody else's SKU is product.ErrSKUTaken. Fields of a fault are those
// of the item.
func (s *Service) Put(ctx context.Context, editor product.Editor, item Item, dryRun bool) (Outcome, error) {
	var outcome Outcome
	given := item.SKU // builds before kept it as it was given
	if err := item.clean(); err != nil {
		return "", err
	}
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		v, there, err := s.store.BySKU(ctx, given, item.SKU)
		if err != nil {
			return err
		}
		outcome = Created
		if there {
			outcome, err = s.update(ctx, editor, v, item)
		} else {
			v.ID, err = s.createVariant(ctx, editor, item)
		}
		if err != nil {
			return err
		}
		counted, err := s.stock.Count(ctx, editor, v.ID, item.OnHand)
		if err != nil {
			return err
		}
		if counted && outcome == Unchanged {
			outcome = Updated
		}
		if dryRun {
			return errDryRun
		}
		return nil
	})
	if errors.Is(err, errDryRun) {
		err = nil
	}
	return outcome, err
}

// createVariant creates the variant of an item, and its product where there is none.
func (s *Service) createVariant(ctx context.Context, editor product.Editor, item Item) (uuid.UUID, error) {
	if item.Amount == nil || item.Currency == nil {
		return uuid.Nil, missing("/price_amount")
	}
	home, err := s.productFor(ctx, editor, item)
	if err != nil {
		return uuid.Nil, err
	}
	d := product.VariantDraft{SKU: item.SKU, Price: money.Of(*item.Amount, *item.Currency)}
	set(&d.Name, item.Name)
	set(&d.Options, item.Options)
	if item.CompareAt != nil {
		compare := money.Of(*item.CompareAt, *item.Currency)
		d.CompareAt = &compare
	}
	v, err := s.catalogue.AddVariant(ctx, editor, home, d)
	return v.ID, err
}

// productFor finds the product that an item's new variant belongs to, changing it as the item says, or creates it.
func (s *Service) productFor(ctx context.Context, editor product.Editor, item Item) (uuid.UUID, error) {
	if item.Product != "" {
		id, current, err := s.products.BySlug(ctx, item.Product)
		if err == nil && current {
			p, err := s.products.LockForEdit(ctx, editor, id)
			if errors.Is(err, products.ErrNotFound) {
				return uuid.Nil, product.ErrSlugTaken
			}
			if err != nil {
				return uuid.Nil, err
			}
			_, err = s.change(ctx, editor, p, item.Change)
			return id, err
		}
		if err != nil && !errors.Is(err, products.ErrNotFound) {
			return uuid.Nil, err
		}
	}
	c := item.Change
	if c.Name == nil {
		return uuid.Nil, missing("/name")
	}
	if c.Category == nil {
		return uuid.Nil, missing("/category")
	}
	d := product.Draft{Name: *c.Name, Category: *c.Category, Slug: item.Product, Status: product.StatusActive}
	set(&d.Brand, c.Brand)
	set(&d.Description, c.Description)
	set(&d.Status, c.Status)
	set(&d.Tags, c.Tags)
	set(&d.Materials, c.Materials)
	set(&d.Dimensions, c.Dimensions)
	set(&d.WeightG, c.WeightG)
	p, err := s.catalogue.Create(ctx, editor, d)
	if err != nil {
		return uuid.Nil, err
	}
	return p.ID, nil
}

// update changes a variant and its product where they differ from an item.
func (s *Service) update(ctx context.Context, editor product.Editor, v product.Variant, item Item) (Outcome, error) {
	p, err := s.products.LockForEdit(ctx, editor, v.ProductID)
	if errors.Is(err, products.ErrNotFound) {
		return "", product.ErrSKUTaken
	}
	if err != nil {
		return "", err
	}
	changed, err := s.change(ctx, editor, p, item.Change)
	if err != nil {
		return "", err
	}
	if c, differs := item.differences(v); differs {
		if _, err := s.catalogue.EditVariant(ctx, editor, v.ID, etag.Any, c); err != nil {
			return "", err
		}
		changed = true
	}
	if changed {
		return Updated, nil
	}
	return Unchanged, nil
}

// change edits a product where it differs, and reports whether it did.
func (s *Service) change(ctx context.Context, editor product.Editor, p *product.Product, c product.Change) (bool, error) {
	changed := *p
	changed.Apply(c)
	if same(p, &changed) {
		return false, nil
	}
	_, err := s.catalogue.Edit(ctx, editor, p.ID, etag.Any, c)
	return true, err
}

func same(a, b *product.Product) bool {
	measures := func(p *product.Product) [4]int {
		var all [4]int
		for i, m := range []*int{p.WidthMM, p.DepthMM, p.HeightMM, p.WeightG} {
			if m != nil {
				all[i] = *m
			}
		}
		return all
	}
	return a.Name == b.Name && a.Brand == b.Brand && a.Description == b.Description && a.CategorySlug == b.CategorySlug &&
		a.Status == b.Status && slices.Equal(a.Tags, b.Tags) && slices.Equal(a.Materials, b.Materials) && measures(a) == measures(b)
}

// differences returns the change that makes a variant what the item says, and whether there is any.
func (item Item) differences(v product.Variant) (c product.VariantChange, any bool) {
	if item.Name != nil && *item.Name != v.Name {
		c.Name, any = item.Name, true
	}
	if item.Options != nil && !maps.Equal(*item.Options, v.Options) {
		c.Options, any = item.Options, true
	}
	price := money.Of(v.PriceAmount, v.PriceCurrency)
	set(&price.Amount, item.Amount)
	set(&price.Currency, item.Currency)
	if price != money.Of(v.PriceAmount, v.PriceCurrency) {
		c.Price, any = &price, true
	}
	if item.CompareAt != nil && (v.CompareAtAmount == nil || *v.CompareAtAmount != *item.CompareAt || price.Currency != v.PriceCurrency) {
		compare := &money.Money{Amount: *item.CompareAt, Currency: price.Currency}
		c.CompareAt, any = &compare, true
	}
	return c, any
}

func missing(pointer string) error {
	return fault.Invalid("products.item_incomplete", "Something is missing that a new product needs.",
		fault.Field{Pointer: pointer, Detail: "is required for what is not there yet"})
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}
