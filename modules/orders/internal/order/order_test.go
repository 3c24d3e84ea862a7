package order_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/modules/orders/internal/order"
	"atrium/platform/apptest"
)

type object = map[string]any

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b, thief := s.Lamp(5), s.NewBuyer(), s.NewBuyer()
	o := b.Order(lamp, 1)
	s.App.Run(t,
		apptest.Scenario{Name: "a foreign order", Token: thief.Token, Path: "/v1/orders/" + o.ID, Status: 404, Code: "orders.not_found"},
		apptest.Scenario{Name: "a malformed one", Token: thief.Token, Path: "/v1/orders/1", Status: 404, Code: "orders.not_found"},
		apptest.Scenario{Name: "paying it", Token: thief.Token, Method: "POST", Path: "/v1/orders/" + o.ID + "/payment", Header: map[string]string{"Idempotency-Key": "a"}, Status: 404},
		apptest.Scenario{Name: "cancelling it", Token: thief.Token, Method: "POST", Path: "/v1/orders/" + o.ID + "/cancel", Header: map[string]string{"Idempotency-Key": "b"}, Status: 404},
		apptest.Scenario{Name: "a foreign address", Token: thief.Token, Method: "PATCH", Path: "/v1/me/addresses/" + b.Address, Header: map[string]string{"If-Match": "*"}, Body: object{"city": "Rome"}, Status: 404},
		apptest.Scenario{Name: "deleting it", Token: thief.Token, Method: "DELETE", Path: "/v1/me/addresses/" + b.Address, Status: 404},
		apptest.Scenario{Name: "all orders", Token: thief.Token, Path: "/v1/admin/orders", Status: 403},
		apptest.Scenario{Name: "shipping", Token: thief.Token, Method: "POST", Path: "/v1/admin/orders/" + o.ID + "/ship", Body: object{}, Status: 403},
		apptest.Scenario{Name: "refunding without a fresh sign-in", Token: "stale-" + s.Admin, Method: "POST", Path: "/v1/admin/orders/" + o.ID + "/refund", Header: map[string]string{"Idempotency-Key": "c"}, Body: object{"reason": "x"}, Status: 403, Code: "auth.reauth_required"},
	)
	version := thief.Put(lamp, 1)["version"]
	sent := thief.Do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.Address}).Want(422)
	require.Contains(t, string(sent.Body), "/body/address_id")
	require.Empty(t, thief.Do("GET", "/v1/orders", nil).Want(200).JSON()["items"])
	require.Len(t, b.Do("GET", "/v1/orders", nil).Want(200).JSON()["items"], 1)
	require.Len(t, s.Send(s.Admin, "GET", "/v1/admin/orders?status=pending_payment", nil).Want(200).JSON()["items"], 1)
	require.Empty(t, s.Send(s.Admin, "GET", "/v1/admin/orders?status=paid", nil).Want(200).JSON()["items"])
}

// Who has bought a product may review it: what counts is what was shipped and kept.
func TestBought(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(9), s.NewBuyer()
	offers, err := s.Shop.Offers(t.Context(), []uuid.UUID{lamp})
	require.NoError(t, err)
	product, store := offers[lamp].Product.ID, order.NewStore(s.DB)
	bought := func(by *moduletest.Buyer) (ids []string) {
		t.Helper()
		lines, err := store.Bought(t.Context(), by.ID, product)
		require.NoError(t, err)
		for _, id := range lines {
			ids = append(ids, id.String())
		}
		return ids
	}
	first, second := b.Order(lamp, 2), b.Order(lamp, 1)
	require.Empty(t, bought(b), "not paid yet")
	b.Pay(first)
	b.Pay(second)
	require.Empty(t, bought(b), "not shipped yet")
	for _, id := range []string{first.ID, second.ID} {
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+id+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200)
	}
	require.Equal(t, []string{first.Items[0].ID, second.Items[0].ID}, bought(b), "oldest first")
	require.Empty(t, bought(s.NewBuyer()), "somebody else")
	refund := func(quantity int) {
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+first.ID+"/refund",
			object{"lines": []object{{"item_id": first.Items[0].ID, "quantity": quantity}}, "reason": "broken"}).Want(201)
	}
	refund(1)
	require.Len(t, bought(b), 2, "one of two is still theirs")
	undone := func(id string) bool {
		t.Helper()
		ids, err := store.Undone(t.Context(), []uuid.UUID{uuid.MustParse(id), uuid.New()})
		require.NoError(t, err)
		return len(ids) == 1
	}
	require.False(t, undone(first.Items[0].ID))
	refund(1)
	require.Equal(t, []string{second.Items[0].ID}, bought(b))
	require.True(t, undone(first.Items[0].ID), "all given back")

	third := b.Order(lamp, 1)
	b.Pay(third)
	require.False(t, undone(third.Items[0].ID))
	b.Do("POST", "/v1/orders/"+third.ID+"/cancel", nil).Want(200)
	require.True(t, undone(third.Items[0].ID), "called off")
}
