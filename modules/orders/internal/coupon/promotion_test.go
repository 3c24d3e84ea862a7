package coupon_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/identity"
)

func eur(amount float64) object { return object{"amount": amount, "currency": "EUR"} }

func TestFault_O17_TheBetterOfATypedAndAnAutomaticCoupon(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t, func(c *orders.Config) { c.Shipping = map[string]int64{"EUR": 490} })
	make := func(body object) object {
		return s.Send(s.Admin, "POST", "/v1/admin/coupons", body).Want(201).JSON()
	}
	make(object{"code": "ONE", "percent": 1})
	make(object{"code": "AUTO5", "percent": 5, "automatic": true, "name": "Spring sale"})
	make(object{"code": "TEN", "percent": 10, "max_uses": 1})
	make(object{"code": "FIVE", "percent": 5})
	make(object{"code": "MINE", "amount": object{"amount": 600, "currency": "EUR"}, "automatic": true, "max_uses_per_person": 1, "min_subtotal": object{"amount": 10000, "currency": "EUR"}})
	lamp := s.Lamp(100)
	b := s.NewBuyer()
	quoted := func(pieces int, coupon string) object {
		b.Put(lamp, pieces)
		return b.Do("POST", "/v1/cart/quote", object{"coupon": coupon}).Want(200).JSON()
	}
	ordered := func(pieces int, coupon string) object {
		t.Helper()
		quote := quoted(pieces, coupon)
		version := b.Cart()["version"]
		o := b.Do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.Address, "coupon": coupon}).Want(201).JSON()
		for _, name := range []string{"subtotal", "discount", "promotion", "tax", "total"} {
			require.Equal(t, quote[name], o[name], name)
		}
		require.Equal(t, o["promotion"], b.Do("GET", "/v1/orders/"+o["id"].(string), nil).Want(200).JSON()["promotion"])
		require.Equal(t, []any{object{"method": "standard", "name": "Standard", "price": eur(490)}}, quote["shipping"])
		return o
	}
	spring := object{"code": nil, "name": "Spring sale"}
	for _, c := range []struct {
		pieces    int
		coupon    string
		discount  float64
		promotion any
	}{
		{1, "one", 250, spring}, {1, "", 250, spring}, {1, "five", 250, object{"code": "FIVE", "name": "FIVE"}},
		{2, "one", 600, object{"code": nil, "name": "MINE"}}, {2, "one", 500, spring}, // his share is used up
		{1, "ten", 500, object{"code": "TEN", "name": "TEN"}}, {1, "auto5", 250, object{"code": "AUTO5", "name": "Spring sale"}},
	} {
		o := ordered(c.pieces, c.coupon)
		require.Equal(t, eur(c.discount), o["discount"], "%+v", c)
		require.Equal(t, c.promotion, o["promotion"], "%+v", c)
	}
	t.Run("what cannot be used is a problem, beside what can", func(t *testing.T) {
		for coupon, code := range map[string]string{"ten": "coupon_exhausted", "none": "coupon_invalid"} {
			quote := quoted(1, coupon)
			require.Equal(t, []any{object{"code": code, "variant_id": nil}}, quote["problems"])
			require.Equal(t, spring, quote["promotion"])
		}
		require.Equal(t, "orders.coupon_exhausted", b.Do("POST", "/v1/checkout", object{"cart_version": b.Cart()["version"], "address_id": b.Address, "coupon": "ten"}).Want(409).Code())
	})
	t.Run("a quote takes nothing", func(t *testing.T) {
		make(object{"code": "LAST", "percent": 50, "max_uses": 1, "max_uses_per_person": 1})
		before := []int64{s.Number(`SELECT coalesce(sum(uses), 0) FROM coupons`), s.Number(`SELECT sum(uses) FROM coupon_people`), s.Number(`SELECT count(*) FROM stock_movements`), s.Number(`SELECT count(*) FROM outbox`)}
		for range 3 {
			require.Equal(t, eur(2500), quoted(1, "last")["discount"])
		}
		require.Equal(t, before, []int64{s.Number(`SELECT coalesce(sum(uses), 0) FROM coupons`), s.Number(`SELECT sum(uses) FROM coupon_people`), s.Number(`SELECT count(*) FROM stock_movements`), s.Number(`SELECT count(*) FROM outbox`)})
		require.Len(t, b.Cart()["items"], 1)
	})
	t.Run("problems of the cart, an empty one, and somebody without an address", func(t *testing.T) {
		problems := quoted(200, "")["problems"].([]any)
		require.Equal(t, "out_of_stock", problems[0].(object)["code"])
		b.Put(lamp, 0)
		empty := quoted(0, "")
		require.Equal(t, []any{eur(0), eur(0), nil}, []any{empty["subtotal"], empty["total"], empty["promotion"]})
		other := apptest.As(uuid.New())
		s.Send(other, "PUT", "/v1/cart/items/"+lamp.String(), object{"quantity": 1}).Want(200)
		quote := s.Send(other, "POST", "/v1/cart/quote", object{}).Want(200).JSON()
		require.Nil(t, quote["tax"], "no country is taxed by omission")
		require.Equal(t, eur(5000-250+490), quote["total"])
		require.Equal(t, 422, s.Send(other, "POST", "/v1/cart/quote", object{"address_id": b.Address}).Status, "somebody else's address")
		s.Send("", "POST", "/v1/cart/quote", object{}).Want(401)
	})
	t.Run("orders of a build before name what they can", func(t *testing.T) {
		s.Exec(`UPDATE coupon_uses SET typed = NULL`)
		all := b.Do("GET", "/v1/orders?limit=50", nil).Want(200).JSON()["items"].([]any)
		require.Equal(t, object{"code": "TEN", "name": "TEN"}, all[1].(object)["promotion"])
		require.Equal(t, spring, all[0].(object)["promotion"])
	})
}

