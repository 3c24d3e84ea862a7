package order_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/platform/apptest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

func TestPurchase_FromTheCartToTheDoor(t *testing.T) {
	t.Parallel()
	s := setup(t, func(c *orders.Config) { c.Shipping = map[string]int64{"EUR": 490} })
	lamp, b := s.lamp(5), s.buyer()
	cart := b.put(lamp, 2)
	require.Equal(t, object{"amount": 10000.0, "currency": "EUR"}, cart["subtotal"])
	answer := b.checkout(cart["version"]).Want(201)
	o := apptest.Read[placed](answer)
	require.Equal(t, "/v1/orders/"+o.ID, answer.Header.Get("Location"))
	require.Equal(t, "pending_payment", o.Status)
	require.Regexp(t, `^AT-[0-9A-Z]{4}-[0-9A-Z]{4}$`, o.Number)
	require.Equal(t, money.Of(10490, "EUR"), o.Total)
	require.Equal(t, money.Of(1675, "EUR"), o.Tax, "10490 * 19 / 119")
	require.True(t, strings.HasPrefix(*o.Payment.ClientSecret, o.Payment.IntentID+"_secret_"))
	require.Empty(t, b.cart()["items"], "a checkout empties the cart")
	s.level(lamp, 5, 2, 0)
	require.Len(t, taskstest.Events[orders.Placed](t, s.db), 1)

	s.succeed(o.Payment.IntentID) // nobody asks: the webhook tells
	s.until("paid and fulfilled", func() bool {
		return b.read(o.ID).Status == "paid" && s.number(`SELECT count(*) FROM orders WHERE stock = 'sold'`) == 1
	})
	s.level(lamp, 3, 0, 2)
	require.Len(t, taskstest.Events[orders.Paid](t, s.db), 1)

	admin := "/v1/admin/orders/" + o.ID
	s.send(s.admin, "POST", admin+"/deliver", object{}).Want(409)
	parcel := object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}, "carrier": "DHL", "tracking_number": "1"}
	require.Equal(t, "partially_shipped", s.send(s.admin, "POST", admin+"/ship", parcel).Want(200).JSON()["status"])
	require.Equal(t, 409, b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Status)
	shipped := s.send(s.admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "2"}).Want(200).JSON()
	require.Equal(t, "shipped", shipped["status"])
	require.Nil(t, shipped["payment"].(object)["client_secret"], "the secret is the owner's")
	s.send(s.admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "3"}).Want(409)
	require.Equal(t, "delivered", s.send(s.admin, "POST", admin+"/deliver", nil).Want(200).JSON()["status"])
	require.Len(t, taskstest.Events[orders.Shipped](t, s.db), 2)
	require.Len(t, taskstest.Events[orders.Delivered](t, s.db), 1)
	var states []string
	for _, entry := range b.read(o.ID).History {
		states = append(states, entry.Status)
	}
	require.Equal(t, []string{"pending_payment", "paid", "partially_shipped", "shipped", "delivered"}, states)
	receipt, err := s.service.Receipt(t.Context(), uuid.MustParse(o.ID))
	require.NoError(t, err)
	require.Equal(t, o.Number, receipt.Number)
	require.Equal(t, int64(2), receipt.Lines[0].Quantity)
}

