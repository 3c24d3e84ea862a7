package order_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/modules/users"
	"atrium/platform/outbox"
)

// An erased person's orders stay, without a name: at once where they have ended, as soon as they end where a parcel is on its way.
func TestErasure_LeavesOrdersUnderAPseudonym(t *testing.T) {
	t.Parallel()
	s := setup(t)
	lamp, b, other := s.lamp(9), s.buyer(), s.buyer()
	cancelled, paid, others := b.order(lamp, 1), b.order(lamp, 1), other.order(lamp, 1)
	b.do("POST", "/v1/orders/"+cancelled.ID+"/cancel", nil).Want(200)
	other.do("POST", "/v1/orders/"+others.ID+"/cancel", nil).Want(200)
	b.pay(paid)
	erase := func() {
		require.NoError(t, s.db.InTx(t.Context(), func(ctx context.Context) error {
			return outbox.New(s.db).Publish(ctx, users.Deleted{UserID: b.id})
		}))
		s.work()
	}
	erase()
	named := func(id string) int64 {
		return s.number(`SELECT count(*) FROM orders WHERE id = ? AND (address::text LIKE '%Mina%' OR address::text LIKE '%Torstr%')`, id)
	}
	require.Zero(t, named(cancelled.ID))
	require.EqualValues(t, 1, s.number(`SELECT count(*) FROM orders WHERE id = ? AND address->>'country' = 'DE'`, cancelled.ID), "what taxes depend on stays")
	require.EqualValues(t, 1, named(paid.ID), "the parcel must find its way")
	require.EqualValues(t, 1, named(others.ID), "somebody else's")
	require.Zero(t, s.number("SELECT count(*) FROM addresses WHERE user_id = ?", b.id))

	s.exec("UPDATE orders SET status = 'delivered' WHERE id = ?", paid.ID)
	require.NoError(t, s.service.SweepPseudonyms(t.Context()))
	require.Zero(t, named(paid.ID))
	require.EqualValues(t, 2, s.number("SELECT count(*) FROM orders WHERE user_id = ?", b.id))
}
