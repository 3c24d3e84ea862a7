package main

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	stripego "github.com/stripe/stripe-go/v84"
	"github.com/stripe/stripe-go/v84/webhook"
)

const webhookSecret = "whsec_test"

// hook is a webhook that checks signatures and can be told to fail.
type hook struct {
	mu       sync.Mutex
	failures int // how many deliveries are refused before one is taken
	attempts int
	events   []stripego.Event
}

func (h *hook) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.attempts++
	payload, _ := io.ReadAll(r.Body)
	event, err := webhook.ConstructEvent(payload, r.Header.Get("Stripe-Signature"), webhookSecret)
	if err != nil || h.failures > 0 {
		h.failures--
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	h.events = append(h.events, event)
}

// count tells how often an event of that type arrived.
func (h *hook) count(kind stripego.EventType) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, event := range h.events {
		if event.Type == kind {
			n++
		}
	}
	return n
}

type stripeBench struct {
	url    string
	hook   *hook
	client *stripego.Client
}

func newStripeBench(t *testing.T) *stripeBench {
	t.Helper()
	server := newStripe()
	api := httptest.NewServer(server.handler())
	b := &stripeBench{url: api.URL, hook: &hook{}}
	target := httptest.NewServer(b.hook)
	t.Cleanup(func() {
		server.close()
		api.Close()
		target.Close()
	})
	server.addAccount("sk_test_1", target.URL, webhookSecret)
	b.client = b.clientFor("sk_test_1")
	return b
}

func (b *stripeBench) clientFor(key string) *stripego.Client {
	return stripego.NewClient(key, stripego.WithBackends(stripego.NewBackendsWithConfig(&stripego.BackendConfig{
		URL: stripego.String(b.url), MaxNetworkRetries: stripego.Int64(0), LeveledLogger: &stripego.LeveledLogger{},
	})))
}

func (b *stripeBench) create(t *testing.T, amount int64) *stripego.PaymentIntent {
	t.Helper()
	made, err := b.client.V1PaymentIntents.Create(t.Context(), &stripego.PaymentIntentCreateParams{
		Amount: stripego.Int64(amount), Currency: stripego.String("EUR"), Metadata: map[string]string{"order_id": "o-1"},
		AutomaticPaymentMethods: &stripego.PaymentIntentCreateAutomaticPaymentMethodsParams{Enabled: stripego.Bool(true)},
	})
	require.NoError(t, err)
	return made
}

func (b *stripeBench) test(t *testing.T, path string, body any) int {
	t.Helper()
	return call(t, http.MethodPost, b.url+"/test/"+path, body, nil).StatusCode
}

// stripeCode is the code of Stripe's error, as stripe-go reads it.
func stripeCode(err error) stripego.ErrorCode {
	var fault *stripego.Error
	if errors.As(err, &fault) {
		return fault.Code
	}
	return ""
}

func TestPaymentIsMadeAndAnnounced(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	made := b.create(t, 129900)
	require.Equal(t, stripego.PaymentIntentStatusRequiresPaymentMethod, made.Status)
	require.Contains(t, made.ClientSecret, made.ID+"_secret_")
	require.Equal(t, "o-1", made.Metadata["order_id"])

	require.Equal(t, 200, b.test(t, "payment_intents/"+made.ID+"/fail", nil))
	declined, err := b.client.V1PaymentIntents.Retrieve(t.Context(), made.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.ErrorCodeCardDeclined, declined.LastPaymentError.Code)
	require.Equal(t, stripego.PaymentIntentStatusRequiresPaymentMethod, declined.Status)

	for range 2 {
		require.Equal(t, 200, b.test(t, "payment_intents/"+made.ID+"/succeed", nil))
	}
	require.Equal(t, 409, b.test(t, "payment_intents/"+made.ID+"/fail", nil))
	require.Equal(t, 404, b.test(t, "payment_intents/pi_none/succeed", nil))
	paid, err := b.client.V1PaymentIntents.Retrieve(t.Context(), made.ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.PaymentIntentStatusSucceeded, paid.Status)
	require.Equal(t, int64(129900), paid.AmountReceived)
	require.NotEmpty(t, paid.LatestCharge.ID)
	_, err = b.client.V1PaymentIntents.Cancel(t.Context(), made.ID, nil)
	require.Equal(t, stripego.ErrorCodePaymentIntentUnexpectedState, stripeCode(err))

	var events []map[string]string
	call(t, http.MethodGet, b.url+"/test/events?payment_intent="+made.ID, nil, &events)
	var kinds []string
	for _, event := range events {
		kinds = append(kinds, event["type"])
	}
	require.Equal(t, []string{"payment_intent.created", "payment_intent.payment_failed", "payment_intent.succeeded"}, kinds)
	eventually(t, "the event arrives", func() bool { return b.hook.count("payment_intent.succeeded") == 1 })
	require.Equal(t, 200, b.test(t, "events/"+events[2]["id"]+"/resend", nil))
	eventually(t, "the event arrives again", func() bool { return b.hook.count("payment_intent.succeeded") == 2 })
	require.Equal(t, 404, b.test(t, "events/evt_none/resend", nil))
}

