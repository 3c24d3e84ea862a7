package fulfilment_test

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders"
	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
	"atrium/platform/money"
	"atrium/platform/tasks/taskstest"
)

type object = map[string]any

func TestPurchase_FromTheCartToTheDoor(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t, func(c *orders.Config) { c.Shipping = map[string]int64{"EUR": 490} })
	lamp, b := s.Lamp(5), s.NewBuyer()
	cart := b.Put(lamp, 2)
	require.Equal(t, object{"amount": 10000.0, "currency": "EUR"}, cart["subtotal"])
	answer := b.Checkout(cart["version"]).Want(201)
	o := apptest.Read[moduletest.Placed](answer)
	require.Equal(t, "/v1/orders/"+o.ID, answer.Header.Get("Location"))
	require.Equal(t, "pending_payment", o.Status)
	require.Regexp(t, `^AT-[0-9A-Z]{4}-[0-9A-Z]{4}$`, o.Number)
	require.Equal(t, money.Of(10490, "EUR"), o.Total)
	require.Equal(t, money.Of(1675, "EUR"), o.Tax, "10490 * 19 / 119")
	require.True(t, strings.HasPrefix(*o.Payment.ClientSecret, o.Payment.IntentID+"_secret_"))
	require.Empty(t, b.Cart()["items"], "a checkout empties the cart")
	s.Level(lamp, 5, 2, 0)
	require.Len(t, taskstest.Events[orders.Placed](t, s.DB), 1)

	s.Succeed(o.Payment.IntentID) // nobody asks: the webhook tells
	s.Until("paid and fulfilled", func() bool {
		return b.Read(o.ID).Status == "paid" && s.Number(`SELECT count(*) FROM orders WHERE stock = 'sold'`) == 1
	})
	s.Level(lamp, 3, 0, 2)
	require.Len(t, taskstest.Events[orders.Paid](t, s.DB), 1)

	admin := "/v1/admin/orders/" + o.ID
	s.Send(s.Admin, "POST", admin+"/deliver", object{}).Want(409)
	parcel := object{"lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}, "carrier": "DHL", "tracking_number": "1"}
	require.Equal(t, "partially_shipped", s.Send(s.Admin, "POST", admin+"/ship", parcel).Want(200).JSON()["status"])
	require.Equal(t, 409, b.Do("POST", "/v1/orders/"+o.ID+"/cancel", nil).Status)
	shipped := s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "2"}).Want(200).JSON()
	require.Equal(t, "shipped", shipped["status"])
	require.Nil(t, shipped["payment"].(object)["client_secret"], "the secret is the owner's")
	s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "3"}).Want(409)
	require.Equal(t, "delivered", s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(200).JSON()["status"])
	require.Len(t, taskstest.Events[orders.Shipped](t, s.DB), 2)
	require.Len(t, taskstest.Events[orders.Delivered](t, s.DB), 1)
	var states []string
	for _, entry := range b.Read(o.ID).Steps {
		states = append(states, entry.Status)
	}
	require.Equal(t, []string{"pending_payment", "paid", "partially_shipped", "shipped", "delivered"}, states)
	receipt, err := s.Orders.Receipt(t.Context(), uuid.MustParse(o.ID))
	require.NoError(t, err)
	require.Equal(t, o.Number, receipt.Number)
	require.Equal(t, int64(2), receipt.Lines[0].Quantity)
}

// No lines are none, not all of them.
func TestFault_O12_EmptyLinesAreNotTheWholeOrder(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 2)
	b.Pay(o)
	admin := "/v1/admin/orders/" + o.ID
	s.Send(s.Admin, "POST", admin+"/ship", object{"lines": []object{}, "carrier": "DHL", "tracking_number": "1"}).Want(422)
	s.Send(s.Admin, "POST", admin+"/refund", object{"lines": []object{}, "reason": "broken"}).Want(422)
	require.Equal(t, "paid", b.Read(o.ID).Status)
	require.Zero(t, s.Number(`SELECT count(*) FROM refunds`))
	require.Equal(t, "shipped", s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "1"}).Want(200).JSON()["status"])
}

