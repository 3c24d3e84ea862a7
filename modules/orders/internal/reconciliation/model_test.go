package reconciliation_test

import (
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/money"
	psp "atrium/platform/payment"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
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
	coupon := "C" + uuid.NewString()[:8]
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": coupon, "percent": 30, "max_uses": 3}).Want(201)
	s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "A" + coupon, "percent": 5, "automatic": true, "max_uses": 6}).Want(201)
	actions := map[string]func(*rapid.T){
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
		"pay": func(rt *rapid.T) {
			o, _ := some(rt)
			s.TryPay(o.Payment.IntentID)
		},
		"confirm": func(rt *rapid.T) { o, b := some(rt); b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil) },
		"webhook": func(rt *rapid.T) {
			o, _ := some(rt)
			require.NoError(s.T, s.Payments.RecordEvent(s.T.Context(), moduletest.EventOf(rapid.IntRange(0, 3).Draw(rt, "event"), o)))
		},
		"buy with a coupon": func(rt *rapid.T) {
			b := buyers[rapid.IntRange(0, len(buyers)-1).Draw(rt, "buyer")]
			version := b.Put(lamp, rapid.IntRange(1, 5).Draw(rt, "quantity"))["version"]
			answer := b.Do("POST", "/v1/checkout", object{"cart_version": version, "address_id": b.Address, "coupon": coupon})
			if answer.Status == 201 {
				o := apptest.Read[moduletest.Placed](answer)
				open, owner[o.ID] = append(open, o), b
			}
		},
		"quote": func(rt *rapid.T) {
			_, b := some(rt)
			b.Do("POST", "/v1/cart/quote", object{"coupon": coupon}).Want(200)
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
		"refund a shipped piece": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Send(s.Admin, "POST", admin(o, "refund"), object{"lines": piece(o, 1), "restock": rapid.Bool().Draw(rt, "restock"), "reason": "model"})
		},
		"refund the rest": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Send(s.Admin, "POST", admin(o, "refund"), object{"reason": "model"})
		},
		"admin cancels": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Send(s.Admin, "POST", admin(o, "cancel"), object{"reason": "model"})
		},
		"ship":         func(rt *rapid.T) { o, _ := some(rt); s.ship(o, object{}) },
		"ship a piece": func(rt *rapid.T) { o, _ := some(rt); s.ship(o, object{"lines": piece(o, 1), "confirm_dispute": true}) },
		"deliver":      func(rt *rapid.T) { o, _ := some(rt); s.Send(s.Admin, "POST", admin(o, "deliver"), nil) },
		"ask for a return": func(rt *rapid.T) {
			o, b := some(rt)
			b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": piece(o, rapid.IntRange(1, 2).Draw(rt, "pieces")), "reason": "model"})
		},
		"approve a return": func(rt *rapid.T) { o, _ := some(rt); s.returned(o, "approve", object{}) },
		"reject a return":  func(rt *rapid.T) { o, _ := some(rt); s.returned(o, "reject", object{"note": "model"}) },
		"receive a return": func(rt *rapid.T) {
			o, _ := some(rt)
			s.returned(o, "receive", object{"restock": rapid.Bool().Draw(rt, "restock")})
		},
		"refund by hand": func(rt *rapid.T) {
			o, _ := some(rt)
			s.ByHand(o.Payment.IntentID, "refund", object{"amount": rapid.Int64Range(1, 3000).Draw(rt, "amount")})
		},
		"refund all by hand": func(rt *rapid.T) { o, _ := some(rt); s.ByHand(o.Payment.IntentID, "refund", object{}) },
		"cancel by hand":     func(rt *rapid.T) { o, _ := some(rt); s.ByHand(o.Payment.IntentID, "cancel", object{}) },
		"dispute":            func(rt *rapid.T) { o, _ := some(rt); s.ByHand(o.Payment.IntentID, "dispute", object{}) },
		"win a dispute": func(rt *rapid.T) {
			o, _ := some(rt)
			s.ByHand(o.Payment.IntentID, "dispute/close", object{"won": true})
		},
		"lose a dispute": func(rt *rapid.T) {
			o, _ := some(rt)
			s.ByHand(o.Payment.IntentID, "dispute/close", object{"won": false})
		},
		"change the amount at the provider": func(rt *rapid.T) {
			o, _ := some(rt)
			s.TryAPI("/v1/payment_intents/"+o.Payment.IntentID, "amount="+strconv.Itoa(rapid.IntRange(100, 9000).Draw(rt, "amount")))
		},
		"accept a review": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Send(s.Admin, "POST", admin(o, "review"), object{"decision": "accept", "reason": "model"})
		},
		"refund a review": func(rt *rapid.T) {
			o, _ := some(rt)
			s.Send(s.Admin, "POST", admin(o, "review"), object{"decision": "refund", "reason": "model"})
		},
		"reconcile": func(*rapid.T) { require.NoError(s.T, s.Reconciliation.Reconcile(s.T.Context())) },
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
	}
	require.GreaterOrEqual(s.T, len(actions)-1, 22)
	rt.Repeat(actions)
	s.EndReservations()
	s.finish()
	s.balance(lamp)
	s.settleDisputes(open, rapid.Bool().Draw(rt, "disputes are won"))
	s.comesToAnEnd(open)
	s.balance(lamp)
	_, reserved, _ := s.Shop.Level(lamp)
	require.Zero(s.T, reserved, "nothing is left set aside")
}