func TestFault_K8_WhatWidensACouponNeedsAFreshSignIn(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	admin := uuid.New()
	stale := apptest.Stale(admin, identity.RoleAdmin)
	body := object{"code": "ALL", "percent": 100, "max_uses": 5, "max_uses_per_person": 1, "ends_at": time.Now().Add(time.Hour)}
	require.Equal(t, "auth.reauth_required", s.Send(stale, "POST", "/v1/admin/coupons", body).Want(403).Code())
	id := s.Send(apptest.As(admin, identity.RoleAdmin), "POST", "/v1/admin/coupons", body).Want(201).JSON()["id"].(string)
	patch := func(token string, change object) *apptest.Response {
		return s.Send(token, "PATCH", "/v1/admin/coupons/"+id, change, "If-Match", "*")
	}
	for _, wider := range []object{
		{"max_uses": 6}, {"max_uses": nil}, {"max_uses_per_person": 2}, {"max_uses_per_person": nil},
		{"ends_at": time.Now().Add(2 * time.Hour)}, {"ends_at": nil}, {"active": false, "max_uses": 9},
	} {
		require.Equal(t, "auth.reauth_required", patch(stale, wider).Want(403).Code(), "%v", wider)
	}
	require.EqualValues(t, 1, s.Number(`SELECT version FROM coupons WHERE max_uses = 5 AND max_uses_per_person = 1 AND active AND ends_at IS NOT NULL`))
	for _, narrower := range []object{{"max_uses": 4}, {"ends_at": time.Now().Add(time.Minute)}, {"active": true}, {"max_uses_per_person": 1}, {"active": false}} {
		patch(stale, narrower).Want(200)
	}
	require.Equal(t, "auth.reauth_required", patch(stale, object{"active": true}).Want(403).Code())
	patch(apptest.As(admin, identity.RoleAdmin), object{"active": true, "max_uses": nil, "ends_at": nil}).Want(200)
}

func TestFault_O17_AQuoteTellsOfATotalThatCannotBePaid(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b, nearly := s.NewBuyer(), object{"coupon": "nearly"}
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "NEARLY", "amount": eur(4990)}).Want(201)
	b.Put(s.Lamp(1), 1)
	require.Equal(t, []any{object{"code": "total_not_payable", "variant_id": nil}}, b.Do("POST", "/v1/cart/quote", nearly).Want(200).JSON()["problems"])
	nearly["cart_version"], nearly["address_id"] = b.Cart()["version"], b.Address
	require.Equal(t, "payment.amount", b.Do("POST", "/v1/checkout", nearly).Want(422).Code())
}
