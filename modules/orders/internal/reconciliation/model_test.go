package reconciliation_test

import (
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/money"
	"atrium/platform/stacktest"
)

// books are what must balance.
type books struct{ *moduletest.Bundle }

// stocked is how many pieces each run begins with.
const stocked = 37

// The books balance, whatever happens in whatever order: every piece is on the shelf or sold, every cent is with an order that
// is worth it or back. A run that fails prints its seed.
func TestBooksBalance_Property(t *testing.T) {
	t.Parallel()
	stacktest.Properties(t, 3, 200)
	s := &books{moduletest.New(t)}
	s.SendEventsTo("") // the model delivers them, twice and late
	rapid.Check(t, func(rt *rapid.T) { playOrders(rt, s) })
}

func playOrders(rt *rapid.T, s *books) {
	s.Exec(`DELETE FROM cart_items`)
	lamp := s.Shop.Add("Lamp "+uuid.NewString(), money.Of(1999, "EUR"), stocked)
	buyers := make([]*moduletest.Buyer, 6)
	for i := range buyers {
		buyers[i] = s.NewBuyer()
	}
	var lock sync.Mutex
	var open []moduletest.Placed
	owner := map[string]*moduletest.Buyer{}
	some := func(rt *rapid.T) (moduletest.Placed, *moduletest.Buyer) {
		if len(open) == 0 {
			rt.Skip("no order yet")
		}
		o := open[rapid.IntRange(0, len(open)-1).Draw(rt, "order")]
		return o, owner[o.ID]
	}
	rt.Repeat(map[string]func(*rapid.T){
		"buy": func(rt *rapid.T) {
			quantity := rapid.IntRange(1, 9).Draw(rt, "quantity")
			var all sync.WaitGroup
			for _, b := range buyers {
				all.Go(func() {
					answer := b.Checkout(b.Put(lamp, quantity)["version"])
					if answer.Status != 201 {
						return // out of stock
					}
					var o moduletest.Placed
					answer.Decode(&o)
					lock.Lock()
					defer lock.Unlock()
					open, owner[o.ID] = append(open, o), b
				})
			}
			all.Wait()
		},
		"pay":     func(rt *rapid.T) { o, _ := some(rt); s.TryPay(o.Payment.IntentID) },
		"confirm": func(rt *rapid.T) { o, b := some(rt); b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil) },
		"webhook": func(rt *rapid.T) {
			o, _ := some(rt)
			require.NoError(s.T, s.Payments.RecordEvent(s.T.Context(), moduletest.EventOf(rapid.IntRange(0, 3).Draw(rt, "event"), o)))
		},
		"cancel": func(rt *rapid.T) { o, b := some(rt); b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil) },
		"refund": func(rt *rapid.T) {
			o, _ := some(rt)
			amount := rapid.Int64Range(1, 6000).Draw(rt, "amount")
			s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", object{"amount": money.Of(amount, "EUR"), "reason": "model"})
		},
		"refund a piece": func(rt *rapid.T) {
			o, _ := some(rt)
			lines := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
			s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", object{"lines": lines, "reason": "model"})
		},
		"ship": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"})
		},
		"expire": func(*rapid.T) {
			s.EndReservations()
			s.Work()
			require.NoError(s.T, s.Reconciliation.Sweep(s.T.Context()))
		},
		"jobs": func(*rapid.T) { s.Work() },
		"provider is away while an order expires": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes' WHERE status = 'pending_payment' AND id = ?`, o.ID)
			s.Down.Store(true)
			defer s.Down.Store(false)
			require.NoError(s.T, s.Cancellations.Expire(s.T.Context(), uuid.MustParse(o.ID)))
		},
		"": func(*rapid.T) { s.balance(lamp) },
	})
	s.EndReservations()
	s.finish()
	s.balance(lamp)
	_, reserved, _ := s.Shop.Level(lamp)
	require.Zero(s.T, reserved, "nothing is left set aside")
}
