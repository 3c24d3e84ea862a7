package cancellation_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/tasks/taskstest"
)

func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("unpaid: everything is given back", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 2)
		require.Equal(t, "cancelled", b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200).JSON()["status"])
		b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		s.Level(lamp, 5, 0, 0)
		require.Len(t, b.Cart()["items"], 1)
		require.Len(t, taskstest.Events[orders.Cancelled](t, s.DB), 1)
		s.EndReservations()
		s.Work()
		s.Level(lamp, 5, 0, 0)
	})
	t.Run("paid: refunded once, and back on the shelf", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 2)
		b.Pay(o)
		var all sync.WaitGroup
		for range 5 {
			all.Go(func() { b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200) })
		}
		all.Wait()
		s.Work()
		require.Equal(t, "cancelled", b.Read(o.ID).Status)
		s.Level(lamp, 5, 0, 0)
		require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds WHERE status = 'succeeded' AND amount = 10000`))
		require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds`))
		require.Empty(t, b.Cart()["items"], "what was paid is not wished for again")
	})
	t.Run("paid, before its job has run", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		s.SendEventsTo("")
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 2)
		s.Succeed(o.Payment.IntentID)
		b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
		b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		s.Work()
		s.Level(lamp, 5, 0, 0)
	})
	t.Run("paid in the same moment: refunded", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		s.SendEventsTo("")
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 2)
		s.Succeed(o.Payment.IntentID)
		require.Equal(t, "cancelled", b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200).JSON()["status"])
		s.Work()
		s.Level(lamp, 5, 0, 0)
		require.Zero(t, s.Number(`SELECT sum(captured - refunded) FROM payments`))
		require.EqualValues(t, 10000, s.Number(`SELECT sum(captured) FROM payments`))
	})
	t.Run("while the provider is away: money that comes later goes back", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		lamp, b := s.Lamp(5), s.NewBuyer()
		o := b.Order(lamp, 1)
		s.Down.Store(true)
		b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Want(200)
		s.Down.Store(false)
		s.Succeed(o.Payment.IntentID)
		s.Eventually("it is back", func() bool { return s.Number(`SELECT count(*) FROM refunds WHERE status = 'succeeded'`) == 1 })
		require.Equal(t, "cancelled", b.Read(o.ID).Status)
		s.Level(lamp, 5, 0, 0)
	})
}
