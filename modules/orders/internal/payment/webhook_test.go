package payment_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/orders/internal/moduletest"
	"atrium/platform/apptest"
)

func TestWebhook_IsNotBelievedWithoutItsSignature(t *testing.T) {
	t.Parallel()
	s := moduletest.New(t)
	b := s.NewBuyer()
	o := b.Order(s.Lamp(5), 1)
	body := fmt.Sprintf(`{"id": "evt_1", "object": "event", "created": 1, "livemode": false, "type": "payment_intent.succeeded",
		"data": {"object": {"id": %q, "object": "payment_intent"}}}`, o.Payment.IntentID)
	send := func(body, signature string) *apptest.Response {
		return s.App.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/webhooks/stripe", Body: body, Header: map[string]string{"Stripe-Signature": signature}})
	}
	for name, signature := range map[string]string{
		"missing": "", "nonsense": "x", "another secret": moduletest.Signed(body, "whsec_other", time.Now()),
		"of another body": moduletest.Signed(body+" ", moduletest.SigningSecret, time.Now()), "stale": moduletest.Signed(body, moduletest.SigningSecret, time.Now().Add(-6*time.Minute)),
	} {
		require.Equal(t, "orders.invalid_signature", send(body, signature).Want(400).Code(), name)
	}
	require.Equal(t, 413, send(strings.Repeat(" ", 256<<10+1), "x").Status)
	require.Zero(t, s.Number(`SELECT count(*) FROM payment_events WHERE event_id = 'evt_1'`), "nothing is touched")

	s.Exec(`ALTER TABLE payment_events RENAME TO elsewhere`) // as if the database were down: the provider comes again
	require.GreaterOrEqual(t, send(body, moduletest.Signed(body, moduletest.SigningSecret, time.Now())).Status, 500)
	require.Equal(t, 400, send(body, "x").Status, "the signature comes before the database")
	s.Exec(`ALTER TABLE elsewhere RENAME TO payment_events`)
	send(body, moduletest.Signed(body, moduletest.SigningSecret, time.Now())).Want(200)
	send(body, moduletest.Signed(body, moduletest.SigningSecret, time.Now())).Want(200)
	require.EqualValues(t, 1, s.Number(`SELECT count(*) FROM payment_events WHERE event_id = 'evt_1'`))
	s.Work()
	require.Equal(t, "pending_payment", b.Read(o.ID).Status, "the provider is asked, and says that nobody has paid")
	unknown := `{"id": "evt_2", "object": "event", "created": 1, "livemode": false, "type": "customer.created", "data": {"object": {"id": "cus_1", "object": "customer"}}}`
	send(unknown, moduletest.Signed(unknown, moduletest.SigningSecret, time.Now())).Want(200)
}
