package payment_test

import (
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/modules/orders/internal/payment"
	"atrium/platform/dbtest"
	psp "atrium/platform/payment"
	"atrium/platform/tasks/taskstest"
)

type object = map[string]any

func TestSettle_ManyAtOnceIsOnce(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 2)
	s.Succeed(o.Payment.IntentID)
	var all sync.WaitGroup
	for range 10 {
		all.Go(func() { b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200) })
		all.Go(func() { require.NoError(t, s.Payments.Settle(t.Context(), uuid.MustParse(o.ID))) })
	}
	for _, event := range s.Events(o.Payment.IntentID) {
		s.Post("/test/events/"+event+"/resend", object{})
	}
	all.Wait()
	s.Until("the webhooks have come", func() bool { return s.Number(`SELECT count(*) FROM payment_events`) >= 1 })
	require.Len(t, taskstest.Events[orders.Paid](t, s.DB), 1)
	require.Len(t, taskstest.Tasks[payment.Fulfil](t, s.DB), 1)
	s.Level(lamp, 3, 0, 2)
	require.EqualValues(t, 10000, s.Number(`SELECT sum(captured - refunded) FROM payments`))
}

func TestSettle_WhatWasNotAskedForGoesToReview(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	t.Run("another amount", func(t *testing.T) {
		o := b.Order(lamp, 1)
		s.API("/v1/payment_intents/"+o.Payment.IntentID, "amount=1")
		s.Succeed(o.Payment.IntentID)
		s.Until("in review", func() bool { return b.Read(o.ID).Status == "review" })
		b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(409)
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(409)
	})
	t.Run("another mode", func(t *testing.T) {
		o := b.Order(lamp, 1)
		s.Exec(`UPDATE payments SET live = true WHERE intent_id = ?`, o.Payment.IntentID)
		s.Succeed(o.Payment.IntentID)
		s.Until("in review", func() bool { return b.Read(o.ID).Status == "review" })
	})
	require.Empty(t, taskstest.Events[orders.Paid](t, s.DB))
}

// An intent that is open though its order is over, and that the provider does not let go, is asked to be cancelled once a call.
func TestSettle_AnIntentThatCannotBeCancelledIsLeftToTheNextCall(t *testing.T) {
	t.Parallel()
	s := moduletest.NewOn(t, dbtest.Clone(t))
	line, err := url.Parse(s.Line())
	require.NoError(t, err)
	proxy, cancels := httputil.NewSingleHostReverseProxy(line), atomic.Int32{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/cancel") {
			cancels.Add(1)
			http.Error(w, `{"error": {"type": "invalid_request_error"}}`, http.StatusBadRequest)
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.Open(server.URL)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(1), 1)
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes'`)
	require.NoError(t, s.Cancellations.Expire(t.Context(), uuid.MustParse(o.ID)), "its stock does not wait any longer")
	require.Equal(t, "expired", b.Read(o.ID).Status)
	before := cancels.Load()
	require.ErrorIs(t, s.Payments.Settle(t.Context(), uuid.MustParse(o.ID)), psp.ErrRefused)
	require.EqualValues(t, 1, cancels.Load()-before)
	s.Succeed(o.Payment.IntentID)
	s.Settle(o)
	require.Equal(t, "paid", b.Read(o.ID).Status, "its money reinstates the order all the same")
}

func TestSettle_AdoptsAnIntentWhoseAnswerWasLost(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(3), 1)
	s.Exec(`UPDATE payments SET intent_id = NULL, client_secret = NULL`)
	s.Succeed(o.Payment.IntentID)
	s.Until("paid", func() bool { return b.Read(o.ID).Status == "paid" })
	require.Equal(t, o.Payment.IntentID, b.Read(o.ID).Payment.IntentID)
}

func TestSettle_AnIntentThatTheProviderGaveUpIsFollowedByAnother(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(3), 1)
	s.API("/v1/payment_intents/"+o.Payment.IntentID+"/cancel", "")
	s.Until("given up", func() bool { return s.Text(`SELECT status FROM payments`) == "cancelled" })
	payment := b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200).JSON()
	require.NotEqual(t, o.Payment.IntentID, payment["intent_id"])
	s.Succeed(payment["intent_id"].(string))
	s.Until("paid", func() bool { return b.Read(o.ID).Status == "paid" })
}

