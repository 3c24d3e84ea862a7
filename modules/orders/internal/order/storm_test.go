package order_test

import (
	"context"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

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
	s := setup(t)
	s.webhooks("") // the storm delivers them
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

func storm(t *testing.T, s *till, luck *rand.Rand, crowd int) {
	lamp := s.shop.Add("Lamp "+uuid.NewString(), money.Of(1999, "EUR"), stocked)
	done, stop := context.WithCancel(t.Context())
	defer stop()
	var staff, buyers sync.WaitGroup
	for range 2 {
		own := rand.New(rand.NewPCG(luck.Uint64(), 0))
		staff.Go(func() { s.dieAgainAndAgain(done, own) })
	}
	for range crowd {
		own := rand.New(rand.NewPCG(luck.Uint64(), 0))
		buyers.Go(func() { s.buyAndRegret(lamp, own) })
	}
	buyers.Wait()
	stop()
	staff.Wait()
	s.calm()
	s.balance(lamp)
	_, reserved, _ := s.shop.Level(lamp)
	require.Zero(t, reserved, "nothing is left set aside")
}

// dieAgainAndAgain is a worker that is killed at random, in the middle of whatever it does, and starts anew.
func (s *till) dieAgainAndAgain(done context.Context, luck *rand.Rand) {
	registry, err := tasks.NewRegistry(s.db, s.handlers)
	require.NoError(s.t, err)
	relay := outbox.NewRelay(s.db, registry.SubscribersOf, nil, zap.NewNop(), outbox.Config{BatchSize: 100})
	for done.Err() == nil {
		life, kill := context.WithCancel(done)
		time.AfterFunc(time.Duration(luck.IntN(40))*time.Millisecond, kill)
		s.workFor(life, relay, registry)
		if luck.IntN(3) == 0 {
			_ = s.service.Sweep(life) // it may be killed in there as well
		}
		<-life.Done()
		s.timePasses(luck.IntN(4) == 0)
	}
}

func (s *till) workFor(life context.Context, relay *outbox.Relay, registry *tasks.Registry) {
	deliveries, _, err := relay.Take(life)
	if err != nil {
		return // killed
	}
	for _, d := range deliveries {
		_ = registry.Run(life, d) // likewise
	}
}

// timePasses ends the leases of the dead, lets rows be due again and, now and then, a few reservations end. What somebody holds is
// left to them: nobody waits for two who do this at once.
func (s *till) timePasses(expire bool) {
	s.exec(`UPDATE event_receipts SET claimed_until = clock_timestamp(), dead_at = NULL, tries = 0 WHERE (event_id, subscriber) IN
		(SELECT event_id, subscriber FROM event_receipts WHERE done_at IS NULL FOR UPDATE SKIP LOCKED)`)
	s.exec(`UPDATE outbox SET due_at = now() WHERE id IN
		(SELECT id FROM outbox WHERE finished_at IS NULL AND available_at <= now() FOR UPDATE SKIP LOCKED)`)
	if expire {
		s.exec(`UPDATE orders SET reserved_until = now() - interval '1 minute' WHERE id IN
			(SELECT id FROM orders WHERE status = 'pending_payment' ORDER BY random() LIMIT 3 FOR UPDATE SKIP LOCKED)`)
	}
}

// buyAndRegret is one buyer with everything that may happen to the order, in any order.
func (s *till) buyAndRegret(lamp uuid.UUID, luck *rand.Rand) {
	b := s.buyer()
	answer := b.checkout(b.put(lamp, 1+luck.IntN(9))["version"])
	if answer.Status != 201 {
		require.Equal(s.t, "orders.insufficient_stock", answer.Code())
		return
	}
	var o placed
	answer.Decode(&o)
	admin := "/v1/admin/orders/" + o.ID
	happenings := []func(){
		func() { s.tryPay(o.Payment.IntentID) },
		func() { s.tryPay(o.Payment.IntentID) },
		func() { b.do("POST", "/v1/orders/"+o.ID+"/payment", nil) },
		func() { _ = s.service.Take(s.t.Context(), eventOf(luck.IntN(3), o)) },
		func() { _ = s.service.Take(s.t.Context(), eventOf(luck.IntN(3), o)) },
		func() { _ = s.service.Expire(s.t.Context(), uuid.MustParse(o.ID)) },
		func() { b.do("POST", "/v1/orders/"+o.ID+"/cancel", nil) },
		func() {
			s.send(s.admin, "POST", admin+"/refund", object{"amount": money.Of(1+luck.Int64N(4000), "EUR"), "reason": "storm"})
		},
		func() { s.send(s.admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "1"}) },
	}
	luck.Shuffle(len(happenings), func(i, j int) { happenings[i], happenings[j] = happenings[j], happenings[i] })
	for _, happen := range happenings[:1+luck.IntN(len(happenings))] {
		happen()
	}
}

// calm lets everything come to its end: all reservations end, all work is done.
func (s *till) calm() {
	s.t.Helper()
	s.exec(`UPDATE orders SET reserved_until = now() - interval '1 minute' WHERE status = 'pending_payment'`)
	require.Eventually(s.t, func() bool {
		s.timePasses(false)
		s.exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
		s.exec(`UPDATE refunds SET checked_at = now() - interval '1 day'`)
		taskstest.Ripen(s.t, s.db)
		taskstest.Try(s.t, s.db, s.handlers...)
		return s.service.Sweep(s.t.Context()) == nil &&
			s.number(`SELECT count(*) FROM orders WHERE status = 'pending_payment' OR stock = 'reserved'`) == 0 &&
			s.number(`SELECT count(*) FROM refunds WHERE status IN ('pending', 'processing')`) == 0
	}, time.Minute, 50*time.Millisecond)
}
