package order_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/platform/apptest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

func TestSettle_ManyAtOnceIsOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	o := b.order(lamp, 2)
	s.succeed(o.Payment.IntentID)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200) })
		all.Go(func() { require.NoError(t, s.service.Settle(t.Context(), uuid.MustParse(o.ID))) })
	}
	for _, event := range s.events(o.Payment.IntentID) {
		s.post("/test/events/"+event+"/resend", object{})
	}
	all.Wait()
	s.until("the webhooks have come", func() bool { return s.number(`SELECT count(*) FROM payment_events`) >= 2 })
	require.Len(t, taskstest.Events[orders.Paid](t, s.db), 1)
	require.Len(t, taskstest.Tasks[order.Fulfil](t, s.db), 1)
	s.level(lamp, 3, 0, 2)
	require.EqualValues(t, 10000, s.number(`SELECT sum(captured - refunded) FROM payments`))
}

func TestWebhook_IsNotBelievedWithoutItsSignature(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	o := b.order(s.lamp(5), 1)
	body := fmt.Sprintf(`{"id": "evt_1", "object": "event", "created": 1, "livemode": false, "type": "payment_intent.succeeded",
		"data": {"object": {"id": %q, "object": "payment_intent"}}}`, o.Payment.IntentID)
	send := func(body, signature string) *apptest.Response {
		return s.app.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/webhooks/stripe", Body: body, Header: map[string]string{"Stripe-Signature": signature}})
	}
	for name, signature := range map[string]string{
		"missing": "", "nonsense": "x", "another secret": signed(body, "whsec_other", time.Now()),
		"of another body": signed(body+" ", webhookSecret, time.Now()), "stale": signed(body, webhookSecret, time.Now().Add(-6*time.Minute)),
	} {
		require.Equal(t, "orders.invalid_signature", send(body, signature).Want(400).Code(), name)
	}
	require.Equal(t, 413, send(strings.Repeat(" ", 256<<10+1), "x").Status)
	require.Zero(t, s.number(`SELECT count(*) FROM payment_events WHERE event_id = 'evt_1'`), "nothing is touched")

	s.exec(`ALTER TABLE payment_events RENAME TO elsewhere`) // as if the database were down: the provider comes again
	require.GreaterOrEqual(t, send(body, signed(body, webhookSecret, time.Now())).Status, 500)
	require.Equal(t, 400, send(body, "x").Status, "the signature comes before the database")
	s.exec(`ALTER TABLE elsewhere RENAME TO payment_events`)
	send(body, signed(body, webhookSecret, time.Now())).Want(200)
	send(body, signed(body, webhookSecret, time.Now())).Want(200)
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM payment_events WHERE event_id = 'evt_1'`))
	s.work()
	require.Equal(t, "pending_payment", b.read(o.ID).Status, "the provider is asked, and says that nobody has paid")
	unknown := `{"id": "evt_2", "object": "event", "created": 1, "livemode": false, "type": "customer.created", "data": {"object": {"id": "cus_1", "object": "customer"}}}`
	send(unknown, signed(unknown, webhookSecret, time.Now())).Want(200)
}

func signed(body, key string, at time.Time) string {
	mac := hmac.New(sha256.New, []byte(key))
	fmt.Fprintf(mac, "%d.%s", at.Unix(), body)
	return fmt.Sprintf("t=%d,v1=%s", at.Unix(), hex.EncodeToString(mac.Sum(nil)))
}

func TestSettle_WhatWasNotAskedForGoesToReview(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	t.Run("another amount", func(t *testing.T) {
		o := b.order(lamp, 1)
		s.api("/v1/payment_intents/"+o.Payment.IntentID, "amount=1")
		s.succeed(o.Payment.IntentID)
		s.until("in review", func() bool { return b.read(o.ID).Status == "review" })
		b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(409)
		s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(409)
	})
	t.Run("another mode", func(t *testing.T) {
		o := b.order(lamp, 1)
		s.exec(`UPDATE payments SET live = true WHERE intent_id = ?`, o.Payment.IntentID)
		s.succeed(o.Payment.IntentID)
		s.until("in review", func() bool { return b.read(o.ID).Status == "review" })
	})
	require.Empty(t, taskstest.Events[orders.Paid](t, s.db))
}

func TestExpiry_GivesEverythingBackOnce(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	o := b.order(lamp, 2)
	s.work()
	require.Equal(t, "pending_payment", b.read(o.ID).Status)
	b.put(lamp, 1)
	s.expire()
	s.work()
	id := uuid.MustParse(o.ID)
	require.NoError(t, s.service.Expire(t.Context(), id))
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "expired", b.read(o.ID).Status)
	s.level(lamp, 5, 0, 0)
	require.EqualValues(t, 2, b.cart()["items"].([]any)[0].(object)["quantity"], "the cart has its lines again, not added up")
	require.Len(t, taskstest.Events[orders.Expired](t, s.db), 1)
	require.Equal(t, "cancelled", s.text(`SELECT status FROM payments`), "the intent cannot be paid any more")
	b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
	require.Equal(t, "expired", b.read(o.ID).Status)
}

func (s *till) text(sql string, args ...any) (text string) {
	s.t.Helper()
	require.NoError(s.t, s.db.Conn(s.t.Context()).Raw(sql, args...).Scan(&text).Error)
	return text
}

func TestExpiry_OfAnOrderThatWasPaidMeanwhileSettlesIt(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.webhooks("") // the webhook is lost
	lamp, b := s.lamp(5), s.buyer()
	o := b.order(lamp, 1)
	s.succeed(o.Payment.IntentID)
	s.expire()
	s.work()
	require.Equal(t, "paid", b.read(o.ID).Status)
	s.level(lamp, 4, 0, 1)
}

func TestLatePayment(t *testing.T) {
	t.Parallel()
	// The provider is away when the order expires, so the intent stays open and can be paid.
	late := func(t *testing.T, stock int64, coupons ...object) (*till, *buyer, uuid.UUID, placed) {
		s := setup(t)
		s.webhooks("")
		for _, c := range coupons {
			s.send(s.admin, "POST", "/v1/admin/coupons", c).Want(201)
		}
		lamp, b := s.lamp(stock), s.buyer()
		o := b.order(lamp, 1)
		s.down.Store(true)
		s.exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes'`)
		require.NoError(t, s.service.Expire(t.Context(), uuid.MustParse(o.ID)))
		require.Equal(t, "expired", b.read(o.ID).Status)
		s.down.Store(false)
		return s, b, lamp, o
	}
	t.Run("takes the stock again", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 1)
		s.succeed(o.Payment.IntentID)
		s.settle(o)
		require.Equal(t, "paid", b.read(o.ID).Status)
		s.work()
		s.level(lamp, 0, 0, 1)
	})
	t.Run("goes back where the stock is gone", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 1)
		other := s.buyer()
		other.pay(other.order(lamp, 1))
		s.succeed(o.Payment.IntentID)
		s.settle(o)
		s.work()
		require.Equal(t, "refunded", b.read(o.ID).Status)
		s.level(lamp, 0, 0, 1)
		require.EqualValues(t, 5000, s.number(`SELECT sum(captured - refunded) FROM payments`))
		require.Len(t, taskstest.Events[orders.Refunded](t, s.db), 1)
	})
	once := object{"code": "ONCE", "percent": 10, "automatic": true, "max_uses": 1}
	t.Run("takes the coupon again, which nobody else can use then", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 2, once)
		require.Zero(t, s.number(`SELECT uses FROM coupons`))
		s.succeed(o.Payment.IntentID)
		s.settle(o)
		require.Equal(t, "paid", b.read(o.ID).Status)
		require.EqualValues(t, 4500, b.read(o.ID).Total.Amount)
		require.EqualValues(t, 1, s.number(`SELECT uses FROM coupons`))
		require.EqualValues(t, 5000, s.buyer().order(lamp, 1).Total.Amount)
		b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		require.Zero(t, s.number(`SELECT uses FROM coupons`), "and is given back once more")
		require.Zero(t, s.number(`SELECT sum(uses) FROM coupon_people`))
	})
	t.Run("goes back where the coupon is used up", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 2, once)
		other := s.buyer()
		other.pay(other.order(lamp, 1))
		s.succeed(o.Payment.IntentID)
		s.settle(o)
		s.work()
		require.Equal(t, "refunded", b.read(o.ID).Status)
		require.EqualValues(t, 4500, s.number(`SELECT sum(captured - refunded) FROM payments`))
		require.EqualValues(t, 1, s.number(`SELECT uses FROM coupons`))
		s.level(lamp, 1, 0, 1)
	})
	t.Run("an intent that was left open is cancelled by the sweep", func(t *testing.T) {
		t.Parallel()
		s, _, _, _ := late(t, 1)
		s.exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
		require.Eventually(t, func() bool {
			return s.service.Sweep(t.Context()) == nil && s.text(`SELECT status FROM payments`) == "cancelled"
		},
			20*time.Second, 100*time.Millisecond)
	})
}

