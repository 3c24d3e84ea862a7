package reconciliation_test

import (
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
)

type object = map[string]any

func TestReconcile(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	s.SendEventsTo("")
	lamp, b := s.Lamp(50), s.NewBuyer()
	lost, refunded, cut := b.Order(lamp, 1), b.Order(lamp, 1), b.Order(lamp, 1)
	s.Succeed(lost.Payment.IntentID)
	b.PayBy("pm_card_pendingRefund", refunded)
	s.Refund(refunded, object{})
	s.Work()
	s.Post("/test/refunds/"+s.Text(`SELECT provider_refund_id FROM refunds`)+"/succeed", object{})
	s.Exec(`UPDATE payments SET intent_id = NULL, client_secret = NULL WHERE intent_id = ?`, cut.Payment.IntentID)
	s.Succeed(cut.Payment.IntentID) // paid, though we never heard that the intent exists

	require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
	require.Equal(t, "paid", b.Read(lost.ID).Status)
	require.Equal(t, "paid", b.Read(cut.ID).Status)
	require.Equal(t, "refunded", b.Read(refunded.ID).Status)
	require.EqualValues(t, 3, s.Number(`SELECT mended FROM payment_reconciliations`))
	require.Zero(t, s.Number(`SELECT drift FROM payment_reconciliations`))
	require.Zero(t, s.Drift())

	s.API("/v1/payment_intents", "amount=77&currency=eur&metadata[order_id]="+uuid.NewString()+"&confirm=true&payment_method=pm_card_visa")
	s.Exec(`UPDATE payments SET captured = captured + 1 WHERE intent_id = ?`, lost.Payment.IntentID)
	require.NoError(t, s.Reconciliation.Reconcile(t.Context()))
	findings := s.Text(`SELECT findings::text FROM payment_reconciliations ORDER BY id DESC LIMIT 1`)
	require.Contains(t, findings, "money without an order")
	require.Contains(t, findings, "payment differs")
	require.Contains(t, findings, "order does not balance")
	require.EqualValues(t, 3, s.Drift())
	require.EqualValues(t, 3, s.Alerts("drift"))
}

func TestSweep_FindsALostWebhook(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	s.SendEventsTo("")
	b := s.NewBuyer()
	o := b.Order(s.Lamp(1), 1)
	s.Succeed(o.Payment.IntentID)
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "pending_payment", b.Read(o.ID).Status, "it was looked at just now")
	s.Exec(`UPDATE payments SET checked_at = now() - interval '1 hour'`)
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "paid", b.Read(o.ID).Status)
}

func TestRefund_WhoseWebhookIsLostIsLookedAtBySweep(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	s.SendEventsTo("")
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 1)
	b.PayBy("pm_card_pendingRefund", o)
	s.Refund(o, object{})
	s.Work()
	s.Post("/test/refunds/"+s.Text(`SELECT provider_refund_id FROM refunds`)+"/succeed", object{})
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "paid", b.Read(o.ID).Status, "it was looked at just now")
	s.Exec(`UPDATE refunds SET checked_at = now() - interval '1 day'`)
	require.NoError(t, s.Reconciliation.Sweep(t.Context()))
	require.Equal(t, "refunded", b.Read(o.ID).Status)
}