func TestCheckout_TheLastPieceGoesToOneOfAHundred(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp := s.lamp(1)
	buyers := make([]*buyer, 100)
	versions := make([]any, len(buyers))
	for i := range buyers {
		buyers[i] = s.buyer()
		versions[i] = buyers[i].put(lamp, 1)["version"]
	}
	var won, short atomic.Int64
	var all sync.WaitGroup
	for i, b := range buyers {
		all.Go(func() {
			switch answer := b.checkout(versions[i]); {
			case answer.Status == 201:
				won.Add(1)
			case answer.Status == 409 && answer.Code() == "orders.insufficient_stock":
				short.Add(1)
			default:
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 99, short.Load())
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM orders`))
	s.level(lamp, 1, 1, 0)
}

func TestCheckout_TenTimesUnderOneKeyIsOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(50), s.buyer()
	version := b.put(lamp, 1)["version"]
	var all sync.WaitGroup
	ids := make(chan string, 10)
	for range 10 {
		all.Go(func() {
			answer := b.checkout(version, "Idempotency-Key", "once")
			if answer.Status == 201 {
				ids <- apptest.Read[placed](answer).ID
			} else if answer.Code() != "idempotency.in_progress" {
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		})
	}
	all.Wait()
	close(ids)
	seen := map[string]bool{}
	for id := range ids {
		seen[id] = true
	}
	require.Len(t, seen, 1)
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM orders`))
	require.EqualValues(t, 1, s.number(`SELECT count(DISTINCT intent_id) FROM payments`))
	replay := b.checkout(version, "Idempotency-Key", "once").Want(201)
	require.Equal(t, "true", replay.Header.Get("Idempotent-Replayed"))
	require.Equal(t, 400, s.app.Do(t, apptest.Request{Method: "POST", Path: "/v1/checkout", Token: b.token, Body: object{"cart_version": version, "address_id": b.address}}).Status)
}

func TestCheckout_ChangesSinceTheCartWasShown(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, vase, b := s.lamp(5), s.shop.Add("Vase", money.Of(700, "EUR"), 5), s.buyer()
	shown := b.put(lamp, 2)["version"]

	b.put(vase, 1)
	changed := b.checkout(shown).Want(409)
	require.Equal(t, "orders.cart_changed", changed.Code())
	require.Equal(t, []any{object{"variant_id": vase.String(), "shown": 0.0, "quantity": 1.0}}, changed.JSON()["lines"])
	require.Equal(t, "orders.cart_changed", b.checkout("no version").Want(409).Code())

	shown = b.cart()["version"]
	s.shop.Reprice(lamp, money.Of(6000, "EUR"))
	repriced := b.checkout(shown).Want(409)
	require.Equal(t, "orders.price_changed", repriced.Code())
	require.Equal(t, []any{object{"variant_id": lamp.String(), "old_price": object{"amount": 5000.0, "currency": "EUR"}, "new_price": object{"amount": 6000.0, "currency": "EUR"}}}, repriced.JSON()["prices"])
	again := b.cart()
	require.Equal(t, []any{object{"code": "price_changed", "variant_id": lamp.String(), "old_price": object{"amount": 5000.0, "currency": "EUR"},
		"new_price": object{"amount": 6000.0, "currency": "EUR"}}}, again["problems"])
	require.Equal(t, again["version"], b.cart()["version"])

	b.put(vase, 9)
	short := b.checkout(b.cart()["version"]).Want(409)
	require.Equal(t, "orders.insufficient_stock", short.Code())
	require.Equal(t, []any{object{"variant_id": vase.String(), "requested": 9.0, "available": 5.0}}, short.JSON()["shortages"])
	require.Len(t, b.cart()["items"], 2, "a checkout that fails leaves the cart alone")

	b.put(vase, 1)
	o := apptest.Read[placed](b.checkout(b.cart()["version"]).Want(201))
	require.Equal(t, money.Of(12700, "EUR"), o.Total, "the new price is accepted with its version")
	require.Equal(t, "orders.cart_changed", b.checkout(again["version"]).Want(409).Code())
	require.Equal(t, "orders.cart_empty", b.checkout(b.cart()["version"]).Want(409).Code())
}

func TestCart(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, dollars, gone, b := s.lamp(3), s.shop.Add("Rug", money.Of(900, "USD"), 3), s.shop.Add("Mug", money.Of(100, "EUR"), 3), s.buyer()
	empty := b.cart()
	require.Equal(t, object{"version": empty["version"], "items": []any{}, "subtotal": object{"amount": 0.0, "currency": "EUR"}, "problems": []any{}}, empty)
	path := "/v1/cart/items/"
	s.app.Run(t,
		apptest.Scenario{Name: "nobody has a cart", Path: "/v1/cart", Status: 401},
		apptest.Scenario{Name: "a negative quantity", Token: b.token, Method: "PUT", Path: path + lamp.String(), Body: object{"quantity": -1}, Status: 422, Contains: []string{"/body/quantity"}},
		apptest.Scenario{Name: "too many", Token: b.token, Method: "PUT", Path: path + lamp.String(), Body: object{"quantity": 1000}, Status: 422},
		apptest.Scenario{Name: "half a piece", Token: b.token, Method: "PUT", Path: path + lamp.String(), Body: object{"quantity": 0.5}, Status: 422},
		apptest.Scenario{Name: "no quantity", Token: b.token, Method: "PUT", Path: path + lamp.String(), Body: object{}, Status: 422},
		apptest.Scenario{Name: "unknown variant", Token: b.token, Method: "PUT", Path: path + uuid.NewString(), Body: object{"quantity": 1}, Status: 404, Code: "products.not_found"},
		apptest.Scenario{Name: "malformed variant", Token: b.token, Method: "PUT", Path: path + "1", Body: object{"quantity": 1}, Status: 404},
	)
	b.put(lamp, 2)
	require.Len(t, b.put(lamp, 1)["items"], 1)
	require.EqualValues(t, 1, b.cart()["items"].([]any)[0].(object)["quantity"], "quantities are absolute")
	require.Empty(t, b.put(lamp, 0)["items"])
	b.put(lamp, 1)
	b.do("DELETE", path+lamp.String(), nil).Want(204)
	b.do("DELETE", path+lamp.String(), nil).Want(204)

	bulk := b.do("POST", "/v1/cart/items/bulk", object{"items": []object{
		{"variant_id": lamp, "quantity": 4}, {"variant_id": uuid.New(), "quantity": 1}, {"variant_id": dollars, "quantity": 1}, {"variant_id": gone, "quantity": 2},
	}}).Want(200).JSON()
	var statuses []any
	for _, outcome := range bulk["outcomes"].([]any) {
		statuses = append(statuses, outcome.(object)["status"])
	}
	require.Equal(t, []any{"added", "refused", "added", "added"}, statuses)
	require.Equal(t, "out_of_stock", bulk["outcomes"].([]any)[0].(object)["problem"].(object)["code"])

	require.Equal(t, "orders.currency_mismatch", b.checkout(b.cart()["version"]).Want(409).Code())
	b.put(dollars, 0)
	s.shop.Remove(gone)
	c := b.cart()
	require.Equal(t, []any{
		object{"code": "out_of_stock", "variant_id": lamp.String(), "available": 3.0}, object{"code": "discontinued", "variant_id": gone.String()},
	}, c["problems"])
	require.Equal(t, object{"amount": 20000.0, "currency": "EUR"}, c["subtotal"], "what cannot be bought is not counted")
	require.Equal(t, "Mug", c["items"].([]any)[1].(object)["product"].(object)["name"])
	require.Equal(t, "orders.discontinued", b.checkout(c["version"]).Want(409).Code())
}

func TestOthersSeeNothing(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b, thief := s.lamp(5), s.buyer(), s.buyer()
	o := b.order(lamp, 1)
	s.app.Run(t,
		apptest.Scenario{Name: "a foreign order", Token: thief.token, Path: "/v1/orders/" + o.ID, Status: 404, Code: "orders.not_found"},
		apptest.Scenario{Name: "a malformed one", Token: thief.token, Path: "/v1/orders/1", Status: 404, Code: "orders.not_found"},
		apptest.Scenario{Name: "paying it", Token: thief.token, Method: "POST", Path: "/v1/orders/" + o.ID + "/payment", Header: map[string]string{"Idempotency-Key": "a"}, Status: 404},
		apptest.Scenario{Name: "cancelling it", Token: thief.token, Method: "POST", Path: "/v1/orders/" + o.ID + "/cancel", Header: map[string]string{"Idempotency-Key": "b"}, Status: 404},
		apptest.Scenario{Name: "a foreign address", Token: thief.token, Method: "PATCH", Path: "/v1/me/addresses/" + b.address, Header: map[string]string{"If-Match": "*"}, Body: object{"city": "Rome"}, Status: 404},
		apptest.Scenario{Name: "deleting it", Token: thief.token, Method: "DELETE", Path: "/v1/me/addresses/" + b.address, Status: 404},
		apptest.Scenario{Name: "all orders", Token: thief.token, Path: "/v1/admin/orders", Status: 403},
		apptest.Scenario{Name: "shipping", Token: thief.token, Method: "POST", Path: "/v1/admin/orders/" + o.ID + "/ship", Body: object{}, Status: 403},
		apptest.Scenario{Name: "refunding without a fresh sign-in", Token: "stale-" + s.admin, Method: "POST", Path: "/v1/admin/orders/" + o.ID + "/refund", Header: map[string]string{"Idempotency-Key": "c"}, Body: object{"reason": "x"}, Status: 403, Code: "auth.reauth_required"},
	)
	version := thief.put(lamp, 1)["version"]
	sent := thief.do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.address}).Want(422)
	require.Contains(t, string(sent.Body), "/body/address_id")
	require.Empty(t, thief.do("GET", "/v1/orders", nil).Want(200).JSON()["items"])
	require.Len(t, b.do("GET", "/v1/orders", nil).Want(200).JSON()["items"], 1)
	require.Len(t, s.send(s.admin, "GET", "/v1/admin/orders?status=pending_payment", nil).Want(200).JSON()["items"], 1)
	require.Empty(t, s.send(s.admin, "GET", "/v1/admin/orders?status=paid", nil).Want(200).JSON()["items"])
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	first := b.do("GET", "/v1/me/addresses", nil).Want(200).JSON()["items"].([]any)[0].(object)
	require.Equal(t, true, first["is_default"], "the first one is the default")
	body := berlin()
	body["is_default"], body["line2"] = true, "rear building"
	second := b.do("POST", "/v1/me/addresses", body).Want(201).JSON()
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM addresses WHERE is_default`))
	path := "/v1/me/addresses/" + second["id"].(string)
	b.do("PATCH", path, object{"city": "Rome"}).Want(428)
	b.do("PATCH", path, object{"city": "Rome"}, "If-Match", `"9"`).Want(412)
	b.do("PATCH", path, object{"country": "XX"}, "If-Match", `"1"`).Want(422)
	edited := b.do("PATCH", path, object{"city": "Rome", "line2": "", "country": "IT"}, "If-Match", `"1"`).Want(200).JSON()
	require.Equal(t, "Rome", edited["city"])
	require.NotContains(t, edited, "line2")
	o := b.order(s.lamp(1), 1)
	b.do("DELETE", "/v1/me/addresses/"+b.address, nil).Want(204)
	require.Equal(t, "Berlin", b.do("GET", "/v1/orders/"+o.ID, nil).Want(200).JSON()["address"].(object)["city"], "an order keeps its copy")
	for _, missing := range []string{"name", "line1", "city", "postal_code", "country"} {
		bad := berlin()
		delete(bad, missing)
		require.Contains(t, string(b.do("POST", "/v1/me/addresses", bad).Want(422).Body), "/body")
	}
}

func TestCoupons(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp := s.lamp(50)
	made := s.send(s.admin, "POST", "/v1/admin/coupons", object{"code": "spring10", "percent": 10, "max_uses": 1}).Want(201).JSON()
	require.Equal(t, "SPRING10", made["code"])
	s.send(s.admin, "POST", "/v1/admin/coupons", object{"code": "SPRING10", "percent": 10}).Want(409)
	s.send(s.admin, "POST", "/v1/admin/coupons", object{"code": "BOTH", "percent": 10, "amount": object{"amount": 1, "currency": "EUR"}}).Want(422)

	var won, refused atomic.Int64
	var all sync.WaitGroup
	var winner atomic.Pointer[buyer]
	for range 20 {
		b := s.buyer()
		version := b.put(lamp, 1)["version"]
		all.Go(func() {
			answer := b.do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.address, "coupon": "Spring10"})
			switch {
			case answer.Status == 201:
				won.Add(1)
				winner.Store(b)
			case answer.Code() == "orders.coupon_exhausted":
				refused.Add(1)
			default:
				t.Errorf("%d %s", answer.Status, answer.Body)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 19, refused.Load())
	order := winner.Load().do("GET", "/v1/orders", nil).Want(200).JSON()["items"].([]any)[0].(object)
	require.Equal(t, object{"amount": 500.0, "currency": "EUR"}, order["discount"])
	require.Equal(t, object{"amount": 4500.0, "currency": "EUR"}, order["total"])
	winner.Load().do("POST", "/v1/orders/"+order["id"].(string)+"/cancel", nil).Want(200)
	require.Zero(t, s.number(`SELECT uses FROM coupons`), "a cancelled order gives its use back")
	b := s.buyer()
	version := b.put(lamp, 1)["version"]
	unknown := b.do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.address, "coupon": "NONE"}).Want(422)
	require.Contains(t, string(unknown.Body), "/body/coupon")
}

func TestAFreeOrderIsPaidAtOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	gift, b := s.shop.Add("Sample", money.Of(0, "EUR"), 2), s.buyer()
	o := b.order(gift, 1)
	require.Equal(t, "paid", o.Status)
	require.Nil(t, o.Payment.ClientSecret)
	s.work()
	s.level(gift, 1, 0, 1)
	require.Equal(t, "cancelled", b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200).JSON()["status"])
	s.level(gift, 2, 0, 0)
}

// Who has bought a product may review it: what counts is what was paid for and kept.
func TestBought(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(9), s.buyer()
	offers, err := s.shop.Offers(t.Context(), []uuid.UUID{lamp})
	require.NoError(t, err)
	product, store := offers[lamp].Product.ID, order.NewStore(s.db)
	bought := func(by *buyer) (ids []string) {
		t.Helper()
		lines, err := store.Bought(t.Context(), by.id, product)
		require.NoError(t, err)
		for _, id := range lines {
			ids = append(ids, id.String())
		}
		return ids
	}
	first, second := b.order(lamp, 2), b.order(lamp, 1)
	require.Empty(t, bought(b), "not paid yet")
	b.pay(first)
	b.pay(second)
	require.Equal(t, []string{first.Items[0].ID, second.Items[0].ID}, bought(b), "oldest first")
	require.Empty(t, bought(s.buyer()), "somebody else")
	refund := func(quantity int) {
		s.send(s.admin, "POST", "/v1/admin/orders/"+first.ID+"/refund",
			object{"lines": []object{{"item_id": first.Items[0].ID, "quantity": quantity}}, "reason": "broken"}).Want(201)
	}
	refund(1)
	require.Len(t, bought(b), 2, "one of two is still theirs")
	refund(1)
	require.Equal(t, []string{second.Items[0].ID}, bought(b))
	b.do("POST", "/v1/orders/"+second.ID+"/cancel", nil).Want(200)
	require.Empty(t, bought(b))
}
