package refund_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/money"
)

type object = map[string]any

func TestRefund(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(9), s.NewBuyer()
	refund := func(o moduletest.Placed, body object) *apptest.Response {
		body["reason"] = "broken"
		return s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", body)
	}
	t.Run("of lines that were not shipped puts them back", func(t *testing.T) {
		o := b.Order(lamp, 3)
		refund(o, object{}).Want(409)
		b.Pay(o)
		lines := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
		r := refund(o, object{"lines": lines}).Want(201).JSON()
		require.Equal(t, object{"amount": 5000.0, "currency": "EUR"}, r["amount"])
		s.Work()
		require.Equal(t, "partially_refunded", b.Read(o.ID).Status)
		s.Level(lamp, 7, 0, 2)
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 3}}, "carrier": "DHL", "tracking_number": "1"}).Want(409)
		require.Equal(t, "partially_refunded", s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200).JSON()["status"])
		refund(o, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 3}}}).Want(409)
		require.EqualValues(t, 10000, refund(o, object{}).Want(201).JSON()["amount"].(object)["amount"])
		s.Work()
		require.Equal(t, "refunded", b.Read(o.ID).Status)
		s.Level(lamp, 7, 0, 2)
		refund(o, object{}).Want(409)
	})
	t.Run("two at once never exceed what was captured", func(t *testing.T) {
		o := b.Order(lamp, 1)
		b.Pay(o)
		var made, refused atomic.Int64
		var all sync.WaitGroup
		for range 10 {
			all.Go(func() {
				switch refund(o, object{"amount": money.Of(3000, "EUR")}).Status {
				case 201:
					made.Add(1)
				case 409:
					refused.Add(1)
				}
			})
		}
		all.Wait()
		require.EqualValues(t, 1, made.Load())
		require.EqualValues(t, 9, refused.Load())
		require.Error(t, s.DB.Conn(t.Context()).Exec(`UPDATE payments SET refunded = captured + 1`).Error, "the database does not let it")
	})
	t.Run("bad input", func(t *testing.T) {
		o := b.Order(lamp, 1)
		b.Pay(o)
		require.Equal(t, 422, refund(o, object{"amount": money.Of(1, "USD")}).Status)
		require.Equal(t, 422, refund(o, object{"amount": money.Of(0, "EUR")}).Status)
		require.Equal(t, 422, refund(o, object{"lines": []object{{"item_id": uuid.New(), "quantity": 1}}}).Status)
		require.Equal(t, 422, refund(o, object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}, "amount": money.Of(1, "EUR")}).Status)
		require.Equal(t, 404, refund(moduletest.Placed{ID: uuid.NewString()}, object{}).Status)
	})
}

func TestRefund_OfShippedPiecesPutsThemBackIfAsked(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(5), s.NewBuyer()
	o := b.Order(lamp, 3)
	b.Pay(o)
	s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200)
	line := func(n int) []object { return []object{{"item_id": o.Items[0].ID, "quantity": n}} }
	s.Refund(o, object{"lines": line(1)})
	s.Level(lamp, 2, 0, 3)
	s.Refund(o, object{"lines": line(2), "restock": true})
	s.Level(lamp, 4, 0, 1)
	s.Work()
	require.Equal(t, "refunded", b.Read(o.ID).Status)
}

// Whoever says what becomes of the pieces speaks of shipped ones.
func TestFault_O1_ARefundedBrokenPieceIsAShippedOne(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b := s.Lamp(9), s.NewBuyer()
	o := b.Order(lamp, 3)
	b.Pay(o)
	line := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
	s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1", "lines": line}).Want(200)
	s.Refund(o, object{"lines": line, "restock": false})
	s.Level(lamp, 6, 0, 3)
	require.EqualValues(t, 2, s.Number(`SELECT quantity - shipped - withdrawn FROM order_items`))
	s.Refund(o, object{"lines": line}) // one that was not shipped
	s.Level(lamp, 7, 0, 2)
	require.EqualValues(t, 1, s.Number(`SELECT quantity - shipped - withdrawn FROM order_items`))
}

// Pieces and money are two things: what cost nothing is refunded, withdrawn and put back like everything else.
func TestFault_O10_PiecesThatCostNothing(t *testing.T) {
	t.Parallel()
	t.Run("a free piece beside others", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		gift, lamp, b := s.Shop.Add("Sample", money.Of(0, "EUR"), 9), s.Lamp(9), s.NewBuyer()
		b.Put(gift, 2)
		o := b.Order(lamp, 1)
		b.Pay(o)
		free := s.Text(`SELECT id FROM order_items WHERE unit_price = 0`)
		line := []object{{"item_id": free, "quantity": 1}}
		made := s.Refund(o, object{"lines": line})
		require.Equal(t, "succeeded", made["status"])
		require.Equal(t, object{"amount": 0.0, "currency": "EUR"}, made["amount"])
		s.Level(gift, 8, 0, 1)
		require.Equal(t, "paid", b.Read(o.ID).Status, "no money has gone back")
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200)
		s.Refund(o, object{"lines": line, "restock": true})
		s.Level(gift, 9, 0, 0)
		s.Send(s.Admin, "POST", "/v1/admin/orders/"+o.ID+"/refund", object{"lines": line, "reason": "broken"}).Want(409)
		require.EqualValues(t, 5000, s.Refund(o, object{})["amount"].(object)["amount"])
		s.Work()
		require.Equal(t, "refunded", b.Read(o.ID).Status)
	})
	t.Run("halves of a cent", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		s.Send(s.Admin, "POST", "/v1/admin/coupons", object{"code": "HALF", "percent": 50, "automatic": true}).Want(201)
		cent, lamp, b := s.Shop.Add("Nail", money.Of(1, "EUR"), 9), s.Lamp(9), s.NewBuyer()
		b.Put(cent, 2)
		o := b.Order(lamp, 1)
		b.Pay(o)
		nail := []object{{"item_id": s.Text(`SELECT id FROM order_items WHERE unit_price = 1`), "quantity": 1}}
		require.EqualValues(t, 0, s.Refund(o, object{"lines": nail})["amount"].(object)["amount"])
		require.EqualValues(t, 1, s.Refund(o, object{"lines": nail})["amount"].(object)["amount"])
		s.Level(cent, 9, 0, 0)
	})
	t.Run("an order that cost nothing", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		gift, b := s.Shop.Add("Sample", money.Of(0, "EUR"), 9), s.NewBuyer()
		called, refunded := b.Order(gift, 2), b.Order(gift, 2)
		s.Work()
		require.Equal(t, "cancelled", s.Send(s.Admin, "POST", "/v1/admin/orders/"+called.ID+"/cancel", nil).Want(200).JSON()["status"])
		s.Level(gift, 7, 0, 2)
		b.Do("POST", "/v1/admin/orders/"+refunded.ID+"/cancel", nil).Want(403)
		s.Refund(refunded, object{"lines": []object{{"item_id": refunded.Items[0].ID, "quantity": 1}}})
		require.Equal(t, "paid", b.Read(refunded.ID).Status)
		s.Refund(refunded, object{})
		require.Equal(t, "refunded", b.Read(refunded.ID).Status)
		s.Level(gift, 9, 0, 0)
	})
}
