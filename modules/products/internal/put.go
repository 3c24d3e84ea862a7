package internal

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/money"
)

// Item is one line of a delivery list: a variant by its SKU, with what is to be true of it and of its product. Nil leaves a
// value as it is.
type Item struct {
	SKU     string
	Product string // slug of the product that a new variant belongs to; it is made where there is none. Empty: made from the name
	Change  Change
	Name    *string // of the variant
	Options *map[string]string
	Amount  *int64 // the usual price, in minor units
	// Currency of Amount and CompareAt; nil: that of the variant.
	Currency  *string
	CompareAt *int64
	OnHand    *int64 // pieces counted
}

// Outcome is what an Item came to.
type Outcome string

// The outcomes.
const (
	Created   Outcome = "created"
	Updated   Outcome = "updated"
	Unchanged Outcome = "unchanged"
)

// errRehearsed undoes what was only tried.
var errRehearsed = errors.New("products: only tried")

// Put makes an item true: a variant that is not there is made, one that is there is changed where it differs. Putting an item
// again changes nothing. With try it only tells what would happen. Somebody else's SKU is errSKUTaken. Fields of a fault are those
// of the item.
func (s *Service) Put(ctx context.Context, editor Editor, item Item, try bool) (Outcome, error) {
	var outcome Outcome
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		v, there, err := s.store.BySKU(ctx, item.SKU)
		if err != nil {
			return err
		}
		outcome = Created
		if there {
			outcome, err = s.amend(ctx, editor, v, item)
		} else {
			v.ID, err = s.introduce(ctx, editor, item)
		}
		if err != nil {
			return err
		}
		counted, err := s.count(ctx, editor, v.ID, item.OnHand)
		if err != nil {
			return err
		}
		if counted && outcome == Unchanged {
			outcome = Updated
		}
		if try {
			return errRehearsed
		}
		return nil
	})
	if errors.Is(err, errRehearsed) {
		err = nil
	}
	return outcome, err
}

// introduce makes the variant of an item, and its product if need be.
func (s *Service) introduce(ctx context.Context, editor Editor, item Item) (uuid.UUID, error) {
	if item.Amount == nil || item.Currency == nil {
		return uuid.Nil, missing("/price_amount")
	}
	product, err := s.homeOf(ctx, editor, item)
	if err != nil {
		return uuid.Nil, err
	}
	d := VariantDraft{SKU: item.SKU, Price: money.Of(*item.Amount, *item.Currency)}
	set(&d.Name, item.Name)
	set(&d.Options, item.Options)
	if item.CompareAt != nil {
		compare := money.Of(*item.CompareAt, *item.Currency)
		d.CompareAt = &compare
	}
	v, err := s.AddVariant(ctx, editor, product, d)
	return v.ID, err
}

// homeOf finds the product that an item's new variant belongs to, and changes it as the item says, or makes it.
func (s *Service) homeOf(ctx context.Context, editor Editor, item Item) (uuid.UUID, error) {
	if item.Product != "" {
		id, current, err := s.store.BySlug(ctx, item.Product)
		if err == nil && current {
			p, err := s.editable(ctx, editor, id)
			if errors.Is(err, products.ErrNotFound) {
				return uuid.Nil, errSlugTaken
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
	d := Draft{Name: *c.Name, Category: *c.Category, Slug: item.Product, Status: statusActive}
	set(&d.Brand, c.Brand)
	set(&d.Description, c.Description)
	set(&d.Status, c.Status)
	set(&d.Tags, c.Tags)
	set(&d.Materials, c.Materials)
	set(&d.Dimensions, c.Dimensions)
	set(&d.WeightG, c.WeightG)
	p, err := s.Create(ctx, editor, d)
	if err != nil {
		return uuid.Nil, err
	}
	return p.ID, nil
}

// amend changes a variant and its product where they differ from an item.
func (s *Service) amend(ctx context.Context, editor Editor, v Variant, item Item) (Outcome, error) {
	p, err := s.editable(ctx, editor, v.ProductID)
	if errors.Is(err, products.ErrNotFound) {
		return "", errSKUTaken
	}
	if err != nil {
		return "", err
	}
	changed, err := s.change(ctx, editor, p, item.Change)
	if err != nil {
		return "", err
	}
	if c, differs := item.differences(v); differs {
		if _, err := s.EditVariant(ctx, editor, v.ID, etag.Any, c); err != nil {
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
func (s *Service) change(ctx context.Context, editor Editor, p *Product, c Change) (bool, error) {
	changed := *p
	changed.apply(c)
	if same(p, &changed) {
		return false, nil
	}
	_, err := s.Edit(ctx, editor, p.ID, etag.Any, c)
	return true, err
}

func same(a, b *Product) bool {
	measures := func(p *Product) [4]int {
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

// differences are what of a variant an item wants to be otherwise.
func (item Item) differences(v Variant) (c VariantChange, any bool) {
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

// count makes what is on hand of a variant what was counted, and reports whether it was otherwise.
func (s *Service) count(ctx context.Context, editor Editor, variant uuid.UUID, counted *int64) (bool, error) {
	if counted == nil {
		return false, nil
	}
	onHand, err := s.store.LockStock(ctx, variant) // so that nothing is sold between looking and counting
	if err != nil || onHand == *counted {
		return false, err
	}
	_, err = s.AdjustStock(ctx, editor, variant, *counted-onHand, "counted by an import")
	return true, err
}

func missing(pointer string) error {
	return fault.Invalid("products.item_incomplete", "Something is missing that a new product needs.",
		fault.Field{Pointer: pointer, Detail: "is required for what is not there yet"})
}
