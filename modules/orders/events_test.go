package orders_test

import (
	"testing"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/platform/outbox/outboxtest"
)

func TestEvents_PayloadsAreAsWritten(t *testing.T) {
	t.Parallel()
	order, user, refund := uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0001"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0002"), uuid.MustParse("0199c2f0-1f4e-7a53-b1f4-9f2f6a1f0003")
	moved := orders.Moved{OrderID: order, UserID: user, Number: "A-7KQ2-9XFD"}
	outboxtest.Golden(t,
		orders.Placed{Moved: moved},
		orders.Paid{Moved: moved},
		orders.Shipped{Moved: moved, Carrier: "DHL", TrackingNumber: "JD014600003"},
		orders.Delivered{Moved: moved},
		orders.Cancelled{Moved: moved},
		orders.Expired{Moved: moved},
		orders.Refunded{Moved: moved, RefundID: refund, Amount: 12_900, Currency: "EUR"},
	)
}