func TestLatePayment(t *testing.T) {
	t.Parallel()
	// The provider is away when the order expires, so the intent stays open and can be paid.
	late := func(t *testing.T, stock int64, coupons ...object) (*moduletest.Bundle, *moduletest.Buyer, uuid.UUID, moduletest.Placed) {
		s := moduletest.New(t)
		s.SendEventsTo("")
		for _, c := range coupons {
			s.Send(s.Admin, "POST", "/v1/admin/coupons", c).Want(201)
		}
		lamp, b := s.Lamp(stock), s.NewBuyer()
		o := b.Order(lamp, 1)
		s.Down.Store(true)
		s.Exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes'`)
		require.NoError(t, s.Cancellations.Expire(t.Context(), uuid.MustParse(o.ID)))
		require.Equal(t, "expired", b.Read(o.ID).Status)
		s.Down.Store(false)
		return s, b, lamp, o
	}
	t.Run("takes the stock again", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 1)
		s.Succeed(o.Payment.IntentID)
		s.Settle(o)
		require.Equal(t, "paid", b.Read(o.ID).Status)
		s.Work()
		s.Level(lamp, 0, 0, 1)
	})
	t.Run("goes back where the stock is gone", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 1)
		other := s.NewBuyer()
		other.Pay(other.Order(lamp, 1))
		s.Succeed(o.Payment.IntentID)
		s.Settle(o)
		s.Work()
		require.Equal(t, "refunded", b.Read(o.ID).Status)
		s.Level(lamp, 0, 0, 1)
		require.EqualValues(t, 5000, s.Number(`SELECT sum(captured - refunded) FROM payments`))
		require.Len(t, taskstest.Events[orders.Refunded](t, s.DB), 1)
	})
	once := object{"code": "ONCE", "percent": 10, "automatic": true, "max_uses": 1}
	t.Run("takes the coupon again, which nobody else can use then", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 2, once)
		require.Zero(t, s.Number(`SELECT uses FROM coupons`))
		s.Succeed(o.Payment.IntentID)
		s.Settle(o)
		require.Equal(t, "paid", b.Read(o.ID).Status)
		require.EqualValues(t, 4500, b.Read(o.ID).Total.Amount)
		require.EqualValues(t, 1, s.Number(`SELECT uses FROM coupons`))
		require.EqualValues(t, 5000, s.NewBuyer().Order(lamp, 1).Total.Amount)
		b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		require.Zero(t, s.Number(`SELECT uses FROM coupons`), "and is given back once more")
		require.Zero(t, s.Number(`SELECT sum(uses) FROM coupon_people`))
	})
	t.Run("goes back where the coupon is used up", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := late(t, 2, once)
		other := s.NewBuyer()
		other.Pay(other.Order(lamp, 1))
		s.Succeed(o.Payment.IntentID)
		s.Settle(o)
		s.Work()
		require.Equal(t, "refunded", b.Read(o.ID).Status)
		require.EqualValues(t, 4500, s.Number(`SELECT sum(captured - refunded) FROM payments`))
		require.EqualValues(t, 1, s.Number(`SELECT uses FROM coupons`))
		s.Level(lamp, 1, 0, 1)
	})
	t.Run("an intent that was left open is cancelled by the sweep", func(t *testing.T) {
		t.Parallel()
		s, _, _, _ := late(t, 1)
		s.Exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
		require.Eventually(t, func() bool {
			return s.Reconciliation.Sweep(t.Context()) == nil && s.Text(`SELECT status FROM payments`) == "cancelled"
		},
			20*time.Second, 100*time.Millisecond)
	})
}

// Late money buys once: the lines that expiry gave back leave the cart.
func TestFault_O19_LateMoneyDoesNotLeaveTheLinesInTheCart(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	s.SendEventsTo("")
	lamp, vase, b := s.Lamp(5), s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 2)
	s.Down.Store(true)
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes'`)
	require.NoError(t, s.Cancellations.Expire(t.Context(), uuid.MustParse(o.ID)))
	s.Down.Store(false)
	require.Len(t, b.Cart()["items"], 1)
	b.Put(vase, 1)
	b.Put(lamp, 3) // one more than was ordered
	s.Succeed(o.Payment.IntentID)
	s.Settle(o)
	require.Equal(t, "paid", b.Read(o.ID).Status)
	left := map[any]any{}
	for _, item := range b.Cart()["items"].([]any) {
		left[item.(object)["variant_id"]] = item.(object)["quantity"]
	}
	require.Equal(t, map[any]any{vase.String(): 1.0, lamp.String(): 1.0}, left)
}