func TestIntentsAreCancelledAndListed(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	first, second := b.create(t, 100), b.create(t, 200)
	cancelled, err := b.client.V1PaymentIntents.Cancel(t.Context(), first.ID, &stripego.PaymentIntentCancelParams{CancellationReason: stripego.String("abandoned")})
	require.NoError(t, err)
	require.Equal(t, stripego.PaymentIntentStatusCanceled, cancelled.Status)
	require.Equal(t, 409, b.test(t, "payment_intents/"+first.ID+"/succeed", nil))
	eventually(t, "the event arrives", func() bool { return b.hook.count("payment_intent.canceled") == 1 })
	var ids []string
	params := &stripego.PaymentIntentListParams{CreatedRange: &stripego.RangeQueryParams{GreaterThanOrEqual: first.Created}}
	params.Limit = stripego.Int64(1) // stripe-go asks for the next pages by itself
	for found, err := range b.client.V1PaymentIntents.List(t.Context(), params) {
		require.NoError(t, err)
		ids = append(ids, found.ID)
	}
	require.Equal(t, []string{second.ID, first.ID}, ids)
	params = &stripego.PaymentIntentListParams{CreatedRange: &stripego.RangeQueryParams{LesserThan: first.Created}}
	for older, err := range b.client.V1PaymentIntents.List(t.Context(), params) {
		require.NoError(t, err)
		require.Nil(t, older, "nothing is older")
	}
}

func TestDisputesAndWhatIsDoneByHand(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	paid := func() string {
		id := b.create(t, 1000).ID
		require.Equal(t, 200, b.test(t, "payment_intents/"+id+"/succeed", nil))
		return id
	}
	first, second := paid(), paid()
	require.Equal(t, 200, b.test(t, "payment_intents/"+first+"/refund", map[string]any{"amount": 300}))
	require.Equal(t, 409, b.test(t, "payment_intents/"+first+"/refund", map[string]any{"amount": 701}))
	for range 2 {
		require.Equal(t, 200, b.test(t, "payment_intents/"+first+"/dispute", nil))
	}
	require.Equal(t, 409, b.test(t, "payment_intents/"+first+"/refund", nil), "disputed")
	require.Equal(t, 409, b.test(t, "payment_intents/"+second+"/dispute/close", map[string]any{"won": true}))
	require.Equal(t, 400, b.test(t, "payment_intents/"+first+"/dispute/close", nil))
	var found []*stripego.Dispute
	for d, err := range b.client.V1Disputes.List(t.Context(), &stripego.DisputeListParams{PaymentIntent: &first}) {
		require.NoError(t, err)
		found = append(found, d)
	}
	require.Len(t, found, 1)
	require.Equal(t, int64(700), found[0].Amount)
	require.Equal(t, stripego.DisputeStatusNeedsResponse, found[0].Status)
	for range 2 {
		require.Equal(t, 200, b.test(t, "payment_intents/"+first+"/dispute/close", map[string]any{"won": true}))
	}
	require.Equal(t, 200, b.test(t, "payment_intents/"+first+"/dispute", nil), "again")
	require.Equal(t, 200, b.test(t, "payment_intents/"+first+"/dispute/close", map[string]any{"won": false}))
	require.Equal(t, 409, b.test(t, "payment_intents/"+first+"/dispute", nil), "nothing is left")
	require.Equal(t, 409, b.test(t, "payment_intents/"+first+"/refund", nil))
	eventually(t, "the events arrive", func() bool {
		return b.hook.count("charge.dispute.created") == 2 && b.hook.count("charge.dispute.closed") == 2
	})
	lost, err := b.client.V1Disputes.Retrieve(t.Context(), found[0].ID, nil)
	require.NoError(t, err)
	require.Equal(t, stripego.DisputeStatusWon, lost.Status)
	open := b.create(t, 100).ID
	require.Equal(t, 409, b.test(t, "payment_intents/"+second+"/cancel", nil))
	for range 2 {
		require.Equal(t, 200, b.test(t, "payment_intents/"+open+"/cancel", nil))
	}
	require.Equal(t, 200, b.test(t, "payment_intents/"+second+"/refund", nil), "all of it")
}

func TestConfirm(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	made := b.create(t, 100)
	_, err := b.client.V1PaymentIntents.Confirm(t.Context(), made.ID, &stripego.PaymentIntentConfirmParams{PaymentMethod: stripego.String("pm_card_chargeDeclined")})
	require.Equal(t, stripego.ErrorCodeCardDeclined, stripeCode(err))
	paid, err := b.client.V1PaymentIntents.Confirm(t.Context(), made.ID, &stripego.PaymentIntentConfirmParams{PaymentMethod: stripego.String("pm_card_visa")})
	require.NoError(t, err)
	require.Equal(t, stripego.PaymentIntentStatusSucceeded, paid.Status)
}

