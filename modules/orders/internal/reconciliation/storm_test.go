package reconciliation_test

import (
	"context"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

// The same books as in TestBooksBalance_Property, but everything at once: many buyers of 37 pieces, webhooks that come twice and
// late, expiry twice, and workers that die at any moment. What each of them does follows from the seed; how they meet does not.
func TestBooksBalance_Storm(t *testing.T) {
	t.Parallel()
	seed, err := strconv.ParseUint(os.Getenv("SOAK_SEED"), 10, 64)
	if err != nil {
		seed = uint64(time.Now().UnixNano())
	}
	s := &books{moduletest.New(t)}
	s.SendEventsTo("") // the storm delivers them
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("seed %d", seed)
		}
	})
	for last := seed + uint64(stacktest.Budget(1, 200)); seed < last; seed++ {
		storm(t, s, rand.New(rand.NewPCG(seed, 0)), stacktest.Budget(40, 200))
		if t.Failed() {
			break
		}
	}
}

func storm(t *testing.T, s *books, luck *rand.Rand, crowd int) {
	lamp := s.Shop.Add("Lamp "+uuid.NewString(), money.Of(1999, "EUR"), stocked)
	done, stop := context.WithCancel(t.Context())
	defer stop()
	var staff, buyers sync.WaitGroup
	for range 2 {
		own := rand.New(rand.NewPCG(luck.Uint64(), 0))
		staff.Go(func() { s.dieAgainAndAgain(done, own) })
	}
	orders := make([]moduletest.Placed, crowd)
	for i := range crowd {
		own := rand.New(rand.NewPCG(luck.Uint64(), 0))
		buyers.Go(func() { orders[i] = s.buyAndRegret(lamp, own) })
	}
	buyers.Wait()
	stop()
	staff.Wait()
	s.calm()
	s.balance(lamp)
	_, reserved, _ := s.Shop.Level(lamp)
	require.Zero(t, reserved, "nothing is left set aside")
	orders = slices.DeleteFunc(orders, func(o moduletest.Placed) bool { return o.ID == "" })
	s.settleDisputes(orders, luck.IntN(2) == 0)
	s.comesToAnEnd(orders)
	s.balance(lamp)
}

// dieAgainAndAgain is a worker that is killed at random, in the middle of whatever it does, and starts anew.
func (s *books) dieAgainAndAgain(done context.Context, luck *rand.Rand) {
	registry, err := tasks.NewRegistry(s.DB, s.Handlers)
	require.NoError(s.T, err)
	relay := outbox.NewRelay(s.DB, outbox.Receivers{SubscribersOf: registry.SubscribersOf}, zap.NewNop(), outbox.Config{BatchSize: 100})
	for done.Err() == nil {
		life, kill := context.WithCancel(done)
		time.AfterFunc(time.Duration(luck.IntN(40))*time.Millisecond, kill)
		s.workFor(life, relay, registry)
		if luck.IntN(3) == 0 {
			_ = s.Reconciliation.Sweep(life) // it may be killed in there as well
		}
		<-life.Done()
		s.timePasses(luck.IntN(4) == 0)
	}
}

func (s *books) workFor(life context.Context, relay *outbox.Relay, registry *tasks.Registry) {
	taken, err := relay.Take(life)
	if err != nil {
		return // killed
	}
	for _, d := range taken.Deliveries {
		_ = registry.Run(life, d) // likewise
	}
}

// timePasses ends the leases of the dead, lets rows be due again and, now and then, a few reservations end. What somebody holds is
// left to them: nobody waits for two who do this at once.
func (s *books) timePasses(expire bool) {
	s.Exec(`UPDATE event_receipts SET claimed_until = clock_timestamp(), dead_at = NULL, tries = 0 WHERE (event_id, subscriber) IN
		(SELECT event_id, subscriber FROM event_receipts WHERE done_at IS NULL FOR UPDATE SKIP LOCKED)`)
	s.Exec(`UPDATE outbox SET due_at = now() WHERE id IN
		(SELECT id FROM outbox WHERE finished_at IS NULL AND available_at <= now() FOR UPDATE SKIP LOCKED)`)
	if expire {
		s.Exec(`UPDATE orders SET reserved_until = now() - interval '1 minute' WHERE id IN
			(SELECT id FROM orders WHERE status = 'pending_payment' ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED)`)
	}
}

