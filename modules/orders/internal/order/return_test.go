package order_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/apptest"
	"atrium/platform/money"
)

func TestReturn_FromTheRequestToTheRefund(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(9), s.buyer()
	o := b.order(lamp, 3)
	b.pay(o)
	path := "/v1/orders/" + o.ID + "/returns"
	ask := func(n int, header ...string) *apptest.Response {
		return b.do("POST", path, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": n}}, "reason": "too large"}, header...)
	}
	require.Equal(t, "orders.wrong_state", ask(1).Want(409).Code(), "nothing was shipped yet")
	s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{
		"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}},
	}).Want(200)

	r := ask(1, "Idempotency-Key", "return").Want(201).JSON()
	require.Equal(t, "requested", r["status"])
	s.exec(`UPDATE idempotency_records SET status = NULL, headers = NULL, body = NULL, lease_until = now() WHERE key = 'return'`)
	require.Equal(t, r["id"], ask(1, "Idempotency-Key", "return").Want(201).JSON()["id"], "a repetition after a crash asks for nothing more")
	require.Equal(t, "orders.nothing_to_return", ask(2).Want(409).Code(), "one of the two is in a return already")
	second := ask(1).Want(201).JSON()

	admin := func(r object, step string, body object) *apptest.Response {
		return s.send(s.admin, "POST", "/v1/admin/returns/"+r["id"].(string)+"/"+step, body)
	}
	require.Equal(t, "rejected", admin(second, "reject", object{"note": "it was used"}).Want(200).JSON()["status"])
	admin(second, "approve", object{}).Want(409)
	admin(second, "receive", object{"restock": true}).Want(409)
	admin(r, "receive", object{"restock": true}).Want(409)
	require.Equal(t, "approved", admin(r, "approve", object{}).Want(200).JSON()["status"])
	require.EqualValues(t, 2, admin(r, "approve", object{}).Want(200).JSON()["version"], "approving twice is approving once")

	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { admin(r, "receive", object{"restock": true}).Want(200) })
	}
	all.Wait()
	s.work()
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM refunds`))
	require.EqualValues(t, 5000, s.number(`SELECT amount FROM refunds WHERE status = 'succeeded'`))
	require.Equal(t, "partially_refunded", b.read(o.ID).Status)
	s.level(lamp, 7, 0, 2)
	require.Subset(t, s.notes(o), []string{"a return was asked for", "the return was rejected", "the return was approved", "the return has arrived"})

	mine := b.do("GET", path, nil).Want(200).JSON()["items"].([]any)
	require.Len(t, mine, 2)
	require.Equal(t, "it was used", mine[0].(object)["note"])
	require.NotNil(t, mine[1].(object)["refund_id"])
	require.Len(t, s.send(s.admin, "GET", "/v1/admin/returns?status=received", nil).Want(200).JSON()["items"], 1)
	ask(2).Want(409)
	thief := s.buyer()
	thief.do("GET", path, nil).Want(404)
	thief.do("POST", path, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}, "reason": "mine"}).Want(404)
	thief.do("GET", "/v1/admin/returns", nil).Want(403)

	s.exec(`UPDATE shipments SET shipped_at = now() - interval '2 days'`)
	require.Equal(t, "orders.return_too_late", ask(1).Want(409).Code())
}

func TestPromotion_NeedsNoCode(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp := s.lamp(50)
	promote := func(body object) object { return s.send(s.admin, "POST", "/v1/admin/coupons", body).Want(201).JSON() }
	promote(object{"code": "TEN", "percent": 10, "automatic": true})
	big := promote(object{"code": "BIG", "percent": 50, "automatic": true, "max_uses_per_person": 1, "min_subtotal": money.Of(10000, "EUR")})
	promote(object{"code": "NAMED", "percent": 20, "max_uses_per_person": 1})
	b := s.buyer()
	total := func(quantity int, coupon string) any {
		body := object{"cart_version": b.put(lamp, quantity)["version"], "address_id": b.address}
		if coupon != "" {
			body["coupon"] = coupon
		}
		answer := b.do("POST", "/v1/checkout", body)
		if answer.Status != 201 {
			return answer.Code()
		}
		return apptest.Read[placed](answer).Total.Amount
	}
	require.EqualValues(t, 4500, total(1, ""), "below the minimum of the larger one")
	require.EqualValues(t, 5000, total(2, ""), "the larger one wins")
	require.EqualValues(t, 9000, total(2, ""), "once a person")
	require.EqualValues(t, 4000, total(1, "named"), "a named one goes first")
	require.Equal(t, "orders.coupon_exhausted", total(1, "named"))
	uses := func(code string) any {
		for _, c := range s.send(s.admin, "GET", "/v1/admin/coupons", nil).Want(200).JSON()["items"].([]any) {
			if c.(object)["code"] == code {
				return c.(object)["uses"]
			}
		}
		return nil
	}
	require.EqualValues(t, 2, uses("TEN"), "uses are counted without a limit, too")
	s.send(s.admin, "PATCH", "/v1/admin/coupons/"+big["id"].(string), object{"max_uses": 1}, "If-Match", "*").Want(200)
	require.EqualValues(t, 1, uses("BIG"), "a limit that comes later counts what was before")
	b = s.buyer()
	require.EqualValues(t, 9000, total(2, ""), "used up")
}

func TestPromotion_OfAPaidOrderIsGivenBackOnCancel(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	s.send(s.admin, "POST", "/v1/admin/coupons", object{"code": "ONCE", "percent": 10, "automatic": true, "max_uses": 1, "max_uses_per_person": 1}).Want(201)
	o := b.order(lamp, 1)
	require.EqualValues(t, 4500, o.Total.Amount)
	b.pay(o)
	b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
	b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
	require.Zero(t, s.number(`SELECT uses FROM coupons`))
	require.EqualValues(t, 4500, b.order(lamp, 1).Total.Amount)
}

// One person at many tills: the limit per person holds.
func TestPromotion_PerPersonAtOnce_Race(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp := s.lamp(500)
	s.send(s.admin, "POST", "/v1/admin/coupons", object{"code": "MINE", "percent": 10, "max_uses_per_person": 1}).Want(201)
	b := s.buyer()
	var won atomic.Int64
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() {
			answer := b.do("POST", "/v1/checkout", object{"cart_version": b.put(lamp, 1)["version"], "address_id": b.address, "coupon": "MINE"})
			if answer.Status == 201 {
				won.Add(1)
			}
		})
	}
	all.Wait()
	require.EqualValues(t, 1, won.Load())
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM coupon_uses`))
}
