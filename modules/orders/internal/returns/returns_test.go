package returns_test

import (
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
)

type object = map[string]any

func TestReturn_FromTheRequestToTheRefund(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(9), s.NewBuyer()
	o := b.Order(lamp, 3)
	b.Pay(o)
	path := "/v1/orders/" + o.ID + "/returns"
	ask := func(n int, header ...string) *apptest.Response {
		return b.Do("POST", path, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": n}}, "reason": "too large"}, header...)
	}
	require.Equal(t, "orders.wrong_state", ask(1).Want(409).Code(), "nothing was shipped yet")
	s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{
		"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}},
	}).Want(200)

	r := ask(1, "Idempotency-Key", "return").Want(201).JSON()
	require.Equal(t, "requested", r["status"])
	s.Exec(`UPDATE idempotency_records SET status = NULL, headers = NULL, body = NULL, lease_until = now() WHERE key = 'return'`)
	require.Equal(t, r["id"], ask(1, "Idempotency-Key", "return").Want(201).JSON()["id"], "a repetition after a crash asks for nothing more")
	require.Equal(t, "orders.nothing_to_return", ask(2).Want(409).Code(), "one of the two is in a return already")
	second := ask(1).Want(201).JSON()

	admin := func(r object, step string, body object) *apptest.Response {
		return s.Send(s.Admin, "POST", "/v1/admin/returns/"+r["id"].(string)+"/"+step, body)
	}
	require.Equal(t, "rejected", admin(second, "reject", object{"note": "it was used"}).Want(200).JSON()["status"])
	admin(second, "approve", object{}).Want(409)
	admin(second, "receive", object{"restock": true}).Want(409)
	admin(r, "receive", object{"restock": true}).Want(409)
	require.Equal(t, "approved", admin(r, "approve", object{}).Want(200).JSON()["status"])
	require.EqualValues(t, 2, admin(r, "approve", object{}).Want(200).JSON()["version"], "approving twice is approving once")

	var all sync.WaitGroup
	for range 5 {
		all.Go(func() { admin(r, "receive", object{"restock": true}).Want(200) })
	}
	all.Wait()
	s.Work()
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM refunds`))
	require.EqualValues(t, 5000, s.Number(`SELECT amount FROM refunds WHERE status = 'succeeded'`))
	require.Equal(t, "partially_refunded", b.Read(o.ID).Status)
	s.Level(lamp, 7, 0, 2)
	require.Subset(t, s.Notes(o), []string{"a return was asked for", "the return was rejected", "the return was approved", "the return has arrived"})

	mine := b.Do("GET", path, nil).Want(200).JSON()["items"].([]any)
	require.Len(t, mine, 2)
	require.Equal(t, "it was used", mine[0].(object)["note"])
	require.NotNil(t, mine[1].(object)["refund_id"])
	require.Len(t, s.Send(s.Admin, "GET", "/v1/admin/returns?status=received", nil).Want(200).JSON()["items"], 1)
	ask(2).Want(409)
	thief := s.NewBuyer()
	thief.Do("GET", path, nil).Want(404)
	thief.Do("POST", path, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}, "reason": "mine"}).Want(404)
	thief.Do("GET", "/v1/admin/returns", nil).Want(403)

	s.Exec(`UPDATE shipments SET shipped_at = now() - interval '2 days'`)
	require.Equal(t, "orders.return_too_late", ask(1).Want(409).Code())
}

// A returned piece is a shipped one: what is still to ship stays to be shipped, and the shelf gets what the admin says.
func TestFault_O1_AReturnedPieceIsAShippedOne(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		restock bool
		onHand  int64
	}{"that can be sold again": {true, 7}, "that cannot": {false, 6}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := moduletest.New(t)
			lamp, b := s.Lamp(9), s.NewBuyer()
			o := b.Order(lamp, 3)
			b.Pay(o)
			line := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
			ship := "/v1/admin/orders/" + o.ID + "/ship"
			s.Send(s.Admin, "POST", ship, object{"carrier": "DHL", "tracking_number": "1", "lines": line}).Want(200)
			id := b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": line, "reason": "too large"}).Want(201).JSON()["id"].(string)
			s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/approve", object{}).Want(200)
			s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/receive", object{"restock": tc.restock}).Want(200)
			s.Work()
			s.Level(lamp, tc.onHand, 0, 9-tc.onHand)
			require.EqualValues(t, 2, s.Number(`SELECT quantity - shipped - withdrawn FROM order_items`), "two stay to ship")
			s.Send(s.Admin, "POST", ship, object{"carrier": "DHL", "tracking_number": "2", "lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}}).Want(200)
		})
	}
	t.Run("and orders that are stuck are mended", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		lamp, b := s.Lamp(9), s.NewBuyer()
		o := b.Order(lamp, 3)
		b.Pay(o)
		line := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
		ship := "/v1/admin/orders/" + o.ID + "/ship"
		s.Send(s.Admin, "POST", ship, object{"carrier": "DHL", "tracking_number": "1", "lines": line}).Want(200)
		id := b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": line, "reason": "too large"}).Want(201).JSON()["id"].(string)
		s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/approve", object{}).Want(200)
		s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/receive", object{"restock": true}).Want(200)
		s.Work()
		s.Exec(`UPDATE order_items SET withdrawn = 1, restocked = 0`) // as an earlier release counted it
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.EqualValues(t, 1, s.Number(`SELECT mended FROM payment_reconciliations`))
		require.Contains(t, s.Notes(o), "pieces that had been counted as returned are to be shipped again")
		s.Send(s.Admin, "POST", ship, object{"carrier": "DHL", "tracking_number": "2", "lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}}).Want(200)
		require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
		require.Zero(t, s.Number(`SELECT mended FROM payment_reconciliations ORDER BY id DESC LIMIT 1`), "once")
		s.Level(lamp, 7, 0, 2)
	})
}

// What is on its way back may be refunded before it arrives: it can be received all the same.
func TestFault_O8_ARefundedReturnCanBeReceived(t *testing.T) {
	t.Parallel()
	for name, refund := range map[string]func(o moduletest.Placed) object{
		"its line": func(o moduletest.Placed) object {
			return object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}}
		},
		"the order": func(moduletest.Placed) object { return object{} },
		"by amount": func(o moduletest.Placed) object { return object{"amount": o.Total} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := moduletest.New(t)
			lamp, b := s.Lamp(9), s.NewBuyer()
			o := b.Order(lamp, 2)
			b.Pay(o)
			s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200)
			id := b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 2}}, "reason": "too large"}).Want(201).JSON()["id"].(string)
			s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/approve", object{}).Want(200)
			s.Refund(o, refund(o))
			s.Work()
			received := s.Send(s.Admin, "POST", "/v1/admin/returns/"+id+"/receive", object{"restock": true}).Want(200).JSON()
			require.Equal(t, "received", received["status"])
			require.Nil(t, received["refund_id"], "there is nothing more to refund")
			s.Level(lamp, 9, 0, 0)
			require.Zero(t, s.Number(`SELECT captured - refunded FROM payments`))
		})
	}
}

// Each parcel has its own window: a later one does not begin that of an earlier one anew.
func TestFault_O22_TheReturnWindowIsTheParcels(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(9), 3)
	b.Pay(o)
	ask := func(quantity int) *apptest.Response {
		return b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": quantity}}, "reason": "too large"})
	}
	ship := func(quantity int) {
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{
			"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": o.Items[0].ID, "quantity": quantity}},
		}).Want(200)
	}
	ship(2)
	s.Exec(`UPDATE shipments SET shipped_at = now() - interval '2 days'`)
	require.Equal(t, "orders.return_too_late", ask(1).Want(409).Code())
	ship(1)
	require.Equal(t, "orders.return_too_late", ask(2).Want(409).Code(), "one of two is of the first parcel")
	ask(1).Want(201)
	require.Equal(t, "orders.return_too_late", ask(1).Want(409).Code())
}
