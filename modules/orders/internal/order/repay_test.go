package order_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/order"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

// payBy pays an order by one of Stripe's test methods.
func (b *buyer) payBy(method string, o placed) {
	b.t.Helper()
	b.post("/test/payment_intents/"+o.Payment.IntentID+"/succeed?payment_method="+method, object{})
	b.do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
	require.Equal(b.t, "paid", b.read(o.ID).Status)
}

func (s *till) refund(o placed, body object, header ...string) object {
	s.t.Helper()
	body["reason"] = "broken"
	return s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", body, header...).Want(201).JSON()
}

func (s *till) notes(o placed) (notes []string) {
	s.t.Helper()
	require.NoError(s.t, s.db.Conn(s.t.Context()).Raw(`SELECT note FROM order_history WHERE order_id = ? ORDER BY id`, o.ID).Scan(&notes).Error)
	return notes
}

func TestRefund_IsDoneWhenTheBankSaysSo(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	o := b.order(lamp, 2)
	b.payBy("pm_card_pendingRefund", o)
	made := s.refund(o, object{"amount": money.Of(3000, "EUR")})
	s.work()
	status := func() string { return s.text(`SELECT status FROM refunds WHERE id = ?`, made["id"]) }
	require.Equal(t, "processing", status())
	require.Equal(t, "paid", b.read(o.ID).Status, "not before the money has gone")
	require.Empty(t, taskstest.Events[orders.Refunded](t, s.db))
	require.Contains(t, s.notes(o), "a refund of 30.00 EUR is on its way")

	atStripe := s.text(`SELECT provider_refund_id FROM refunds WHERE id = ?`, made["id"])
	s.post("/test/refunds/"+atStripe+"/succeed", object{})
	s.until("the webhook has told", func() bool { return status() == "succeeded" })
	require.Equal(t, "partially_refunded", b.read(o.ID).Status)
	require.Len(t, taskstest.Events[orders.Refunded](t, s.db), 1)

	s.post("/test/refunds/"+atStripe+"/fail", object{}) // days later the bank sends it back
	s.until("the failure is noticed", func() bool { return status() == "failed" })
	require.Contains(t, s.notes(o), "a refund of 30.00 EUR has failed")
	require.EqualValues(t, 10000, s.number(`SELECT captured - refunded FROM payments`), "the money is with us again")
	require.EqualValues(t, 1, s.alerts("refund_failed"))
	s.post("/test/refunds/"+atStripe+"/fail", object{})
	s.exec(`UPDATE refunds SET status = 'failed' WHERE id = ?`, made["id"])
	for _, event := range s.events(o.Payment.IntentID) {
		s.post("/test/events/"+event+"/resend", object{})
	}
	s.work()
	require.Equal(t, "failed", status(), "failed is final")

	all := s.refund(o, object{}) // people send it again
	require.EqualValues(t, 10000, all["amount"].(object)["amount"])
	s.work()
	s.post("/test/refunds/"+s.text(`SELECT provider_refund_id FROM refunds WHERE id = ?`, all["id"])+"/succeed", object{})
	s.until("refunded", func() bool { return b.read(o.ID).Status == "refunded" })
	s.level(lamp, 5, 0, 0)
}