// settle asks the provider about an order, as soon as it can be asked again.
func (s *till) settle(o placed) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { return s.service.Settle(s.t.Context(), uuid.MustParse(o.ID)) == nil }, 20*time.Second, 50*time.Millisecond)
}

func TestSweep_FindsALostWebhook(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.webhooks("")
	b := s.buyer()
	o := b.order(s.lamp(1), 1)
	s.succeed(o.Payment.IntentID)
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "pending_payment", b.read(o.ID).Status, "it was looked at just now")
	s.exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "paid", b.read(o.ID).Status)
}

func TestOutage_AtCheckoutHealsWithThePayment(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	lamp := s.lamp(3)
	version := b.put(lamp, 1)["version"]
	s.down.Store(true)
	o := apptest.Read[placed](b.checkout(version).Want(201))
	require.Nil(t, o.Payment.ClientSecret)
	require.Equal(t, "pending_payment", o.Status)
	b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(503)
	s.down.Store(false)
	var paid object
	require.Eventually(t, func() bool {
		answer := b.do("POST", "/v1/orders/"+o.ID+"/payment", nil)
		return answer.Status == 200 && func() bool { paid = answer.JSON(); return true }()
	}, 20*time.Second, 100*time.Millisecond)
	require.NotNil(t, paid["client_secret"])
	s.succeed(paid["intent_id"].(string))
	s.until("paid", func() bool { return b.read(o.ID).Status == "paid" })
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM payments`))
}

func TestSettle_AdoptsAnIntentWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	o := b.order(s.lamp(3), 1)
	s.exec(`UPDATE payments SET intent_id = NULL, client_secret = NULL`)
	s.succeed(o.Payment.IntentID)
	s.until("paid", func() bool { return b.read(o.ID).Status == "paid" })
	require.Equal(t, o.Payment.IntentID, b.read(o.ID).Payment.IntentID)
}

func TestSettle_AnIntentThatTheProviderGaveUpIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	o := b.order(s.lamp(3), 1)
	s.api("/v1/payment_intents/"+o.Payment.IntentID+"/cancel", "")
	s.until("given up", func() bool { return s.text(`SELECT status FROM payments`) == "cancelled" })
	payment := b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200).JSON()
	require.NotEqual(t, o.Payment.IntentID, payment["intent_id"])
	s.succeed(payment["intent_id"].(string))
	s.until("paid", func() bool { return b.read(o.ID).Status == "paid" })
}

func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("unpaid: everything is given back", func(t *testing.T) {
		t.Parallel()
		s := setup(t)
		lamp, b := s.lamp(5), s.buyer()
		o := b.order(lamp, 2)
		require.Equal(t, "cancelled", b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200).JSON()["status"])
		b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		s.level(lamp, 5, 0, 0)
		require.Len(t, b.cart()["items"], 1)
		require.Len(t, taskstest.Events[orders.Cancelled](t, s.db), 1)
		s.expire()
		s.work()
		s.level(lamp, 5, 0, 0)
	})
	t.Run("paid: refunded once, and back on the shelf", func(t *testing.T) {
		t.Parallel()
		s := setup(t)
		lamp, b := s.lamp(5), s.buyer()
		o := b.order(lamp, 2)
		b.pay(o)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200) })
		}
		all.Wait()
		s.work()
		require.Equal(t, "cancelled", b.read(o.ID).Status)
		s.level(lamp, 5, 0, 0)
		require.EqualValues(t, 1, s.number(`SELECT count(*) FROM refunds WHERE status = 'succeeded' AND amount = 10000`))
		require.EqualValues(t, 1, s.number(`SELECT count(*) FROM refunds`))
		require.Empty(t, b.cart()["items"], "what was paid is not wished for again")
	})
	t.Run("paid, before its job has run", func(t *testing.T) {
		t.Parallel()
		s := setup(t)
		s.webhooks("")
		lamp, b := s.lamp(5), s.buyer()
		o := b.order(lamp, 2)
		s.succeed(o.Payment.IntentID)
		b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
		b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		s.work()
		s.level(lamp, 5, 0, 0)
	})
	t.Run("paid in the same moment: refunded", func(t *testing.T) {
		t.Parallel()
		s := setup(t)
		s.webhooks("")
		lamp, b := s.lamp(5), s.buyer()
		o := b.order(lamp, 2)
		s.succeed(o.Payment.IntentID)
		require.Equal(t, "cancelled", b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200).JSON()["status"])
		s.work()
		s.level(lamp, 5, 0, 0)
		require.Zero(t, s.number(`SELECT sum(captured - refunded) FROM payments`))
		require.EqualValues(t, 10000, s.number(`SELECT sum(captured) FROM payments`))
	})
	t.Run("while the provider is away: money that comes later goes back", func(t *testing.T) {
		t.Parallel()
		s := setup(t)
		lamp, b := s.lamp(5), s.buyer()
		o := b.order(lamp, 1)
		s.down.Store(true)
		b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		s.down.Store(false)
		s.succeed(o.Payment.IntentID)
		s.eventually("it is back", func() bool { return s.number(`SELECT count(*) FROM refunds WHERE status = 'succeeded'`) == 1 })
		require.Equal(t, "cancelled", b.read(o.ID).Status)
		s.level(lamp, 5, 0, 0)
	})
}

// eventually is until for jobs that may fail while the provider's breaker is open.
func (s *till) eventually(what string, condition func() bool) {
	s.t.Helper()
	require.Eventually(s.t, func() bool { taskstest.Try(s.t, s.db, s.handlers...); return condition() }, 20*time.Second, 50*time.Millisecond, what)
}

func TestRefund(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(9), s.buyer()
	refund := func(o placed, body object) *apptest.Response {
		body["reason"] = "broken"
		return s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", body)
	}
	t.Run("of lines that were not shipped puts them back", func(t *testing.T) {
		o := b.order(lamp, 3)
		refund(o, object{}).Want(409)
		b.pay(o)
		lines := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
		r := refund(o, object{"lines": lines}).Want(201).JSON()
		require.Equal(t, object{"amount": 5000.0, "currency": "EUR"}, r["amount"])
		s.work()
		require.Equal(t, "partially_refunded", b.read(o.ID).Status)
		s.level(lamp, 7, 0, 2)
		s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 3}}, "carrier": "DHL", "tracking_number": "1"}).Want(409)
		require.Equal(t, "shipped", s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200).JSON()["status"])
		refund(o, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 3}}}).Want(409)
		require.EqualValues(t, 10000, refund(o, object{}).Want(201).JSON()["amount"].(object)["amount"])
		s.work()
		require.Equal(t, "refunded", b.read(o.ID).Status)
		s.level(lamp, 7, 0, 2)
		refund(o, object{}).Want(409)
	})
	t.Run("two at once never exceed what was captured", func(t *testing.T) {
		o := b.order(lamp, 1)
		b.pay(o)
		var made, refused atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				switch refund(o, object{"amount": money.Of(3000, "EUR")}).Status {
				case 201:
					made.Add(1)
				case 409:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, made.Load())
		require.EqualValues(t, 9, refused.Load())
		require.Error(t, s.db.Conn(t.Context()).Exec(`UPDATE payments SET refunded = captured + 1`).Error, "the database does not let it")
	})
	t.Run("bad input", func(t *testing.T) {
		o := b.order(lamp, 1)
		b.pay(o)
		require.Equal(t, 422, refund(o, object{"amount": money.Of(1, "USD")}).Status)
		require.Equal(t, 422, refund(o, object{"amount": money.Of(0, "EUR")}).Status)
		require.Equal(t, 422, refund(o, object{"lines": []object{{"item_id": uuid.New(), "quantity": 1}}}).Status)
		require.Equal(t, 422, refund(o, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}, "amount": money.Of(1, "EUR")}).Status)
		require.Equal(t, 404, refund(placed{ID: uuid.NewString()}, object{}).Status)
	})
}
