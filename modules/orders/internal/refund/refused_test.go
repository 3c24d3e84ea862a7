package refund_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/money"
)

// Somebody refunds at the provider by hand while a refund of ours is on its way there: both are booked, and no more goes back than was paid.
func TestFault_O4_ARefundByHandThatComesFirstIsBooked(t *testing.T) {
	t.Parallel()
	for name, ask := range map[string]func(s *moduletest.Bundle, b *moduletest.Buyer, o moduletest.Placed){
		"before all pieces": func(s *moduletest.Bundle, _ *moduletest.Buyer, o moduletest.Placed) {
			s.Refund(o, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}})
		},
		"before the whole amount": func(s *moduletest.Bundle, _ *moduletest.Buyer, o moduletest.Placed) {
			s.Refund(o, object{"amount": o.Total})
		},
		"before a cancelled order's money": func(_ *moduletest.Bundle, b *moduletest.Buyer, o moduletest.Placed) {
			b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		},
	} {
		for when, heard := range map[string]bool{"and its event comes at once": true, "and its event is lost": false} {
			t.Run(name+", "+when, func(t *testing.T) {
				t.Parallel()
				s := moduletest.New(t)
				lamp, b := s.Lamp(5), s.NewBuyer()
				o := b.Order(lamp, 2)
				b.Pay(o)
				if !heard {
					s.SendEventsTo("")
				}
				ask(s, b, o)
				s.ByHand(o.Payment.IntentID, "refund", object{"amount": 1500})
				s.Eventually("all is booked", func() bool {
					return s.Number(`SELECT count(*) FROM refunds WHERE status = 'succeeded'`) == 2
				})
				require.EqualValues(t, 10000, s.Number(`SELECT sum(amount) FROM refunds`))
				require.Zero(t, s.Number(`SELECT captured - refunded FROM payments`))
				require.Contains(t, s.Notes(o), "a refund of 100.00 EUR is now one of 85.00 EUR: the rest was refunded at the provider")
				require.Zero(t, s.Alerts("foreign_refund"))
				s.Level(lamp, 5, 0, 0)
				require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
				require.Zero(t, s.Drift())
			})
		}
	}
	t.Run("before two of ours, of which it swallows one whole", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		b := s.NewBuyer()
		o := b.Order(s.Lamp(5), 2)
		b.Pay(o)
		s.SendEventsTo("")
		s.Refund(o, object{"amount": money.Of(5000, "EUR")})
		s.Refund(o, object{"amount": money.Of(5000, "EUR")})
		s.ByHand(o.Payment.IntentID, "refund", object{"amount": 6000})
		s.Eventually("nothing is left", func() bool { return b.Read(o.ID).Status == "refunded" })
		require.EqualValues(t, 10000, s.Number(`SELECT sum(amount) FROM refunds WHERE status = 'succeeded'`))
		require.EqualValues(t, 4000, s.Number(`SELECT amount FROM refunds WHERE status = 'succeeded' AND cause NOT LIKE 'provider %'`))
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.Zero(t, s.Drift())
	})
	t.Run("of all there is", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		b := s.NewBuyer()
		o := b.Order(s.Lamp(5), 2)
		b.Pay(o)
		s.SendEventsTo("")
		s.Refund(o, object{"amount": money.Of(2000, "EUR")})
		s.ByHand(o.Payment.IntentID, "refund", object{})
		s.Work()
		require.Equal(t, "refunded", b.Read(o.ID).Status)
		require.EqualValues(t, 10000, s.Number(`SELECT sum(amount) FROM refunds WHERE status = 'succeeded'`))
		require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds WHERE status = 'failed'`))
	})
}
