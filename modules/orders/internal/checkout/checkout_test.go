package checkout_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/modules/orders/internal/refund"
	"atrium/platform/apptest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

type object = map[string]any

func TestCheckout_TheLastPieceGoesToOneOfAHundred(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp := s.Lamp(1)
	buyers := make([]*moduletest.Buyer, 100)
	versions := make([]any, len(buyers))
	for i := range buyers {
		buyers[i] = s.NewBuyer()
		versions[i] = buyers[i].Put(lamp, 1)["version"]
	}
	var won, short atomic.Int64
	var all sync.WaitGroup
	for i, b := range buyers {
		all.Go(func() {
			switch answer := b.Checkout(versions[i]); {
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
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM orders`))
	s.Level(lamp, 1, 1, 0)
}

func TestCheckout_TenTimesUnderOneKeyIsOnce(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(50), s.NewBuyer()
	version := b.Put(lamp, 1)["version"]
	var all sync.WaitGroup
	ids := make(chan string, 10)
	for range 10 {
		all.Go(func() {
			answer := b.Checkout(version, "Idempotency-Key", "once")
			if answer.Status == 201 {
				ids <- apptest.Read[moduletest.Placed](answer).ID
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
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM orders`))
	require.EqualValues(t, 1, s.Number(`SELECT count(DISTINCT intent_id) FROM payments`))
	replay := b.Checkout(version, "Idempotency-Key", "once").Want(201)
	require.Equal(t, "true", replay.Header.Get("Idempotent-Replayed"))
	require.Equal(t, 400, s.App.Do(t, apptest.Request{Method: "POST", Path: "/v1/checkout", Token: b.Token, Body: object{"cart_version": version, "address_id": b.Address}}).Status)
}

func TestCheckout_ChangesSinceTheCartWasShown(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, vase, b := s.Lamp(5), s.Shop.Add("Vase", money.Of(700, "EUR"), 5), s.NewBuyer()
	shown := b.Put(lamp, 2)["version"]

	b.Put(vase, 1)
	changed := b.Checkout(shown).Want(409)
	require.Equal(t, "orders.cart_changed", changed.Code())
	require.Equal(t, []any{object{"variant_id": vase.String(), "shown": 0.0, "quantity": 1.0}}, changed.JSON()["lines"])
	require.Equal(t, "orders.cart_changed", b.Checkout("no version").Want(409).Code())

	shown = b.Cart()["version"]
	s.Shop.Reprice(lamp, money.Of(6000, "EUR"))
	repriced := b.Checkout(shown).Want(409)
	require.Equal(t, "orders.price_changed", repriced.Code())
	require.Equal(t, []any{object{"variant_id": lamp.String(), "old_price": object{"amount": 5000.0, "currency": "EUR"}, "new_price": object{"amount": 6000.0, "currency": "EUR"}}}, repriced.JSON()["prices"])
	again := b.Cart()
	require.Equal(t, []any{object{"code": "price_changed", "variant_id": lamp.String(), "old_price": object{"amount": 5000.0, "currency": "EUR"},
		"new_price": object{"amount": 6000.0, "currency": "EUR"}}}, again["problems"])
	require.Equal(t, again["version"], b.Cart()["version"])

	b.Put(vase, 9)
	short := b.Checkout(b.Cart()["version"]).Want(409)
	require.Equal(t, "orders.insufficient_stock", short.Code())
	require.Equal(t, []any{object{"variant_id": vase.String(), "requested": 9.0, "available": 5.0}}, short.JSON()["shortages"])
	require.Len(t, b.Cart()["items"], 2, "a checkout that fails leaves the cart alone")

	b.Put(vase, 1)
	o := apptest.Read[moduletest.Placed](b.Checkout(b.Cart()["version"]).Want(201))
	require.Equal(t, money.Of(12700, "EUR"), o.Total, "the new price is accepted with its version")
	require.Equal(t, "orders.cart_changed", b.Checkout(again["version"]).Want(409).Code())
	require.Equal(t, "orders.cart_empty", b.Checkout(b.Cart()["version"]).Want(409).Code())
}

func TestAFreeOrderIsPaidAtOnce(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	gift, b := s.Shop.Add("Sample", money.Of(0, "EUR"), 2), s.NewBuyer()
	o := b.Order(gift, 1)
	require.Equal(t, "paid", o.Status)
	require.Nil(t, o.Payment.ClientSecret)
	s.Work()
	s.Level(gift, 1, 0, 1)
	require.Equal(t, "cancelled", b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200).JSON()["status"])
	s.Level(gift, 2, 0, 0)
}

func TestOutage_AtCheckoutHealsWithThePayment(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	lamp := s.Lamp(3)
	version := b.Put(lamp, 1)["version"]
	s.Down.Store(true)
	o := apptest.Read[moduletest.Placed](b.Checkout(version).Want(201))
	require.Nil(t, o.Payment.ClientSecret)
	require.Equal(t, "pending_payment", o.Status)
	b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(503)
	s.Down.Store(false)
	var paid object
	require.Eventually(t, func() bool {
		answer := b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil)
		return answer.Status == 200 && func() bool { paid = answer.JSON(); return true }()
	}, 20*time.Second, 100*time.Millisecond)
	require.NotNil(t, paid["client_secret"])
	s.Succeed(paid["intent_id"].(string))
	s.Until("paid", func() bool { return b.Read(o.ID).Status == "paid" })
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM payments`))
}

// A run that stops between its commit and its answer is repeated under the same key, and does nothing twice.
func TestRepetition_AfterACrashBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(9), s.NewBuyer()
	// crashed makes the server forget its answer, as if it had died before keeping it; what it had attached stays.
	crashed := func(key string) {
		s.Exec(`UPDATE idempotency_records SET status = NULL, headers = NULL, body = NULL, lease_until = now() WHERE key = ?`, key)
	}
	version := b.Put(lamp, 3)["version"]
	first := b.Checkout(version, "Idempotency-Key", "checkout").Want(201)
	o := first.JSON()["id"].(string)
	crashed("checkout")
	again := b.Checkout(version, "Idempotency-Key", "checkout").Want(201)
	require.Equal(t, first.JSON(), again.JSON())
	require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM orders`))
	s.Level(lamp, 9, 3, 0)

	p := b.Read(o)
	b.Pay(p)
	ship := func() object {
		return s.Send(s.Admin, "POST", "/v1/admin/orders/"+o+"/ship", object{
			"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": p.Items[0].ID, "quantity": 1}},
		}, "Idempotency-Key", "ship").Want(200).JSON()
	}
	shipped := ship()
	crashed("ship")
	require.Equal(t, shipped, ship())
	require.EqualValues(t, 1, s.Number(`SELECT shipped FROM order_items`))
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM shipments`))
	require.Len(t, taskstest.Events[orders.Shipped](t, s.DB), 1)

	refundOnce := func() object {
		return s.Refund(p, object{"lines": []object{{"item_id": p.Items[0].ID, "quantity": 1}}}, "Idempotency-Key", "refund")
	}
	refunded := refundOnce()
	crashed("refund")
	require.Equal(t, refunded, refundOnce())
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds`))
	require.EqualValues(t, 1, s.Number(`SELECT refunded FROM order_items`))
	require.Len(t, taskstest.Tasks[refund.SendRefund](t, s.DB), 1)
	require.EqualValues(t, 5000, s.Number(`SELECT refunded FROM payments`))
}

// What the provider would never take is refused before anything is set aside for it.
func TestFault_O15_TotalsThatCannotBePaid(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	for name, price := range map[string]money.Money{
		"too little": money.Of(49, "EUR"), "too much": money.Of(100_000_000, "EUR"), "finer than the provider's unit": money.Of(1231, "KWD"),
		"in a currency of the past": money.Of(5000, "DEM"), "in gold": money.Of(5000, "XAU"), "in none": money.Of(5000, "XXX"),
	} {
		thing, b := s.Lamp(5), s.NewBuyer()
		s.Exec(`UPDATE product_variants SET price_amount = ?, price_currency = ? WHERE id = ?`, price.Amount, price.Currency, thing)
		require.Equal(t, "payment.amount", b.Checkout(b.Put(thing, 1)["version"]).Want(422).Code(), name)
		s.Level(thing, 5, 0, 0)
		require.Len(t, b.Cart()["items"], 1, "the cart is as it was")
	}
	require.Zero(t, s.Number(`SELECT count(*) FROM orders`))
}
