package dispute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
)

type object = map[string]any

// bundle disputes payments at the stand-in.
type bundle struct{ *moduletest.Bundle }

func (s *bundle) dispute(o moduletest.Placed) {
	s.T.Helper()
	s.Post("/test/payment_intents/"+o.Payment.IntentID+"/dispute", object{})
}

func (s *bundle) decide(o moduletest.Placed, won bool) {
	s.T.Helper()
	s.Post("/test/payment_intents/"+o.Payment.IntentID+"/dispute/close", object{"won": won})
}

// order is an order as its buyer sees it.
func order(b *moduletest.Buyer, o moduletest.Placed) object {
	b.T.Helper()
	return b.Do("GET", "/v1/orders/"+o.ID, nil).Want(200).JSON()
}

// stands waits until a dispute stands as said.
func (s *bundle) stands(b *moduletest.Buyer, o moduletest.Placed, status string) {
	s.T.Helper()
	s.Until("the dispute is "+status, func() bool { return order(b, o)["dispute"] == status })
}

func TestFault_O6_ADisputeIsFlaggedToldAndBooked(t *testing.T) {
	t.Parallel()
	s := &bundle{moduletest.New(t)}
	lamp, b := s.Lamp(20), s.NewBuyer()
	bought := func(pieces int) moduletest.Placed {
		o := b.Order(lamp, pieces)
		b.Pay(o)
		require.Nil(t, order(b, o)["dispute"])
		return o
	}
	ship := func(o moduletest.Placed, confirmed bool) (status int, code string) {
		body := object{"carrier": "DHL", "tracking_number": "1"}
		if confirmed {
			body["confirm_dispute"] = true
		}
		answer := s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", body)
		if answer.Status >= 400 {
			code = answer.Code()
		}
		return answer.Status, code
	}
	won, lost, shipped := bought(1), bought(2), bought(3)
	s.Level(lamp, 14, 0, 6)

	s.dispute(won)
	s.stands(b, won, "open")
	require.Contains(t, s.Notes(won), "the customer disputes 50.00 EUR with the bank")
	require.EqualValues(t, 1, s.Alerts("dispute_opened"))
	status, code := ship(won, false)
	require.Equal(t, []any{409, "orders.disputed"}, []any{status, code}, "shipping asks")
	s.decide(won, true)
	s.stands(b, won, "won")
	require.Contains(t, s.Notes(won), "the dispute about 50.00 EUR was won")
	status, _ = ship(won, false)
	require.Equal(t, 200, status)

	t.Run("a lost one is booked, and what was not shipped goes back on the shelf", func(t *testing.T) {
		s.dispute(lost)
		s.decide(lost, false)
		s.stands(b, lost, "lost")
		for _, event := range s.Events(lost.Payment.IntentID) { // twice and out of order
			s.Post("/test/events/"+event+"/resend", object{})
		}
		s.Work()
		o := order(b, lost)
		require.Equal(t, "refunded", o["status"])
		require.Equal(t, o["total"], o["refunded"])
		require.Zero(t, s.Number(`SELECT sum(captured - refunded) FROM payments WHERE order_id = ?`, lost.ID))
		require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds WHERE order_id = ?`, lost.ID))
		require.EqualValues(t, 1, s.Alerts("dispute_lost"))
		s.Level(lamp, 16, 0, 4)
	})
	t.Run("shipped all the same, if somebody says so, and lost after a refund", func(t *testing.T) {
		s.Refund(shipped, object{"amount": object{"amount": 1000, "currency": "EUR"}})
		s.Work()
		s.dispute(shipped)
		s.stands(b, shipped, "open")
		status, _ := ship(shipped, true)
		require.Equal(t, 200, status)
		s.decide(shipped, false)
		s.stands(b, shipped, "lost")
		o := order(b, shipped)
		require.Equal(t, o["total"], o["refunded"])
		s.Level(lamp, 16, 0, 4)
	})
	t.Run("a refund that the provider refuses since the payment is disputed gives way to the dispute", func(t *testing.T) {
		o := bought(1)
		s.dispute(o)
		s.stands(b, o, "open")
		s.Refund(o, object{"amount": object{"amount": 700, "currency": "EUR"}})
		s.decide(o, false)
		s.Eventually("the dispute is lost", func() bool { return order(b, o)["dispute"] == "lost" }) // once that is known
		require.Zero(t, s.Number(`SELECT sum(captured - refunded) FROM payments WHERE order_id = ?`, o.ID))
	})
	t.Run("what no event told is found by the comparison", func(t *testing.T) {
		opened, closed, late := bought(1), bought(1), bought(1)
		s.dispute(late)
		s.stands(b, late, "open")
		s.SendEventsTo("")
		s.dispute(opened)
		s.dispute(closed)
		s.decide(closed, false)
		s.decide(late, true)
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.Equal(t, []any{"open", "lost", "won"}, []any{order(b, opened)["dispute"], order(b, closed)["dispute"], order(b, late)["dispute"]})
		require.Zero(t, s.Drift())
		require.EqualValues(t, 3, s.Number(`SELECT mended FROM payment_reconciliations ORDER BY id DESC LIMIT 1`))
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.Zero(t, s.Number(`SELECT mended FROM payment_reconciliations ORDER BY id DESC LIMIT 1`), "once is enough")
	})
}