func TestRefund_OfARefundedOrderThatFailedLaterCanBeSentAgain(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	o := b.order(s.lamp(5), 1)
	b.pay(o)
	s.refund(o, object{})
	s.work()
	require.Equal(t, "refunded", b.read(o.ID).Status)
	s.post("/test/refunds/"+s.text(`SELECT provider_refund_id FROM refunds`)+"/fail", object{})
	s.until("the failure is noticed", func() bool { return s.number(`SELECT captured - refunded FROM payments`) == 5000 })
	require.Equal(t, "refunded", b.read(o.ID).Status, "an order never goes back a step")
	s.refund(o, object{})
	s.work()
	require.Zero(t, s.number(`SELECT captured - refunded FROM payments`))
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM refunds WHERE status = 'succeeded'`))
}

func TestRefund_WhoseWebhookIsLostIsLookedAtBySweep(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.webhooks("")
	b := s.buyer()
	o := b.order(s.lamp(5), 1)
	b.payBy("pm_card_pendingRefund", o)
	s.refund(o, object{})
	s.work()
	s.post("/test/refunds/"+s.text(`SELECT provider_refund_id FROM refunds`)+"/succeed", object{})
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "paid", b.read(o.ID).Status, "it was looked at just now")
	s.exec(`UPDATE refunds SET checked_at = now() - interval '1 day'`)
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "refunded", b.read(o.ID).Status)
}

// After a day the provider has forgotten the key: a refund whose answer was lost must not be made again.
func TestRefund_IsNotSentTwiceAfterTheKeyIsForgotten(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.webhooks("")
	b := s.buyer()
	o := b.order(s.lamp(5), 1)
	b.pay(o)
	made := s.refund(o, object{"amount": money.Of(2000, "EUR")})
	s.api("/v1/refunds", "payment_intent="+o.Payment.IntentID+"&amount=2000&metadata[refund_id]="+made["id"].(string)) // under a key it has forgotten
	s.exec(`UPDATE refunds SET created_at = now() - interval '2 days'`)
	s.work()
	require.Equal(t, "partially_refunded", b.read(o.ID).Status)
	rest := s.refund(o, object{})
	s.work()
	require.Equal(t, "succeeded", s.text(`SELECT status FROM refunds WHERE id = ?`, rest["id"]), "only 20 euro had gone")
	require.Equal(t, "refunded", b.read(o.ID).Status)
}

func TestRefund_MadeAtTheProviderByHandIsInOurBooks(t *testing.T) {
	t.Parallel()
	s := setup(t)
	b := s.buyer()
	o := b.order(s.lamp(5), 1)
	b.pay(o)
	s.api("/v1/refunds", "payment_intent="+o.Payment.IntentID+"&amount=1500")
	s.until("it is ours", func() bool { return b.read(o.ID).Status == "partially_refunded" })
	require.EqualValues(t, 3500, s.number(`SELECT captured - refunded FROM payments`))
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM refunds`))
}

func TestRefund_OfShippedPiecesPutsThemBackIfAsked(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	o := b.order(lamp, 3)
	b.pay(o)
	s.send(s.admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200)
	line := func(n int) []object { return []object{{"item_id": o.Items[0].ID, "quantity": n}} }
	s.refund(o, object{"lines": line(1)})
	s.level(lamp, 2, 0, 3)
	s.refund(o, object{"lines": line(2), "restock": true})
	s.level(lamp, 4, 0, 1)
	s.work()
	require.Equal(t, "refunded", b.read(o.ID).Status)
}

func TestExpiry_WaitsForTheBank(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(5), s.buyer()
	o := b.order(lamp, 1)
	id := uuid.MustParse(o.ID)
	s.post("/test/payment_intents/"+o.Payment.IntentID+"/process", object{})
	s.exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes'`)
	require.NoError(t, s.service.Expire(t.Context(), id))
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "pending_payment", b.read(o.ID).Status, "the bank has not decided")
	s.level(lamp, 5, 1, 0)
	require.Contains(t, s.notes(o), "the bank is at work on the payment")

	s.post("/test/payment_intents/"+o.Payment.IntentID+"/fail", object{}) // it says no
	s.until("expired", func() bool { return s.service.Sweep(t.Context()) == nil && b.read(o.ID).Status == "expired" })
	s.level(lamp, 5, 0, 0)
	require.Equal(t, "cancelled", s.text(`SELECT status FROM payments`))

	paid := b.order(lamp, 1)
	s.post("/test/payment_intents/"+paid.Payment.IntentID+"/process", object{})
	s.exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes' WHERE id = ?`, paid.ID)
	require.NoError(t, s.service.Expire(t.Context(), uuid.MustParse(paid.ID)))
	s.succeed(paid.Payment.IntentID)
	s.until("paid", func() bool { return b.read(paid.ID).Status == "paid" })

	never := b.order(lamp, 1)
	s.post("/test/payment_intents/"+never.Payment.IntentID+"/process", object{})
	s.exec(`UPDATE orders SET reserved_until = now() - interval '25 hours' WHERE id = ?`, never.ID)
	require.NoError(t, s.service.Sweep(t.Context()))
	require.Equal(t, "expired", b.read(never.ID).Status, "not for ever")
	require.NoError(t, s.service.Settle(t.Context(), uuid.MustParse(never.ID)))
	s.succeed(never.Payment.IntentID)
	s.until("late money takes the stock again", func() bool { return b.read(never.ID).Status == "paid" })
}

// The job is late: time alone frees the stock for the next buyer, and whoever looks sees it.
func TestExpiry_ByTimeAlone(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, slow, quick := s.lamp(1), s.buyer(), s.buyer()
	o := slow.order(lamp, 1)
	version := quick.put(lamp, 1)["version"]
	require.Equal(t, "orders.insufficient_stock", quick.checkout(version).Want(409).Code())
	s.exec(`UPDATE orders SET reserved_until = now() - interval '1 second'`)
	quick.checkout(version).Want(201)
	require.Equal(t, "expired", slow.read(o.ID).Status)
	s.level(lamp, 1, 1, 0)

	s.exec(`UPDATE orders SET reserved_until = now() - interval '1 second' WHERE status = 'pending_payment'`)
	theirs := quick.do("GET", "/v1/orders", nil).Want(200).JSON()["items"].([]any)[0].(object)["id"].(string)
	require.Equal(t, "expired", quick.read(theirs).Status)
	s.level(lamp, 1, 0, 0)
	quick.do("POST", "/v1/orders/"+theirs+"/payment", nil).Want(200)
	require.Equal(t, "expired", quick.read(theirs).Status, "nothing is to be paid any more")
}

