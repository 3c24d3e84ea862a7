package cart_test

import (
	"context"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/cart"
	"atrium/modules/orders/internal/moduletest"
	"atrium/modules/products"
	"atrium/platform/apptest"
	"atrium/platform/money"
	"atrium/platform/photo"
)

type object = map[string]any

func TestCart(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, dollars, gone, b := s.Lamp(3), s.Shop.Add("Rug", money.Of(900, "USD"), 3), s.Shop.Add("Mug", money.Of(100, "EUR"), 3), s.NewBuyer()
	empty := b.Cart()
	require.Equal(t, object{"version": empty["version"], "items": []any{}, "subtotal": object{"amount": 0.0, "currency": "EUR"}, "problems": []any{}}, empty)
	path := "/v1/cart/items/"
	s.App.Run(t,
		apptest.Scenario{Name: "nobody has a cart", Path: "/v1/cart", Status: 401},
		apptest.Scenario{Name: "a negative quantity", Token: b.Token, Method: "PUT", Path: path + lamp.String(), Body: object{"quantity": -1}, Status: 422, Contains: []string{"/body/quantity"}},
		apptest.Scenario{Name: "too many", Token: b.Token, Method: "PUT", Path: path + lamp.String(), Body: object{"quantity": 1000}, Status: 422},
		apptest.Scenario{Name: "half a piece", Token: b.Token, Method: "PUT", Path: path + lamp.String(), Body: object{"quantity": 0.5}, Status: 422},
		apptest.Scenario{Name: "no quantity", Token: b.Token, Method: "PUT", Path: path + lamp.String(), Body: object{}, Status: 422},
		apptest.Scenario{Name: "unknown variant", Token: b.Token, Method: "PUT", Path: path + uuid.NewString(), Body: object{"quantity": 1}, Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "malformed variant", Token: b.Token, Method: "PUT", Path: path + "1", Body: object{"quantity": 1}, Status: 404},
	)
	b.Put(lamp, 2)
	require.Len(t, b.Put(lamp, 1)["items"], 1)
	require.EqualValues(t, 1, b.Cart()["items"].([]any)[0].(object)["quantity"], "quantities are absolute")
	require.Empty(t, b.Put(lamp, 0)["items"])
	b.Put(lamp, 1)
	b.Do("DELETE", path+lamp.String(), nil).Want(204)
	b.Do("DELETE", path+lamp.String(), nil).Want(204)

	bulk := b.Do("POST", "/v1/cart/items/bulk", object{"items": []object{
		{"variant_id": lamp, "quantity": 4}, {"variant_id": uuid.New(), "quantity": 1}, {"variant_id": dollars, "quantity": 1}, {"variant_id": gone, "quantity": 2},
	}}).Want(200).JSON()
	var statuses []any
	for _, outcome := range bulk["outcomes"].([]any) {
		statuses = append(statuses, outcome.(object)["status"])
	}
	require.Equal(t, []any{"added", "refused", "added", "added"}, statuses)
	require.Equal(t, "out_of_stock", bulk["outcomes"].([]any)[0].(object)["problem"].(object)["code"])

	require.Equal(t, "orders.currency_mismatch", b.Checkout(b.Cart()["version"]).Want(409).Code())
	b.Put(dollars, 0)
	s.Shop.Remove(gone)
	c := b.Cart()
	require.Equal(t, []any{
		object{"code": "out_of_stock", "variant_id": lamp.String(), "available": 3.0}, object{"code": "discontinued", "variant_id": gone.String()},
	}, c["problems"])
	require.Equal(t, object{"amount": 20000.0, "currency": "EUR"}, c["subtotal"], "what cannot be bought is not counted")
	require.Equal(t, "Mug", c["items"].([]any)[1].(object)["product"].(object)["name"])
	require.Equal(t, "orders.discontinued", b.Checkout(c["version"]).Want(409).Code())
}

