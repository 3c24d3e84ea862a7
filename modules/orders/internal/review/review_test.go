package review_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/tasks/taskstest"
)

type object = map[string]any

// An intent whose amount was changed at the provider is cancelled, or its money is booked; people decide what becomes of the order.
func TestFault_O3_PeopleDecideAboutAnOrderInReview(t *testing.T) {
	t.Parallel()
	decide := func(s *moduletest.Bundle, o moduletest.Placed, decision string) *apptest.Response {
		return s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/review", object{"decision": decision, "reason": "it was our mistake"})
	}
	// changed is an order whose intent was changed before it was paid.
	changed := func(t *testing.T) (*moduletest.Bundle, *moduletest.Buyer, uuid.UUID, moduletest.Placed) {
		s := moduletest.New(t)
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 1)
		decide(s, o, "accept").Want(409)
		s.API("/v1/payment_intents/"+o.Payment.IntentID, "amount=4000")
		return s, b, lamp, o
	}
	t.Run("unpaid: the intent is cancelled, and the order can be", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := changed(t)
		b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
		require.Equal(t, "review", b.Read(o.ID).Status)
		s.TryPay(o.Payment.IntentID)
		s.Settle(o)
		s.Work()
		require.Zero(t, s.Number(`SELECT captured FROM payments`), "it could not be paid any more")
		require.Equal(t, "orders.nothing_paid", decide(s, o, "accept").Want(409).Code())
		require.Equal(t, "cancelled", decide(s, o, "refund").Want(200).JSON()["status"])
		s.Level(lamp, 5, 0, 0)
	})
	paid := func(t *testing.T) (*moduletest.Bundle, *moduletest.Buyer, uuid.UUID, moduletest.Placed) {
		s, b, lamp, o := changed(t)
		s.Succeed(o.Payment.IntentID)
		s.Until("in review", func() bool { return b.Read(o.ID).Status == "review" })
		require.EqualValues(t, 4000, s.Number(`SELECT captured FROM payments`))
		return s, b, lamp, o
	}
	t.Run("paid and accepted: it goes on", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := paid(t)
		require.Equal(t, "paid", decide(s, o, "accept").Want(200).JSON()["status"])
		decide(s, o, "accept").Want(409)
		s.Work()
		s.Level(lamp, 4, 0, 1)
		require.Len(t, taskstest.Events[orders.Paid](t, s.DB), 1)
		require.Contains(t, s.Notes(o), "accepted: it was our mistake")
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.Zero(t, s.Drift(), "people have decided")
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200)
		b.Do("POST", "/v1/admin/orders/"+o.ID+"/review", object{"decision": "accept", "reason": "mine"}).Want(403)
	})
	t.Run("paid and refunded: everything goes back", func(t *testing.T) {
		t.Parallel()
		s, b, lamp, o := paid(t)
		decide(s, o, "refund").Want(200)
		require.Equal(t, "orders.nothing_paid", decide(s, o, "accept").Want(409).Code())
		s.Until("refunded", func() bool { return b.Read(o.ID).Status == "refunded" })
		s.Level(lamp, 5, 0, 0)
		require.EqualValues(t, 4000, s.Number(`SELECT sum(amount) FROM refunds WHERE status = 'succeeded'`))
	})
	t.Run("the nightly comparison books what an earlier release did not", func(t *testing.T) {
		t.Parallel()
		s, _, _, o := paid(t)
		s.Exec(`UPDATE payments SET captured = 0`)
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.EqualValues(t, 4000, s.Number(`SELECT captured FROM payments`))
		require.Zero(t, s.Drift())
		decide(s, o, "refund").Want(200)
	})
}
