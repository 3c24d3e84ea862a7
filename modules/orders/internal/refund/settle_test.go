package refund_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

func TestRefund_IsDoneWhenTheBankSaysSo(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 2)
	b.PayBy("pm_card_pendingRefund", o)
	made := s.Refund(o, object{"amount": money.Of(3000, "EUR")})
	s.Work()
	status := func() string { return s.Text(`SELECT status FROM refunds WHERE id = ?`, made["id"]) }
	require.Equal(t, "processing", status())
	require.Equal(t, "paid", b.Read(o.ID).Status, "not before the money has gone")
	require.Empty(t, taskstest.Events[orders.Refunded](t, s.DB))
	require.Contains(t, s.Notes(o), "a refund of 30.00 EUR is on its way")

	atStripe := s.Text(`SELECT provider_refund_id FROM refunds WHERE id = ?`, made["id"])
	s.Post("/test/refunds/"+atStripe+"/succeed", object{})
	s.Until("the webhook has told", func() bool { return status() == "succeeded" })
	require.Equal(t, "partially_refunded", b.Read(o.ID).Status)
	require.Len(t, taskstest.Events[orders.Refunded](t, s.DB), 1)

	s.Post("/test/refunds/"+atStripe+"/fail", object{}) // days later the bank sends it back
	s.Until("the failure is noticed", func() bool { return status() == "failed" })
	require.Contains(t, s.Notes(o), "a refund of 30.00 EUR has failed")
	require.EqualValues(t, 10000, s.Number(`SELECT captured - refunded FROM payments`), "the money is with us again")
	require.EqualValues(t, 1, s.Alerts("refund_failed"))
	s.Post("/test/refunds/"+atStripe+"/fail", object{})
	s.Exec(`UPDATE refunds SET status = 'failed' WHERE id = ?`, made["id"])
	for _, event := range s.Events(o.Payment.IntentID) {
		s.Post("/test/events/"+event+"/resend", object{})
	}
	s.Work()
	require.Equal(t, "failed", status(), "failed is final")

	all := s.Refund(o, object{}) // people send it again
	require.EqualValues(t, 10000, all["amount"].(object)["amount"])
	s.Work()
	s.Post("/test/refunds/"+s.Text(`SELECT provider_refund_id FROM refunds WHERE id = ?`, all["id"])+"/succeed", object{})
	s.Until("refunded", func() bool { return b.Read(o.ID).Status == "refunded" })
	s.Level(lamp, 5, 0, 0)
}

func TestRefund_OfARefundedOrderThatFailedLaterCanBeSentAgain(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 1)
	b.Pay(o)
	s.Refund(o, object{})
	s.Work()
	require.Equal(t, "refunded", b.Read(o.ID).Status)
	s.Post("/test/refunds/"+s.Text(`SELECT provider_refund_id FROM refunds`)+"/fail", object{})
	s.Until("the failure is noticed", func() bool { return s.Number(`SELECT captured - refunded FROM payments`) == 5000 })
	require.Equal(t, "refunded", b.Read(o.ID).Status, "an order never goes back a step")
	s.Refund(o, object{})
	s.Work()
	require.Zero(t, s.Number(`SELECT captured - refunded FROM payments`))
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds WHERE status = 'succeeded'`))
}

// After a day the provider has forgotten the key: a refund whose answer was lost must not be made again.
func TestRefund_IsNotSentTwiceAfterTheKeyIsForgotten(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	s.SendEventsTo("")
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 1)
	b.Pay(o)
	made := s.Refund(o, object{"amount": money.Of(2000, "EUR")})
	s.API("/v1/refunds", "payment_intent="+o.Payment.IntentID+"&amount=2000&metadata[refund_id]="+made["id"].(string)) // under a key it has forgotten
	s.Exec(`UPDATE refunds SET created_at = now() - interval '2 days'`)
	s.Work()
	require.Equal(t, "partially_refunded", b.Read(o.ID).Status)
	rest := s.Refund(o, object{})
	s.Work()
	require.Equal(t, "succeeded", s.Text(`SELECT status FROM refunds WHERE id = ?`, rest["id"]), "only 20 euro had gone")
	require.Equal(t, "refunded", b.Read(o.ID).Status)
}

func TestRefund_MadeAtTheProviderByHandIsInOurBooks(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 1)
	b.Pay(o)
	s.API("/v1/refunds", "payment_intent="+o.Payment.IntentID+"&amount=1500")
	s.Until("it is ours", func() bool { return b.Read(o.ID).Status == "partially_refunded" })
	require.EqualValues(t, 3500, s.Number(`SELECT captured - refunded FROM payments`))
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds`))
}

// What was never shipped goes back on the shelf, whoever refunded the order, and by whichever way.
func TestFault_O4_AWhollyRefundedOrderKeepsNothingOfTheShelf(t *testing.T) {
	t.Parallel()
	for name, refund := range map[string]func(*moduletest.Bundle, moduletest.Placed){
		"by its amount": func(s *moduletest.Bundle, o moduletest.Placed) { s.Refund(o, object{"amount": o.Total}) },
		"by two amounts": func(s *moduletest.Bundle, o moduletest.Placed) {
			s.Refund(o, object{"amount": money.Of(4000, "EUR")})
			s.Refund(o, object{"amount": money.Of(6000, "EUR")})
		},
		"at the provider by hand": func(s *moduletest.Bundle, o moduletest.Placed) {
			s.API("/v1/refunds", "payment_intent="+o.Payment.IntentID)
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := moduletest.New(t)
			lamp, b := s.Lamp(5), s.NewBuyer()
			o := b.Order(lamp, 2)
			b.Pay(o)
			refund(s, o)
			s.Until("refunded", func() bool { return b.Read(o.ID).Status == "refunded" })
			s.Level(lamp, 5, 0, 0)
			s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(409)
		})
	}
	t.Run("what was shipped stays away", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 3)
		b.Pay(o)
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}}).Want(200)
		s.Refund(o, object{"amount": o.Total})
		s.Work()
		s.Level(lamp, 4, 0, 1)
	})
	t.Run("and what an earlier release left is mended", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 2)
		b.Pay(o)
		s.Exec(`UPDATE orders SET status = 'refunded'`)
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		s.Level(lamp, 5, 0, 0)
	})
}
