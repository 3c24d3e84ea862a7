package bulk

import (
	"context"
	"maps"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products/internal/product"
)

// Tried says which of some slugs a dry run has made products for before.
type Tried func(ctx context.Context, slugs []string) (map[string]bool, error)

// PutAll creates the variants of items, or changes them where they differ, in one transaction and by a number of statements that does not
// depend on how many they are. Idempotent. An item that is refused holds no other up. With tried it only tells what would happen. An error
// that is a conflict means that somebody else was faster: try fewer at a time.
func (s *Service) PutAll(ctx context.Context, editor product.Editor, items []Item, tried Tried) (results []Result, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		results = make([]Result, len(items))
		given := make([]string, len(items))
		for i := range items {
			given[i] = items[i].SKU
			results[i].Err = items[i].clean()
		}
		p, err := s.newPlan(ctx, editor, items, given, tried)
		if err != nil {
			return err
		}
		for i, item := range items {
			if results[i].Err == nil {
				results[i] = p.put(item, given[i])
			}
			if results[i].Err != nil && !refused(results[i].Err) {
				return results[i].Err
			}
		}
		if tried != nil {
			return nil
		}
		return s.carryOut(ctx, p)
	})
	return results, err
}

// newPlan reads what the items are about, and locks it unless it is only tried.
func (s *Service) newPlan(ctx context.Context, editor product.Editor, items []Item, given []string, tried Tried) (*plan, error) {
	p := &plan{
		editor: editor, bySlug: map[string]uuid.UUID{}, variants: map[string]product.Variant{}, categories: map[string]bool{},
		changedProducts: map[uuid.UUID]bool{}, changedVariants: map[uuid.UUID]product.Variant{},
	}
	var skus, slugs []string
	for i, item := range items {
		skus = append(skus, given[i], item.SKU)
		switch {
		case item.Product != "":
			slugs = append(slugs, item.Product)
		case item.Change.Name != nil:
			slugs = append(slugs, product.SlugFromName(*item.Change.Name))
		}
	}
	slices.Sort(slugs)
	slugs = slices.Compact(slugs)
	named, err := s.store.VariantsBySKU(ctx, skus)
	if err != nil {
		return nil, err
	}
	if p.bySlug, err = s.store.Slugs(ctx, slugs); err != nil {
		return nil, err
	}
	if err := s.readProducts(ctx, p, named, tried == nil); err != nil {
		return nil, err
	}
	if tried != nil {
		if p.tried, err = tried(ctx, slugs); err != nil {
			return nil, err
		}
	}
	categories, err := s.store.Categories(ctx)
	for _, slug := range categories {
		p.categories[slug] = true
	}
	return p, err
}

// readProducts reads the products that variants or slugs name.
func (s *Service) readProducts(ctx context.Context, p *plan, named []product.Variant, lock bool) error {
	ids := slices.Collect(maps.Values(p.bySlug))
	variants := make([]uuid.UUID, len(named))
	for i, v := range named {
		variants[i] = v.ID
		ids = append(ids, v.ProductID)
		p.variants[v.SKU] = v // of a product that is not the editor's, or gone
	}
	if lock {
		if err := s.store.Lock(ctx, p.editor, ids, variants); err != nil {
			return err
		}
	}
	var err error
	p.products, err = s.products.ByIDs(ctx, ids)
	for _, home := range p.products {
		for _, v := range home.Variants {
			p.variants[v.SKU] = v
		}
	}
	return err
}

// carryOut writes what was planned. Products are locked, then variants, and listings last, as everywhere.
func (s *Service) carryOut(ctx context.Context, p *plan) error {
	var changed []*product.Product
	for _, id := range slices.SortedFunc(maps.Keys(p.changedProducts), byID) {
		if !slices.Contains(p.newProducts, p.products[id]) {
			changed = append(changed, p.products[id])
		}
	}
	if err := s.catalogue.WriteAll(ctx, p.newProducts, changed); err != nil {
		return err
	}
	newVariants, moved := p.newVariants, make([]product.Variant, 0, len(p.changedVariants))
	for _, id := range slices.SortedFunc(maps.Keys(p.changedVariants), byID) {
		v := p.changedVariants[id]
		if i := slices.IndexFunc(newVariants, func(n product.Variant) bool { return n.ID == id }); i >= 0 {
			v.OnHand = newVariants[i].OnHand // what was counted since comes on top
			newVariants[i] = v
			continue
		}
		moved = append(moved, v)
	}
	written, err := s.catalogue.WriteVariants(ctx, newVariants, moved)
	if err != nil {
		return err
	}
	for _, home := range slices.Concat(p.newProducts, changed) {
		written = append(written, home.ID)
	}
	turned, err := s.stock.CountAll(ctx, p.editor, p.counts)
	if err != nil {
		return err
	}
	return s.list(ctx, p, written, turned)
}

// list writes the listings of products that were written, and brings those up to date that are sold out, or back.
func (s *Service) list(ctx context.Context, p *plan, written, turned []uuid.UUID) error {
	written = sorted(written)
	texts := make([]*product.Product, len(written))
	for i, id := range written {
		texts[i] = p.products[id]
	}
	return s.catalogue.List(ctx, texts, sorted(slices.Concat(written, turned)))
}

func byID(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) }

func sorted(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, byID)
	return slices.Compact(ids)
}
