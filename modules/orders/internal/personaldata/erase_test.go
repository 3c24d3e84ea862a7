package personaldata_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/modules/users"
	"atrium/platform/outbox"
)

type object = map[string]any

// An erased person's orders stay, without a name: at once where they have ended, as soon as they end where a parcel is on its way.
func TestErasure_LeavesOrdersUnderAPseudonym(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	lamp, b, other := s.Lamp(9), s.NewBuyer(), s.NewBuyer()
	cancelled, paid, others := b.Order(lamp, 1), b.Order(lamp, 1), other.Order(lamp, 1)
	b.Do("POST", "/v1/orders/"+cancelled.ID+"/cancel", nil).Want(200)
	other.Do("POST", "/v1/orders/"+others.ID+"/cancel", nil).Want(200)
	b.Pay(paid)
	erase := func() {
		require.NoError(t, s.DB.InTx(t.Context(), func(ctx context.Context) error {
			return outbox.New(s.DB).Publish(ctx, users.Deleted{UserID: b.ID})
		}))
		s.Work()
	}
	erase()
	named := func(id string) int64 {
		return s.Number(`SELECT count(*) FROM orders WHERE id = ? AND (address::text LIKE '%Mina%' OR address::text LIKE '%Torstr%')`, id)
	}
	require.Zero(t, named(cancelled.ID))
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM orders WHERE id = ? AND address->>'country' = 'DE'`, cancelled.ID), "what taxes depend on stays")
	require.EqualValues(t, 1, named(paid.ID), "the parcel must find its way")
	require.EqualValues(t, 1, named(others.ID), "somebody else's")
	require.Zero(t, s.Number("SELECT count(*) FROM addresses WHERE user_id = ?", b.ID))

	s.Exec("UPDATE orders SET status = 'delivered' WHERE id = ?", paid.ID)
	require.NoError(t, s.Erasures.Pseudonymise(t.Context()))
	require.Zero(t, named(paid.ID))
	require.EqualValues(t, 2, s.Number("SELECT count(*) FROM orders WHERE user_id = ?", b.ID))
}

// A partial refund keeps nobody's address once everything has arrived.
func TestFault_O11_ADeliveredOrderWithAPartialRefundIsScrubbed(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(9), 2)
	b.Pay(o)
	admin := "/v1/admin/orders/" + o.ID
	s.Refund(o, object{"amount": object{"amount": 10, "currency": "EUR"}})
	s.Work()
	s.Exec("UPDATE orders SET scrub_address = true")
	named := func() int64 {
		t.Helper()
		require.NoError(t, s.Erasures.Pseudonymise(t.Context()))
		return s.Number(`SELECT count(*) FROM orders WHERE address::text LIKE '%Torstr%'`)
	}
	require.EqualValues(t, 1, named(), "nothing was shipped yet")
	s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "1", "lines": []object{{"item_id": o.Items[0].ID, "quantity": 1}}}).Want(200)
	s.Send(s.Admin, "POST", admin+"/ship", object{"carrier": "DHL", "tracking_number": "2"}).Want(200)
	require.EqualValues(t, 1, named(), "the parcels must find their way")
	s.Send(s.Admin, "POST", admin+"/deliver", nil).Want(200)
	require.Zero(t, named())
}