// How far the pieces got and what was paid back are told side by side, and an order is delivered once.
func TestFault_O14_DeliveredAndRefundedStandSideBySide(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 2)
	b.Pay(o)
	admin := "/v1/admin/orders/" + o.ID
	line := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
	read := func() object { return b.Do("GET", "/v1/orders/"+o.ID, nil).Want(200).JSON() }
	s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "1", "lines": line}).Want(200)
	s.Refund(o, object{"amount": object{"amount": 10, "currency": "EUR"}})
	s.Work()
	require.Equal(t, "partially_refunded", read()["status"])
	require.Nil(t, read()["delivered_at"])
	s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(409)
	require.Equal(t, "partially_refunded", s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "2"}).Want(200).JSON()["status"])
	delivered := s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(200).JSON()
	require.Equal(t, "partially_refunded", delivered["status"])
	require.NotNil(t, delivered["delivered_at"])
	require.Equal(t, object{"amount": 10.0, "currency": "EUR"}, delivered["refunded"])
	s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(409)
	require.Len(t, taskstest.Events[orders.Delivered](t, s.DB), 1)

	returned := b.Do("POST", "/v1/orders/"+o.ID+"/returns", object{"lines": line, "reason": "too large"}).Want(201).JSON()["id"].(string)
	s.Send(s.Admin, "POST", "/v1/admin/returns/"+returned+"/approve", object{}).Want(200)
	s.Send(s.Admin, "POST", "/v1/admin/returns/"+returned+"/receive", object{"restock": true}).Want(200)
	s.Work()
	item := read()["items"].([]any)[0].(object)
	require.Equal(t, []any{2.0, 1.0, 1.0}, []any{item["shipped"], item["returned"], item["refunded"]})
	require.Equal(t, object{"amount": 5010.0, "currency": "EUR"}, read()["refunded"])
	require.Equal(t, delivered["delivered_at"], read()["delivered_at"])

	s.Refund(o, object{})
	s.Work()
	require.Equal(t, "refunded", read()["status"])
	s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(409)
}

// What will never be shipped holds nothing up, whatever becomes of its money.
func TestFault_O9_TheRestOfAPartialShipmentThatIsRefunded(t *testing.T) {
	t.Parallel()
	for name, refused := range map[string]bool{"is on its way back": false, "is refused by the bank": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := moduletest.New(t)
			b := s.NewBuyer()
			o := b.Order(s.Lamp(5), 2)
			b.PayBy("pm_card_pendingRefund", o)
			line := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
			admin := "/v1/admin/orders/" + o.ID
			require.Equal(t, "partially_shipped", s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "1", "lines": line}).Want(200).JSON()["status"])
			s.Refund(o, object{"lines": line})
			s.Until("the bank has it", func() bool { return s.Text(`SELECT status FROM refunds`) == "processing" })
			if refused {
				s.Post("/test/refunds/"+s.Text(`SELECT provider_refund_id FROM refunds`)+"/fail", object{})
				s.Until("it is refused", func() bool { return s.Text(`SELECT status FROM refunds`) == "failed" })
			}
			require.Equal(t, "shipped", b.Read(o.ID).Status)
			require.Equal(t, "delivered", s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(200).JSON()["status"])
		})
	}
	t.Run("stood still in an earlier release", func(t *testing.T) {
		t.Parallel()
		s := moduletest.New(t)
		b := s.NewBuyer()
		o := b.Order(s.Lamp(5), 2)
		b.Pay(o)
		line := []object{{"item_id": o.Items[0].ID, "quantity": 1}}
		admin := "/v1/admin/orders/" + o.ID
		s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "1", "lines": line}).Want(200)
		s.Exec(`UPDATE order_items SET refunded = 1, withdrawn = 1`)
		require.Equal(t, "delivered", s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(200).JSON()["status"])
	})
}
