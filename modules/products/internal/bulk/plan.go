package bulk

import (
	"crypto/rand"
	"slices"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/products/internal/catalogue"
	"atrium/modules/products/internal/product"
	"atrium/modules/products/internal/stock"
	"atrium/platform/fault"
	"atrium/platform/money"
)

// plan is what a batch would do, worked out in memory: each item sees what those before it have done.
type plan struct {
	editor     product.Editor
	products   map[uuid.UUID]*product.Product
	bySlug     map[string]uuid.UUID       // the nil id: taken by what the editor may not change, or has left behind
	variants   map[string]product.Variant // by SKU
	categories map[string]bool
	tried      map[string]bool // slugs of products that a dry run has made before

	newProducts     []*product.Product
	newVariants     []product.Variant
	changedProducts map[uuid.UUID]bool
	changedVariants map[uuid.UUID]product.Variant
	counts          []stock.Count
}

// put plans an item.
func (p *plan) put(item Item, given string) (r Result) {
	if v, there := p.variant(item.SKU, given); there {
		r.Outcome, r.Err = p.update(v, item)
	} else {
		r.Made, r.Err = p.create(item)
		r.Outcome = Created
	}
	return r
}

// variant finds a variant by its SKU as it was given, which builds before kept, or as it is kept.
func (p *plan) variant(sku, given string) (product.Variant, bool) {
	if v, there := p.variants[given]; there {
		return v, true
	}
	v, there := p.variants[sku]
	return v, there
}

// update plans the change of a variant and its product.
func (p *plan) update(v product.Variant, item Item) (Outcome, error) {
	home := p.products[v.ProductID]
	if home == nil || !p.editor.MayEdit(home) {
		return "", product.ErrSKUTaken
	}
	changed, productMoves, err := p.changeOf(home, item)
	if err != nil {
		return "", err
	}
	asked, err := item.variantChange(v)
	if err != nil {
		return "", err
	}
	now := v
	if err := now.Apply(asked); err != nil {
		return "", err
	}
	count := stock.Count{Variant: v.ID, Product: v.ProductID, Before: v.OnHand, OnHand: v.OnHand, Reserved: v.Reserved}
	set(&count.OnHand, item.OnHand)
	if count.OnHand < v.Reserved {
		return "", stock.ErrTooLow
	}
	variantMoves := !sameVariant(v, now)
	if !variantMoves && !productMoves && count.OnHand == v.OnHand {
		return Unchanged, nil
	}
	if productMoves {
		*home, p.changedProducts[home.ID] = changed, true
	}
	if count.OnHand != v.OnHand {
		p.counts = append(p.counts, count)
		v.OnHand, now.OnHand = count.OnHand, count.OnHand
	}
	if variantMoves {
		p.changedVariants[v.ID] = now
		v = now
	}
	p.keep(home, v)
	return Updated, nil
}

// keep notes how a variant stands.
func (p *plan) keep(home *product.Product, v product.Variant) {
	p.variants[v.SKU] = v
	if i := slices.IndexFunc(home.Variants, func(other product.Variant) bool { return other.ID == v.ID }); i >= 0 {
		home.Variants[i] = v
		return
	}
	home.Variants = append(home.Variants, v)
}

// changeOf is a product as an item wants it, and whether it is another then.
func (p *plan) changeOf(home *product.Product, item Item) (product.Product, bool, error) {
	changed := *home
	item.applyTo(&changed)
	if sameProduct(*home, changed) {
		return *home, false, nil
	}
	if changed.CategorySlug != home.CategorySlug && !p.categories[changed.CategorySlug] {
		return changed, false, catalogue.ErrCategory
	}
	return changed, true, nil
}

// create plans a new variant, and its product where there is none, whose slug it returns.
func (p *plan) create(item Item) (made string, err error) {
	if item.Amount == nil || item.Currency == nil {
		return "", missing("/price_amount")
	}
	home, changed, err := p.homeOf(item)
	if err != nil {
		return "", err
	}
	v, err := newVariant(item)
	if err != nil || home == nil { // of a product that this dry run has made before
		return "", err
	}
	if home.ID == uuid.Nil {
		if home.ID, err = uuid.NewV7(); err != nil {
			return "", err
		}
		home.SellerID, made = p.editor.ID, home.Slug
		p.products[home.ID], p.bySlug[home.Slug] = home, home.ID
		p.newProducts = append(p.newProducts, home)
	} else if changed != nil {
		*home, p.changedProducts[home.ID] = *changed, true
	}
	v.ProductID = home.ID
	p.newVariants = append(p.newVariants, v)
	p.keep(home, v)
	if v.OnHand > 0 {
		p.counts = append(p.counts, stock.Count{Variant: v.ID, Product: home.ID, OnHand: v.OnHand, New: true})
	}
	return made, nil
}

// homeOf finds the product of a new variant, with its change if there is one, or makes it; nil where an earlier batch of a dry run would
// have made it.
func (p *plan) homeOf(item Item) (home, changed *product.Product, err error) {
	if item.Product != "" {
		id, known := p.bySlug[item.Product]
		if home = p.products[id]; home != nil {
			if !p.editor.MayEdit(home) {
				return nil, nil, product.ErrSlugTaken
			}
			now, moves, err := p.changeOf(home, item)
			if moves {
				changed = &now
			}
			return home, changed, err
		}
		if known {
			return nil, nil, product.ErrSlugTaken
		}
		if p.tried[item.Product] {
			return nil, nil, p.checkCategory(item)
		}
	}
	if home, err = item.draft(); err != nil {
		return nil, nil, err
	}
	if err := p.checkCategory(item); err != nil {
		return nil, nil, err
	}
	home.Slug, err = p.slugFor(item)
	return home, nil, err
}

func (p *plan) checkCategory(item Item) error {
	if item.Change.Category != nil && !p.categories[*item.Change.Category] {
		return catalogue.ErrCategory
	}
	return nil
}

// slugFor returns the slug that is asked for, or makes one from the name, with an ending where that is taken.
func (p *plan) slugFor(item Item) (string, error) {
	if item.Product != "" {
		return item.Product, product.CheckSlug(item.Product)
	}
	slug := product.SlugFromName(*item.Change.Name)
	if _, taken := p.bySlug[slug]; taken || p.tried[slug] {
		slug += "-" + strings.ToLower(rand.Text()[:10])
	}
	return slug, nil
}

func newVariant(item Item) (product.Variant, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return product.Variant{}, err
	}
	v := product.Variant{ID: id, SKU: item.SKU, Options: map[string]string{}, Version: 1}
	set(&v.OnHand, item.OnHand)
	v.PriceCurrency = *item.Currency
	asked, err := item.variantChange(v)
	if err != nil {
		return v, err
	}
	if err := v.SetPrice(money.Of(*item.Amount, *item.Currency)); err != nil {
		return v, err
	}
	return v, v.Apply(asked)
}

// refused reports whether an error is about what was asked for, and not about us.
func refused(err error) bool {
	kind := fault.KindOf(err)
	return kind != fault.KindInternal && kind != fault.KindUnavailable
}
