// Package productstest stands for package products in other modules' tests.
package productstest

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"atrium/modules/products"
	"atrium/platform/money"
)

// Shop is a products.Catalogue and a products.Stock in memory. It takes no part in transactions. Safe for concurrent use.
type Shop struct {
	mu       sync.Mutex
	refs     map[uuid.UUID]products.Ref
	variants map[uuid.UUID]*level
}

type level struct {
	offer                  products.Offer
	onHand, reserved, sold int64
}

var (
	_ products.Catalogue = (*Shop)(nil)
	_ products.Stock     = (*Shop)(nil)
)

func NewShop() *Shop {
	return &Shop{refs: map[uuid.UUID]products.Ref{}, variants: map[uuid.UUID]*level{}}
}

// Add makes a product on sale with one variant, and returns both ids.
func (s *Shop) Add(name string, price money.Money, stock int64) (product, variant uuid.UUID) {
	product = uuid.Must(uuid.NewV7())
	s.mu.Lock()
	s.refs[product] = products.Ref{ID: product, Slug: "product-" + product.String(), Name: name}
	s.mu.Unlock()
	return product, s.AddVariant(product, price, stock)
}

// AddVariant makes another variant of a product.
func (s *Shop) AddVariant(product uuid.UUID, price money.Money, stock int64) uuid.UUID {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := uuid.Must(uuid.NewV7())
	ref := s.refs[product]
	if ref.Price == nil || price.Amount < ref.Price.Amount {
		ref.Price = &price
		s.refs[product] = ref
	}
	s.variants[id] = &level{onHand: stock, offer: products.Offer{
		VariantID: id, Product: products.Ref{ID: product}, SKU: "SKU-" + id.String()[24:], Price: price, OnSale: true,
	}}
	return id
}

// Reprice changes what a variant costs.
func (s *Shop) Reprice(variant uuid.UUID, price money.Money) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.variants[variant].offer.Price = price
}

// Discontinue takes a variant off sale.
func (s *Shop) Discontinue(variant uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.variants[variant].offer.OnSale = false
}

// Remove takes a product and its variants away, as if it had been deleted.
func (s *Shop) Remove(product uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refs, product)
	for id, v := range s.variants {
		if v.offer.Product.ID == product {
			delete(s.variants, id)
		}
	}
}

// Level returns how many pieces of a variant are on hand, how many of those reserved, and how many were sold.
func (s *Shop) Level(variant uuid.UUID) (onHand, reserved, sold int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	v := s.variants[variant]
	return v.onHand, v.reserved, v.sold
}

// Refs satisfies products.Catalogue.
func (s *Shop) Refs(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[uuid.UUID]products.Ref{}
	for _, id := range ids {
		if ref, ok := s.refs[id]; ok {
			found[id] = ref
		}
	}
	return found, nil
}

// Offers satisfies products.Catalogue.
func (s *Shop) Offers(_ context.Context, variants []uuid.UUID) (map[uuid.UUID]products.Offer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[uuid.UUID]products.Offer{}
	for _, id := range variants {
		if v, ok := s.variants[id]; ok {
			found[id] = s.offerOf(v)
		}
	}
	return found, nil
}

// Variants satisfies products.Catalogue.
func (s *Shop) Variants(_ context.Context, ids []uuid.UUID) (map[uuid.UUID][]products.Offer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found := map[uuid.UUID][]products.Offer{}
	for _, v := range s.variants {
		if v.offer.OnSale && slices.Contains(ids, v.offer.Product.ID) {
			found[v.offer.Product.ID] = append(found[v.offer.Product.ID], s.offerOf(v))
		}
	}
	for _, offers := range found {
		slices.SortFunc(offers, func(a, b products.Offer) int { return int(a.Price.Amount - b.Price.Amount) })
	}
	return found, nil
}

func (s *Shop) offerOf(v *level) products.Offer {
	offer := v.offer
	offer.Product, offer.Available = s.refs[offer.Product.ID], v.onHand-v.reserved
	return offer
}

// Alternatives satisfies products.Catalogue: there is nothing like anything.
func (s *Shop) Alternatives(context.Context, []uuid.UUID, int) (map[uuid.UUID][]products.Ref, error) {
	return map[uuid.UUID][]products.Ref{}, nil
}

// Resolve satisfies products.Catalogue.
func (s *Shop) Resolve(_ context.Context, idOrSlug string) (uuid.UUID, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, ref := range s.refs {
		if id.String() == idOrSlug || ref.Slug == idOrSlug {
			return id, nil
		}
	}
	return uuid.Nil, products.ErrNotFound
}

// Reserve satisfies products.Stock: all lines or none.
func (s *Shop) Reserve(_ context.Context, _ uuid.UUID, lines []products.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, line := range lines {
		v, ok := s.variants[line.VariantID]
		if !ok || v.onHand-v.reserved < line.Quantity {
			return products.ErrInsufficientStock
		}
	}
	s.move(lines, func(v *level, n int64) { v.reserved += n })
	return nil
}

// Release satisfies products.Stock.
func (s *Shop) Release(_ context.Context, _ uuid.UUID, lines []products.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move(lines, func(v *level, n int64) { v.reserved -= n })
	return nil
}

// Sell satisfies products.Stock.
func (s *Shop) Sell(_ context.Context, _ uuid.UUID, lines []products.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move(lines, func(v *level, n int64) { v.reserved, v.onHand, v.sold = v.reserved-n, v.onHand-n, v.sold+n })
	return nil
}

// Restock satisfies products.Stock.
func (s *Shop) Restock(_ context.Context, _ uuid.UUID, lines []products.Line) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.move(lines, func(v *level, n int64) { v.onHand, v.sold = v.onHand+n, v.sold-n })
	return nil
}

func (s *Shop) move(lines []products.Line, step func(v *level, n int64)) {
	for _, line := range lines {
		if v, ok := s.variants[line.VariantID]; ok {
			step(v, line.Quantity)
		}
	}
}