// buyAndRegret is one buyer with everything that may happen to the order, in any order.
func (s *books) buyAndRegret(lamp uuid.UUID, luck *rand.Rand) (o moduletest.Placed) {
	b := s.NewBuyer()
	answer := b.Checkout(b.Put(lamp, 1+luck.IntN(9))["version"])
	if answer.Status != 201 {
		require.Equal(s.T, "orders.insufficient_stock", answer.Code())
		return o
	}
	answer.Decode(&o)
	admin := "/v1/admin/orders/" + o.ID
	happenings := []func(){
		func() { s.TryPay(o.Payment.IntentID) },
		func() { s.TryPay(o.Payment.IntentID) },
		func() { b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil) },
		func() { _ = s.Payments.RecordEvent(s.T.Context(), moduletest.EventOf(luck.IntN(3), o)) },
		func() { _ = s.Payments.RecordEvent(s.T.Context(), moduletest.EventOf(luck.IntN(3), o)) },
		func() { _ = s.Cancellations.Expire(s.T.Context(), uuid.MustParse(o.ID)) },
		func() { b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil) },
		func() {
			s.Send(s.Admin, "POST", admin+"/refund", object{"amount": money.Of(1+luck.Int64N(4000), "EUR"), "reason": "storm"})
		},
		func() { s.ship(o, object{"confirm_dispute": luck.IntN(2) == 0}) },
		func() { s.ship(o, object{"lines": piece(o, 1)}) },
		func() { s.Send(s.Admin, "POST", admin+"/deliver", nil) },
		func() { s.Send(s.Admin, "POST", admin+"/refund", object{"lines": piece(o, 1), "reason": "storm"}) },
		func() { s.Send(s.Admin, "POST", admin+"/cancel", object{"reason": "storm"}) },
		func() { b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": piece(o, 1), "reason": "storm"}) },
		func() { s.returned(o, "approve", object{}) },
		func() { s.returned(o, "receive", object{"restock": luck.IntN(2) == 0}) },
		func() { s.ByHand(o.Payment.IntentID, "refund", object{"amount": 1 + luck.Int64N(3000)}) },
		func() { s.ByHand(o.Payment.IntentID, "dispute", object{}) },
		func() { s.ByHand(o.Payment.IntentID, "dispute/close", object{"won": luck.IntN(2) == 0}) },
	}
	luck.Shuffle(len(happenings), func(i, j int) { happenings[i], happenings[j] = happenings[j], happenings[i] })
	for _, happen := range happenings[:1+luck.IntN(len(happenings))] {
		happen()
	}
	return o
}

// calm lets everything come to its end: all reservations end, all work is done.
func (s *books) calm() {
	s.T.Helper()
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '1 minute' WHERE status = 'pending_payment'`)
	require.Eventually(s.T, func() bool {
		s.timePasses(false)
		s.Exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
		s.Exec(`UPDATE refunds SET checked_at = now() - interval '1 day'`)
		taskstest.Ripen(s.T, s.DB)
		taskstest.Try(s.T, s.DB, s.Handlers...)
		return s.Reconciliation.Sweep(s.T.Context()) == nil &&
			s.Number(`SELECT count(*) FROM orders WHERE status = 'pending_payment' OR stock = 'reserved'`) == 0 &&
			s.Number(`SELECT count(*) FROM refunds WHERE status IN ('pending', 'processing') AND NOT waits`) == 0
	}, time.Minute, 50*time.Millisecond)
}

// finish settles everything that is still under way.
func (s *books) finish() {
	s.T.Helper()
	s.Exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
	require.Eventually(s.T, func() bool {
		taskstest.Try(s.T, s.DB, s.Handlers...)
		return s.Reconciliation.Sweep(s.T.Context()) == nil && s.Number(`SELECT count(*) FROM outbox WHERE finished_at IS NULL AND kind = 'task' AND available_at <= now()`) == 0
	}, 30*time.Second, 50*time.Millisecond)
}

// balance checks the books of a variant and of all money.
func (s *books) balance(variant uuid.UUID) {
	s.T.Helper()
	onHand, reserved, sold := s.Shop.Level(variant)
	require.EqualValues(s.T, stocked, onHand+sold)
	require.EqualValues(s.T, reserved, s.Number(`SELECT coalesce(sum(quantity - withdrawn), 0) FROM order_items JOIN orders o ON o.id = order_id
		WHERE o.stock = 'reserved' AND variant_id = ?`, variant))
	require.EqualValues(s.T, sold, s.Number(`SELECT coalesce(sum(quantity - withdrawn - restocked), 0) FROM order_items JOIN orders o ON o.id = order_id
		WHERE o.stock = 'sold' AND variant_id = ?`, variant))
	// What was reviewed is worth what was paid; a refund that failed leaves its money here until somebody looks.
	const unreviewed = ` NOT EXISTS (SELECT FROM payments r WHERE r.order_id = o.id AND r.status = 'review') AND NOT EXISTS (SELECT FROM refunds f WHERE f.order_id = o.id AND f.status = 'failed')`
	require.EqualValues(s.T, s.Number(`SELECT coalesce(sum(captured - refunded), 0) FROM payments JOIN orders o ON o.id = order_id WHERE`+unreviewed),
		s.Number(`SELECT coalesce(sum(o.total - coalesce((SELECT sum(r.amount) FROM refunds r WHERE r.order_id = o.id AND r.status <> 'failed'), 0)), 0)
			FROM orders o WHERE o.status IN ('paid', 'partially_shipped', 'shipped', 'delivered', 'partially_refunded', 'refunded')
			AND EXISTS (SELECT 1 FROM payments p WHERE p.order_id = o.id AND p.captured > 0) AND`+unreviewed), "money is with live orders")
	require.Zero(s.T, s.Number(`SELECT count(*) FROM refunds r JOIN orders o ON o.id = r.order_id WHERE r.cause LIKE 'payment %'
		AND o.status NOT IN ('cancelled', 'expired', 'refunded')`), "nothing goes back by itself from an order that goes on")
}