func TestReconcile(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.webhooks("")
	lamp, b := s.lamp(50), s.buyer()
	lost, refunded, cut := b.order(lamp, 1), b.order(lamp, 1), b.order(lamp, 1)
	s.succeed(lost.Payment.IntentID)
	b.payBy("pm_card_pendingRefund", refunded)
	s.refund(refunded, object{})
	s.work()
	s.post("/test/refunds/"+s.text(`SELECT provider_refund_id FROM refunds`)+"/succeed", object{})
	s.exec(`UPDATE payments SET intent_id = NULL, client_secret = NULL WHERE intent_id = ?`, cut.Payment.IntentID)
	s.succeed(cut.Payment.IntentID) // paid, though we never heard that the intent exists

	require.NoError(t, s.service.Reconcile(t.Context()))
	require.Equal(t, "paid", b.read(lost.ID).Status)
	require.Equal(t, "paid", b.read(cut.ID).Status)
	require.Equal(t, "refunded", b.read(refunded.ID).Status)
	require.EqualValues(t, 3, s.number(`SELECT mended FROM payment_reconciliations`))
	require.Zero(t, s.number(`SELECT drift FROM payment_reconciliations`))
	require.Zero(t, s.drift())

	s.api("/v1/payment_intents", "amount=77&currency=eur&metadata[order_id]="+uuid.NewString()+"&confirm=true&payment_method=pm_card_visa")
	s.exec(`UPDATE payments SET captured = captured + 1 WHERE intent_id = ?`, lost.Payment.IntentID)
	require.NoError(t, s.service.Reconcile(t.Context()))
	findings := s.text(`SELECT findings::text FROM payment_reconciliations ORDER BY id DESC LIMIT 1`)
	require.Contains(t, findings, "money without an order")
	require.Contains(t, findings, "payment differs")
	require.Contains(t, findings, "order does not balance")
	require.EqualValues(t, 3, s.drift())
	require.EqualValues(t, 3, s.alerts("drift"))
}

// A run that stops between its commit and its answer is repeated under the same key, and does nothing twice.
func TestRepetition_AfterACrashBetweenCommitAndAnswer(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b := s.lamp(9), s.buyer()
	// crashed makes the server forget its answer, as if it had died before keeping it; what it had attached stays.
	crashed := func(key string) {
		s.exec(`UPDATE idempotency_records SET status = NULL, headers = NULL, body = NULL, lease_until = now() WHERE key = ?`, key)
	}
	version := b.put(lamp, 3)["version"]
	first := b.checkout(version, "Idempotency-Key", "checkout").Want(201)
	o := order1(first.JSON())
	crashed("checkout")
	again := b.checkout(version, "Idempotency-Key", "checkout").Want(201)
	require.Equal(t, first.JSON(), again.JSON())
	require.Equal(t, first.Header.Get("Location"), again.Header.Get("Location"))
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM orders`))
	s.level(lamp, 9, 3, 0)

	p := b.read(o)
	b.pay(p)
	ship := func() object {
		return s.send(s.admin, "POST", "/v1/admin/orders/"+o+"/ship", object{
			"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": p.Items[0].ID, "quantity": 1}},
		}, "Idempotency-Key", "ship").Want(200).JSON()
	}
	shipped := ship()
	crashed("ship")
	require.Equal(t, shipped, ship())
	require.EqualValues(t, 1, s.number(`SELECT shipped FROM order_items`))
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM shipments`))
	require.Len(t, taskstest.Events[orders.Shipped](t, s.db), 1)

	refund := func() object {
		return s.refund(p, object{"lines": []object{{"item_id": p.Items[0].ID, "quantity": 1}}}, "Idempotency-Key", "refund")
	}
	refunded := refund()
	crashed("refund")
	require.Equal(t, refunded, refund())
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM refunds`))
	require.EqualValues(t, 1, s.number(`SELECT refunded FROM order_items`))
	require.Len(t, taskstest.Tasks[order.SendRefund](t, s.db), 1)
	require.EqualValues(t, 5000, s.number(`SELECT refunded FROM payments`))
}

func order1(body object) string { return body["id"].(string) }