// admin is the address of what admins do with an order.
func admin(o moduletest.Placed, what string) string { return "/v1/admin/orders/" + o.ID + "/" + what }

// piece is a number of pieces of an order's line.
func piece(o moduletest.Placed, n int) []object {
	return []object{{"item_id": o.Items[0].ID, "quantity": n}}
}

func (s *books) ship(o moduletest.Placed, body object) *apptest.Response {
	s.T.Helper()
	body["carrier"], body["tracking_number"] = "DHL", "1"
	return s.Send(s.Admin, "POST", admin(o, "ship"), body)
}

// returned takes a step with all returns of an order that can take it.
func (s *books) returned(o moduletest.Placed, step string, body object) {
	s.T.Helper()
	var ids []string
	require.NoError(s.T, s.DB.Conn(s.T.Context()).Raw(`SELECT id::text FROM returns WHERE order_id = ?`, o.ID).Scan(&ids).Error)
	for _, id := range ids {
		s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/"+step, body)
	}
}

// settleDisputes has the bank decide whatever is open.
func (s *books) settleDisputes(open []moduletest.Placed, won bool) {
	s.T.Helper()
	for _, o := range open {
		s.ByHand(o.Payment.IntentID, "dispute/close", object{"won": won})
	}
	require.Eventually(s.T, func() bool {
		taskstest.Try(s.T, s.DB, s.Handlers...)
		return s.Reconciliation.Reconcile(s.T.Context()) == nil && s.Number(`SELECT count(*) FROM disputes WHERE status = 'open'`) == 0
	}, 30*time.Second, 50*time.Millisecond)
	s.finish()
	require.NoError(s.T, s.Reconciliation.Reconcile(s.T.Context()))
	require.Zero(s.T, s.Number(`SELECT count(*) FROM refunds WHERE waits`), "nothing waits for what is decided")
}

// comesToAnEnd checks that the books are the provider's, that every piece that was paid for is shipped, given back or still to come, and that whoever looks
// after each order can bring it to its end.
func (s *books) comesToAnEnd(open []moduletest.Placed) {
	s.T.Helper()
	var theirs int64
	ctx, since := s.T.Context(), time.Now().Add(-time.Hour)
	require.NoError(s.T, s.Provider.Intents(ctx, since, func(i psp.Intent) error { theirs += i.Received.Amount; return nil }))
	require.NoError(s.T, s.Provider.Refunds(ctx, psp.RefundFilter{CreatedAfter: since}, func(r psp.Refund) error {
		if r.Status != psp.RefundFailed {
			theirs -= r.Amount.Amount
		}
		return nil
	}))
	require.NoError(s.T, s.Provider.Disputes(ctx, since, func(d psp.Dispute) error {
		if d.Status != psp.DisputeWon {
			theirs -= d.Amount.Amount
		}
		return nil
	}))
	require.Equal(s.T, theirs, s.Number(`SELECT coalesce(sum(captured - refunded), 0) FROM payments`), "money at the provider is money in the books")
	require.Zero(s.T, s.Number(`SELECT count(*) FROM order_items i JOIN orders o ON o.id = i.order_id WHERE shipped + withdrawn > quantity OR refunded > quantity
		OR withdrawn > refunded OR restocked > shipped`))
	require.Zero(s.T, s.Number(`SELECT count(*) FROM order_items i JOIN orders o ON o.id = i.order_id WHERE i.shipped + i.withdrawn < i.quantity AND o.stock <> 'returned'
		AND o.status NOT IN ('paid', 'partially_shipped', 'partially_refunded', 'review')`), "what is paid for is shipped, given back or still to come")
	for _, o := range open {
		s.bringToAnEnd(o)
	}
}

// bringToAnEnd decides, ships and delivers, as far as an order has something to decide, ship or deliver.
func (s *books) bringToAnEnd(o moduletest.Placed) {
	s.T.Helper()
	status := func() string { return s.Text(`SELECT status FROM orders WHERE id = ?`, o.ID) }
	toShip := func() int64 {
		return s.Number(`SELECT coalesce(sum(quantity - shipped - withdrawn), 0)::bigint FROM order_items i JOIN orders ON orders.id = order_id WHERE order_id = ? AND stock <> 'returned'`, o.ID)
	}
	if status() == "review" {
		s.Send(s.Admin, "POST", admin(o, "review"), object{"decision": "refund", "reason": "model"}).Want(200)
		s.finish()
		require.Contains(s.T, []string{"refunded", "cancelled"}, status(), "every review can be decided")
	}
	if toShip() > 0 {
		s.ship(o, object{"confirm_dispute": true}).Want(200)
	}
	require.Zero(s.T, toShip())
	undelivered := s.Number(`SELECT count(*) FROM shipments WHERE order_id = ? AND delivered_at IS NULL`, o.ID)
	if undelivered > 0 {
		s.Send(s.Admin, "POST", admin(o, "deliver"), nil).Want(200)
	}
	require.Contains(s.T, []string{"delivered", "refunded", "partially_refunded", "cancelled", "expired"}, status(), "every order reaches an end")
}
