package payment

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/order"
	"atrium/platform/money"
	"atrium/platform/payment"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	id, price := uuid.New(), money.Of(5000, "EUR")
	attempt := order.Payment{Amount: 5000, Currency: "EUR"}
	intent := func(status payment.Status, received int64) payment.Intent {
		return payment.Intent{OrderID: id.String(), Status: status, Amount: price, Received: money.Of(received, "EUR")}
	}
	for name, tc := range map[string]struct {
		status      order.Status
		intent      payment.Intent
		unavailable bool
		want        decision
	}{
		"open":                           {order.PendingPayment, intent(payment.StatusOpen, 0), false, decideWait},
		"at the bank":                    {order.PendingPayment, intent(payment.StatusProcessing, 0), false, decideWait},
		"cancelled":                      {order.Expired, intent(payment.StatusCancelled, 0), false, decideWait},
		"paid in time":                   {order.PendingPayment, intent(payment.StatusSucceeded, 5000), false, decidePay},
		"too little":                     {order.PendingPayment, intent(payment.StatusSucceeded, 4999), false, decideReview},
		"another order's":                {order.PendingPayment, payment.Intent{Status: payment.StatusOpen, Amount: price}, false, decideReview},
		"late":                           {order.Expired, intent(payment.StatusSucceeded, 5000), false, decideReinstate},
		"late, and the stock is gone":    {order.Expired, intent(payment.StatusSucceeded, 5000), true, decideRefundLate},
		"after the order was cancelled":  {order.Cancelled, intent(payment.StatusSucceeded, 5000), false, decideRefund},
		"by a second attempt":            {order.Paid, intent(payment.StatusSucceeded, 5000), false, decideRefund},
		"late with too much, stock gone": {order.Expired, intent(payment.StatusSucceeded, 5001), true, decideReview},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, decide(&order.Order{ID: id, Status: tc.status}, attempt, tc.intent, tc.unavailable))
		})
	}
}
