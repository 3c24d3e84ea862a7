// Package shop turns a post into what can be bought from it, now.
package shop

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/modules/products"
	"atrium/platform/money"
)

// Shop is what can be bought from a post.
type Shop struct {
	Items       []Item        `json:"items"`
	Total       *money.Money  `json:"total" doc:"one of each, the cheapest that is in stock; null where there is nothing, or currencies differ"`
	Unavailable []Unavailable `json:"unavailable"`
}

// SchemaName is its name in the OpenAPI document.
func (Shop) SchemaName() string { return "PostShop" }

// Item is a product in the room, with the prices and the stock of this moment.
type Item struct {
	Product  products.Ref `json:"product"`
	Variants []Variant    `json:"variants" doc:"cheapest first"`
	Pins     []Pin        `json:"pins"`
}

// SchemaName is its name in the OpenAPI document.
func (Item) SchemaName() string { return "ShopItem" }

// Variant is something that can be put into the cart.
type Variant struct {
	ID        uuid.UUID   `json:"id"`
	SKU       string      `json:"sku"`
	Name      string      `json:"name"`
	Price     money.Money `json:"price"`
	Available int64       `json:"available"`
}

// SchemaName is its name in the OpenAPI document.
func (Variant) SchemaName() string { return "ShopVariant" }

// Pin is where a product is to be seen.
type Pin struct {
	PhotoID uuid.UUID `json:"photo_id"`
	X       float64   `json:"x"`
	Y       float64   `json:"y"`
	Label   string    `json:"label"`
}

// SchemaName is its name in the OpenAPI document.
func (Pin) SchemaName() string { return "ShopPin" }

// Unavailable is a pinned product that cannot be bought now. Product is null once it is discontinued.
type Unavailable struct {
	ProductID uuid.UUID     `json:"product_id"`
	Product   *products.Ref `json:"product"`
	Reason    string        `json:"reason" enum:"out_of_stock,discontinued"`
	Pins      []Pin         `json:"pins"`

	Alternatives []products.Ref `json:"alternatives" doc:"what comes closest and can be bought now, at most 3"`
}

// SchemaName is its name in the OpenAPI document.
func (Unavailable) SchemaName() string { return "UnavailableItem" }

// alternatives is how many are shown for what cannot be bought.
const alternatives = 3

// Service opens shops.
type Service struct {
	contents  *content.Cache
	catalogue products.Catalogue
}

func NewService(contents *content.Cache, catalogue products.Catalogue) *Service {
	return &Service{contents: contents, catalogue: catalogue}
}

// Open returns the shop of a post that the viewer may see, products in the order of their first pin.
func (s *Service) Open(ctx context.Context, viewer, post uuid.UUID) (Shop, error) {
	content, err := s.contents.Find(ctx, viewer, post)
	if err != nil {
		return Shop{}, err
	}
	ids, pins := pinned(content)
	shop := Shop{Items: []Item{}, Unavailable: []Unavailable{}}
	if len(ids) == 0 {
		return shop, nil
	}
	refs, err := s.catalogue.Refs(ctx, ids)
	if err != nil {
		return Shop{}, err
	}
	offers, err := s.catalogue.Variants(ctx, ids)
	if err != nil {
		return Shop{}, err
	}
	for _, id := range ids {
		ref, listed := refs[id]
		variants, inStock := variantsOf(offers[id])
		switch {
		case !listed || len(variants) == 0:
			shop.Unavailable = append(shop.Unavailable, Unavailable{ProductID: id, Reason: "discontinued", Pins: pins[id]})
		case !inStock:
			shop.Unavailable = append(shop.Unavailable, Unavailable{ProductID: id, Product: &ref, Reason: "out_of_stock", Pins: pins[id]})
		default:
			shop.Items = append(shop.Items, Item{Product: ref, Variants: variants, Pins: pins[id]})
		}
	}
	if shop.Total, err = total(shop.Items); err != nil {
		return Shop{}, err
	}
	return shop, s.offerInstead(ctx, shop.Unavailable)
}

// offerInstead names what could stand in for what cannot be bought.
func (s *Service) offerInstead(ctx context.Context, unavailable []Unavailable) error {
	if len(unavailable) == 0 {
		return nil
	}
	ids := make([]uuid.UUID, len(unavailable))
	for i, u := range unavailable {
		ids[i] = u.ProductID
	}
	found, err := s.catalogue.Alternatives(ctx, ids, alternatives)
	for i, id := range ids {
		unavailable[i].Alternatives = append([]products.Ref{}, found[id]...)
	}
	return err
}

func pinned(content *content.Content) (ids []uuid.UUID, pins map[uuid.UUID][]Pin) {
	pins = map[uuid.UUID][]Pin{}
	for _, photo := range content.Photos {
		for _, pin := range photo.Pins {
			if pin.ProductID == nil {
				continue
			}
			id := *pin.ProductID
			if pins[id] == nil {
				ids = append(ids, id)
			}
			pins[id] = append(pins[id], Pin{PhotoID: photo.ID, X: pin.X, Y: pin.Y, Label: pin.Label})
		}
	}
	return ids, pins
}

func variantsOf(offers []products.Offer) (variants []Variant, inStock bool) {
	for _, o := range offers {
		if !o.OnSale {
			continue
		}
		variants = append(variants, Variant{ID: o.VariantID, SKU: o.SKU, Name: o.Name, Price: o.Price, Available: o.Available})
		inStock = inStock || o.Available > 0
	}
	return variants, inStock
}

// total adds up the cheapest variant in stock of each item; nil where that is no one sum.
func total(items []Item) (*money.Money, error) {
	var sum *money.Money
	for _, item := range items {
		price := cheapest(item.Variants)
		if sum == nil {
			sum = &price
			continue
		}
		next, err := sum.Plus(price)
		if errors.Is(err, money.ErrCurrency) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		sum = &next
	}
	return sum, nil
}

// cheapest returns the price of the first variant in stock: they come cheapest first.
func cheapest(variants []Variant) money.Money {
	for _, v := range variants {
		if v.Available > 0 {
			return v.Price
		}
	}
	return money.Money{}
}