// A variant that is named twice in one call is wanted twice, and the limits hold for the sum.
func TestFault_O20_TheSameVariantTwiceInOneCall(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, vase, b := s.Lamp(5), s.Lamp(2000), s.NewBuyer()
	bulk := b.Do("POST", "/v1/cart/items/bulk", object{"items": []object{
		{"variant_id": lamp, "quantity": 2}, {"variant_id": vase, "quantity": 600}, {"variant_id": lamp, "quantity": 4}, {"variant_id": vase, "quantity": 600},
	}}).Want(200).JSON()
	var outcomes []any
	for _, outcome := range bulk["outcomes"].([]any) {
		problem, _ := outcome.(object)["problem"].(object)
		outcomes = append(outcomes, outcome.(object)["status"], problem["code"])
	}
	require.Equal(t, []any{"added", "out_of_stock", "refused", "orders.too_many", "added", "out_of_stock", "refused", "orders.too_many"}, outcomes)
	items := bulk["cart"].(object)["items"].([]any)
	require.Len(t, items, 1)
	require.EqualValues(t, 6, items[0].(object)["quantity"])
}

// Orders that are given back never make a cart larger than carts are: what does not fit waits, and says so.
func TestFault_O18_WhatDoesNotFitIsAProblem(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	var orders []moduletest.Placed
	for range 2 {
		var items []object
		for range 30 {
			items = append(items, object{"variant_id": s.Lamp(5), "quantity": 1})
		}
		b.Do("POST", "/v1/cart/items/bulk", object{"items": items}).Want(200)
		orders = append(orders, apptest.Read[moduletest.Placed](b.Checkout(b.Cart()["version"]).Want(201)))
	}
	for _, o := range orders {
		b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
	}
	c := b.Cart()
	require.Len(t, c["items"], 50)
	require.Len(t, c["problems"], 10)
	problem := c["problems"].([]any)[0].(object)
	require.Equal(t, "does_not_fit", problem["code"])
	require.Equal(t, "orders.cart_full", b.Do("PUT", "/v1/cart/items/"+s.Lamp(1).String(), object{"quantity": 1}).Want(409).Code())

	b.Do("DELETE", "/v1/cart/items/"+c["items"].([]any)[0].(object)["variant_id"].(string), nil).Want(204)
	c = b.Cart()
	require.Len(t, c["items"], 50, "the next one has room")
	require.Len(t, c["problems"], 9)
	b.Checkout(c["version"]).Want(201)
	c = b.Cart()
	require.Len(t, c["items"], 9, "what waited is the cart then")
	require.Empty(t, c["problems"])
}

// photographed is a catalogue whose products have photos; offers have them outside transactions only, as everywhere.
type photographed struct{ products.Catalogue }

func (p photographed) Refs(ctx context.Context, ids []uuid.UUID) (map[uuid.UUID]products.Ref, error) {
	refs, err := p.Catalogue.Refs(ctx, ids)
	for id, ref := range refs {
		ref.Photo = &photo.Photo{ID: id}
		refs[id] = ref
	}
	return refs, err
}

func TestCart_WhatIsPutInIsShownWithItsPhoto(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	carts := cart.NewService(s.DB, cart.NewStore(s.DB), photographed{s.Shop}, orders.Config{Currency: "EUR"})
	lamp, rug, buyer := s.Lamp(3), s.Shop.Add("Rug", money.Of(900, "EUR"), 3), uuid.New()
	put, err := carts.Put(t.Context(), buyer, lamp, 1)
	require.NoError(t, err)
	_, bulk, err := carts.PutAll(t.Context(), buyer, []products.Line{{VariantID: rug, Quantity: 1}})
	require.NoError(t, err)
	require.Len(t, bulk.Lines, 2)
	for _, line := range append(put.Lines, bulk.Lines...) {
		require.NotNil(t, line.Product.Photo)
		require.Equal(t, line.Product.ID, line.Product.Photo.ID)
	}
}
