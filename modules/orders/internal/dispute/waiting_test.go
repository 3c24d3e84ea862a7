package dispute_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/money"
)

// Whatever asks for money of a payment that is disputed gets it as soon as the bank has decided for the shop, and not at all where the bank has
// given it to the customer: pieces that are gone from the order are paid back in either case.
func TestFault_O6_ARefundWaitsForTheBank(t *testing.T) {
	t.Parallel()
	ways := map[string]func(s *bundle, b *moduletest.Buyer, o moduletest.Placed){
		"of a piece": func(s *bundle, _ *moduletest.Buyer, o moduletest.Placed) {
			s.Refund(o, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}})
		},
		"of an amount": func(s *bundle, _ *moduletest.Buyer, o moduletest.Placed) {
			s.Refund(o, object{"amount": money.Of(10000, "EUR")})
		},
		"of a cancelled order": func(_ *bundle, b *moduletest.Buyer, o moduletest.Placed) {
			b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		},
		"of a return": func(s *bundle, b *moduletest.Buyer, o moduletest.Placed) {
			s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1", "confirm_dispute": true}).Want(200)
			r := b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}, "reason": "no"}).Want(201).JSON()
			s.Send(s.Admin, "POST", "/v1/admin/returns/"+r["id"].(string)+"/approve", object{}).Want(200)
			s.Send(s.Admin, "POST", "/v1/admin/returns/"+r["id"].(string)+"/receive", object{"restock": true}).Want(200)
		},
	}
	for name, ask := range ways {
		for outcome, won := range map[string]bool{"won": true, "lost": false} {
			t.Run(name+", "+outcome, func(t *testing.T) {
				t.Parallel()
				s := &bundle{moduletest.New(t)}
				lamp, b := s.Lamp(5), s.NewBuyer()
				o := b.Order(lamp, 2)
				b.Pay(o)
				s.dispute(o)
				s.stands(b, o, "open")
				ask(s, b, o)
				s.Work()
				s.Exec(`UPDATE refunds SET checked_at = now() - interval '1 day'`)
				require.NoError(t, s.Reconciliation.Sweep(t.Context()))
				require.Equal(t, "pending", s.Text(`SELECT status FROM refunds`))
				require.Contains(t, s.Notes(o), "a refund of 100.00 EUR waits until the bank has decided the dispute")
				require.Zero(t, s.Alerts("refund_failed"))

				s.decide(o, won)
				s.stands(b, o, outcome)
				s.Until("it is decided", func() bool { return s.Number(`SELECT count(*) FROM refunds WHERE status = 'pending'`) == 0 })
				require.Equal(t, o.Total.Amount, s.Number(`SELECT sum(amount) FROM refunds WHERE status = 'succeeded'`))
				require.Zero(t, s.Number(`SELECT captured - refunded FROM payments`))
				require.EqualValues(t, 2, s.Number(`SELECT refunded FROM order_items`))
				require.Equal(t, won, s.Number(`SELECT count(*) FROM refunds`) == 1, "a lost one is the bank's doing")
				s.Level(lamp, 5, 0, 0)
				require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
				require.Zero(t, s.Drift())
			})
		}
	}
}

// The provider may know of the dispute before we do: its refusal is not the end, and is not asked again under the same key, whose answer it repeats.
func TestFault_O6_ARefundThatTheDisputeOvertookWaitsToo(t *testing.T) {
	t.Parallel()
	s := &bundle{moduletest.New(t)}
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 2)
	b.Pay(o)
	s.SendEventsTo("")
	s.dispute(o)
	s.Refund(o, object{})
	s.Work()
	require.Equal(t, "pending", s.Text(`SELECT status FROM refunds WHERE waits`))
	s.decide(o, true)
	require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
	s.Work()
	require.Equal(t, "refunded", b.Read(o.ID).Status)
}
