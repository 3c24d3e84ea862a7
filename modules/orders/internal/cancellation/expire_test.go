package cancellation_test

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

func TestExpiry_GivesEverythingBackOnce(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 2)
	s.Work()
	require.Equal(t, "pending_payment", b.Read(o.ID).Status)
	b.Put(lamp, 1)
	s.EndReservations()
	s.Work()
	id := uuid.MustParse(o.ID)
	require.NoError(t, s.Cancellations.Expire(t.Context(), id))
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "expired", b.Read(o.ID).Status)
	s.Level(lamp, 5, 0, 0)
	require.EqualValues(t, 2, b.Cart()["items"].([]any)[0].(object)["quantity"], "the cart has its lines again, not added up")
	require.Len(t, taskstest.Events[orders.Expired](t, s.DB), 1)
	require.Equal(t, "cancelled", s.Text(`SELECT status FROM payments`), "the intent cannot be paid any more")
	b.Do("POST", "/v1/orders/"+o.ID+"/payment", nil).Want(200)
	require.Equal(t, "expired", b.Read(o.ID).Status)
}

func TestExpiry_OfAnOrderThatWasPaidMeanwhileSettlesIt(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	s.SendEventsTo("") // the webhook is lost
	lamp, b := s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 1)
	s.Succeed(o.Payment.IntentID)
	s.EndReservations()
	s.Work()
	require.Equal(t, "paid", b.Read(o.ID).Status)
	s.Level(lamp, 4, 0, 1)
}

func TestExpiry_WaitsForTheBank(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 1)
	id := uuid.MustParse(o.ID)
	s.Post("/test/payment_intents/"+o.Payment.IntentID+"/process", object{})
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes'`)
	require.NoError(t, s.Cancellations.Expire(t.Context(), id))
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "pending_payment", b.Read(o.ID).Status, "the bank has not decided")
	s.Level(lamp, 5, 1, 0)
	require.Contains(t, s.Notes(o), "the bank is at work on the payment")

	s.Post("/test/payment_intents/"+o.Payment.IntentID+"/fail", object{}) // it says no
	s.Until("expired", func() bool { return s.Reconciliation.Sweep(t.Context()) == nil && b.Read(o.ID).Status == "expired" })
	s.Level(lamp, 5, 0, 0)
	require.Equal(t, "cancelled", s.Text(`SELECT status FROM payments`))

	paid := b.Order(lamp, 1)
	s.Post("/test/payment_intents/"+paid.Payment.IntentID+"/process", object{})
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '10 minutes' WHERE id = ?`, paid.ID)
	require.NoError(t, s.Cancellations.Expire(t.Context(), uuid.MustParse(paid.ID)))
	s.Succeed(paid.Payment.IntentID)
	s.Until("paid", func() bool { return b.Read(paid.ID).Status == "paid" })

	never := b.Order(lamp, 1)
	s.Post("/test/payment_intents/"+never.Payment.IntentID+"/process", object{})
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '25 hours' WHERE id = ?`, never.ID)
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "expired", b.Read(never.ID).Status, "not for ever")
	require.NoError(t, s.Payments.Settle(t.Context(), uuid.MustParse(never.ID)))
	s.Succeed(never.Payment.IntentID)
	s.Until("late money takes the stock again", func() bool { return b.Read(never.ID).Status == "paid" })
}

// The job is late: time alone frees the stock for the next buyer, and whoever looks sees it.
func TestExpiry_ByTimeAlone(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, slow, quick := s.Lamp(1), s.NewBuyer(), s.NewBuyer()
	o := slow.Order(lamp, 1)
	version := quick.Put(lamp, 1)["version"]
	require.Equal(t, "orders.insufficient_stock", quick.Checkout(version).Want(409).Code())
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '1 second'`)
	quick.Checkout(version).Want(201)
	require.Equal(t, "expired", slow.Read(o.ID).Status)
	require.Nil(t, slow.Read(o.ID).Payment.ClientSecret, "there is nothing to pay any more")
	s.Level(lamp, 1, 1, 0)

	s.Exec(`UPDATE orders SET reserved_until = now() - interval '1 second' WHERE status = 'pending_payment'`)
	theirs := quick.Do("GET", "/v1/orders", nil).Want(200).JSON()["items"].([]any)[0].(object)["id"].(string)
	require.Equal(t, "expired", quick.Read(theirs).Status)
	s.Level(lamp, 1, 0, 0)
	quick.Do("POST", "/v1/orders/"+theirs+"/payment", nil).Want(200)
	require.Equal(t, "expired", quick.Read(theirs).Status, "nothing is to be paid any more")
}

// A reservation that has lapsed never blocks anybody, whatever the provider does.
func TestFault_O21_ALapsedReservationDoesNotBlockWhileTheProviderIsAway(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, slow, quick := s.Lamp(1), s.NewBuyer(), s.NewBuyer()
	o := slow.Order(lamp, 1)
	version := quick.Put(lamp, 1)["version"]
	s.Exec(`UPDATE orders SET reserved_until = now() - interval '1 second'`)
	s.Down.Store(true)
	theirs := apptest.Read[moduletest.Placed](quick.Checkout(version).Want(201))
	require.Equal(t, "expired", slow.Read(o.ID).Status)
	s.Level(lamp, 1, 1, 0)
	s.Down.Store(false)

	s.Succeed(o.Payment.IntentID) // money comes after all: others have the stock
	s.Eventually("it goes back", func() bool { return slow.Read(o.ID).Status == "refunded" })
	require.Equal(t, "pending_payment", quick.Read(theirs.ID).Status)
	s.Level(lamp, 1, 1, 0)
}