func TestRefunds(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	made := b.create(t, 1000)
	refund := func(amount int64) (*stripego.Refund, error) {
		params := &stripego.RefundCreateParams{PaymentIntent: stripego.String(made.ID), Metadata: map[string]string{"refund_id": "r"}}
		if amount > 0 {
			params.Amount = stripego.Int64(amount)
		}
		return b.client.V1Refunds.Create(t.Context(), params)
	}
	_, err := refund(1)
	require.Equal(t, stripego.ErrorCodePaymentIntentUnexpectedState, stripeCode(err), "not paid yet")
	b.test(t, "payment_intents/"+made.ID+"/succeed", nil)
	part, err := refund(300)
	require.NoError(t, err)
	require.Equal(t, stripego.RefundStatusSucceeded, part.Status)
	_, err = refund(701)
	require.Equal(t, stripego.ErrorCodeAmountTooLarge, stripeCode(err))
	rest, err := refund(0)
	require.NoError(t, err)
	require.Equal(t, int64(700), rest.Amount)
	_, err = refund(0)
	require.Equal(t, stripego.ErrorCodeChargeAlreadyRefunded, stripeCode(err))
	found, err := b.client.V1Refunds.Retrieve(t.Context(), part.ID, nil)
	require.NoError(t, err)
	require.Equal(t, made.ID, found.PaymentIntent.ID)
	n := 0
	for _, err := range b.client.V1Refunds.List(t.Context(), &stripego.RefundListParams{PaymentIntent: stripego.String(made.ID)}) {
		require.NoError(t, err)
		n++
	}
	require.Equal(t, 2, n)
	for _, kind := range []stripego.EventType{"refund.created", "refund.updated", "charge.refunded"} {
		eventually(t, string(kind), func() bool { return b.hook.count(kind) == 2 })
	}
}

func TestIdempotencyKeys(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	create := func(client *stripego.Client, amount int64) (*stripego.PaymentIntent, error) {
		params := &stripego.PaymentIntentCreateParams{Amount: stripego.Int64(amount), Currency: stripego.String("eur")}
		params.SetIdempotencyKey("k1")
		return client.V1PaymentIntents.Create(t.Context(), params)
	}
	first, err := create(b.client, 100)
	require.NoError(t, err)
	again, err := create(b.client, 100)
	require.NoError(t, err)
	require.Equal(t, first.ID, again.ID)
	_, err = create(b.client, 200)
	var fault *stripego.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, stripego.ErrorTypeIdempotency, fault.Type)
	require.Equal(t, http.StatusBadRequest, fault.HTTPStatusCode)

	require.Equal(t, 201, b.test(t, "accounts", object{"secret_key": "sk_test_2"}))
	other, err := create(b.clientFor("sk_test_2"), 200)
	require.NoError(t, err, "keys are the account's own")
	_, err = b.client.V1PaymentIntents.Retrieve(t.Context(), other.ID, nil)
	require.Equal(t, stripego.ErrorCodeResourceMissing, stripeCode(err), "objects are the account's own")
	require.Equal(t, 200, b.test(t, "payment_intents/"+other.ID+"/succeed", nil), "test routes see all")
	_, err = b.clientFor("sk_unknown").V1PaymentIntents.Retrieve(t.Context(), other.ID, nil)
	require.ErrorAs(t, err, &fault)
	require.Equal(t, http.StatusUnauthorized, fault.HTTPStatusCode)
}

func TestWebhooksAreRetriedAndPaused(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	b.hook.failures = 3
	made := b.create(t, 100)
	eventually(t, "it arrives at last", func() bool { return b.hook.count("payment_intent.created") == 1 })
	b.hook.mu.Lock()
	require.Equal(t, 4, b.hook.attempts)
	b.hook.mu.Unlock()

	require.Equal(t, 204, b.test(t, "webhooks", object{"enabled": false}))
	b.test(t, "payment_intents/"+made.ID+"/succeed", nil)
	require.Never(t, func() bool { return b.hook.count("payment_intent.succeeded") > 0 }, deliveryFirstWait, deliveryFirstWait/10)
	require.Equal(t, 204, b.test(t, "webhooks", object{"enabled": true}))
	eventually(t, "it arrives after the pause", func() bool { return b.hook.count("payment_intent.succeeded") == 1 })
}

func TestOutage(t *testing.T) {
	t.Parallel()
	b := newStripeBench(t)
	require.Equal(t, 204, b.test(t, "outage", object{"seconds": 60}))
	_, err := b.client.V1PaymentIntents.Retrieve(t.Context(), "pi_1", nil)
	var fault *stripego.Error
	require.ErrorAs(t, err, &fault)
	require.Equal(t, http.StatusServiceUnavailable, fault.HTTPStatusCode)
	require.Equal(t, 204, b.test(t, "outage", object{"seconds": 0}))
	b.create(t, 100)
}

func TestStripeVersionIsTheLibrarys(t *testing.T) {
	t.Parallel()
	require.Equal(t, stripego.APIVersion, stripeVersion)
}
