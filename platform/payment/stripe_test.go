package payment

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"github.com/stripe/stripe-go/v84/webhook"

	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

const webhookSecret = "whsec_of_this_test"

// bench is an account of the local stand-in that nobody else uses, with a webhook of its own.
type bench struct {
	*Stripe
	t        *testing.T
	endpoint string
	hooks    chan hook
}

type hook struct {
	body      []byte
	signature string
}

func setup(t *testing.T) *bench {
	t.Parallel()
	b := &bench{t: t, endpoint: stacktest.Env(t, "ATRIUM_PAYMENT_ENDPOINT"), hooks: make(chan hook, 100)}
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		select {
		case b.hooks <- hook{body, r.Header.Get(signatureHeader)}:
		default: // most tests look at none
		}
	}))
	t.Cleanup(receiver.Close)
	key := "sk_test_" + strings.ReplaceAll(uuid.NewString(), "-", "")
	b.test("/test/accounts", map[string]string{"secret_key": key, "webhook_url": receiver.URL, "webhook_secret": webhookSecret})
	b.Stripe = NewStripe(Config{Endpoint: b.endpoint, SecretKey: secret.Text(key), WebhookSecret: webhookSecret})
	return b
}

// test drives the stand-in.
func (b *bench) test(path string, body any) {
	b.t.Helper()
	content, err := json.Marshal(body)
	require.NoError(b.t, err)
	res, err := http.Post(b.endpoint+path, "application/json", bytes.NewReader(content))
	require.NoError(b.t, err)
	defer res.Body.Close()
	require.Less(b.t, res.StatusCode, 300, path)
}

func (b *bench) create(amount money.Money) Intent {
	b.t.Helper()
	intent, err := b.CreateIntent(context.Background(), uuid.NewString(), amount, "order-1")
	require.NoError(b.t, err)
	return intent
}

func (b *bench) paid(amount money.Money) Intent {
	b.t.Helper()
	intent := b.create(amount)
	b.test("/test/payment_intents/"+intent.ID+"/succeed", nil)
	return intent
}

func TestIntent(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	price := money.Of(129900, "EUR")

	t.Run("the same key gives the same intent, for the same amount only", func(t *testing.T) {
		b, key := setup(t), uuid.NewString()
		first, err := b.CreateIntent(ctx, key, price, "order-1")
		require.NoError(t, err)
		require.Equal(t, StatusOpen, first.Status)
		require.Equal(t, price, first.Amount)
		require.Equal(t, "order-1", first.OrderID)
		require.Contains(t, first.ClientSecret, first.ID+"_secret_")
		require.False(t, first.Live)
		require.WithinDuration(t, time.Now(), first.CreatedAt, time.Minute)

		again, err := b.CreateIntent(ctx, key, price, "order-1")
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = b.CreateIntent(ctx, key, money.Of(1, "EUR"), "order-1")
		require.ErrorIs(t, err, ErrRefused)
	})

	t.Run("a paid intent says what was received and cannot be cancelled", func(t *testing.T) {
		b := setup(t)
		intent := b.paid(price)
		got, err := b.Intent(ctx, intent.ID)
		require.NoError(t, err)
		require.Equal(t, StatusSucceeded, got.Status)
		require.Equal(t, price, got.Received)
		_, err = b.CancelIntent(ctx, "key", intent.ID)
		require.ErrorIs(t, err, ErrRefused)
	})

	t.Run("cancelling twice is cancelling once", func(t *testing.T) {
		b := setup(t)
		intent := b.create(price)
		for range 2 {
			got, err := b.CancelIntent(ctx, "key", intent.ID)
			require.NoError(t, err)
			require.Equal(t, StatusCancelled, got.Status)
		}
	})

	t.Run("an unknown intent is refused", func(t *testing.T) {
		b := setup(t)
		_, err := b.Intent(ctx, "pi_unknown")
		require.ErrorIs(t, err, ErrRefused)
		_, err = b.CancelIntent(ctx, "key", "pi_unknown")
		require.ErrorIs(t, err, ErrRefused)
	})

	t.Run("all intents since a time are listed, page after page", func(t *testing.T) {
		b := setup(t)
		want := map[string]bool{}
		for range listPage + 5 {
			want[b.create(money.Of(100, "EUR")).ID] = true
		}
		got := map[string]bool{}
		require.NoError(t, b.Intents(ctx, time.Now().Add(-time.Hour), func(i Intent) error {
			got[i.ID] = true
			return nil
		}))
		require.Equal(t, want, got)

		require.NoError(t, b.Intents(ctx, time.Now().Add(time.Hour), func(i Intent) error {
			t.Errorf("%s is older", i.ID)
			return nil
		}))
		enough, calls := errors.New("enough"), 0
		require.ErrorIs(t, b.Intents(ctx, time.Time{}, func(Intent) error { calls++; return enough }), enough)
		require.Equal(t, 1, calls)
	})
}

func TestRefund(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("the same key refunds once, and never more than was paid", func(t *testing.T) {
		b := setup(t)
		intent := b.paid(money.Of(1000, "EUR"))
		first, err := b.Refund(ctx, "key-1", intent.ID, money.Of(700, "EUR"), "refund-1")
		require.NoError(t, err)
		require.Equal(t, Refund{ID: first.ID, IntentID: intent.ID, RefundID: "refund-1", Amount: money.Of(700, "EUR"), Status: RefundSucceeded, CreatedAt: first.CreatedAt}, first)
		again, err := b.Refund(ctx, "key-1", intent.ID, money.Of(700, "EUR"), "refund-1")
		require.NoError(t, err)
		require.Equal(t, first, again)
		_, err = b.Refund(ctx, "key-2", intent.ID, money.Of(301, "EUR"), "refund-2")
		require.ErrorIs(t, err, ErrRefused)
		_, err = b.Refund(ctx, "key-3", intent.ID, money.Of(300, "EUR"), "refund-3")
		require.NoError(t, err)
	})

	t.Run("what was not paid is not refunded", func(t *testing.T) {
		b := setup(t)
		_, err := b.Refund(ctx, "key", b.create(money.Of(1000, "EUR")).ID, money.Of(1000, "EUR"), "refund-1")
		require.ErrorIs(t, err, ErrRefused)
	})
}

func TestRefund_TakesItsTime(t *testing.T) {
	b, ctx := setup(t), context.Background()
	intent := b.create(money.Of(1000, "EUR"))
	b.test("/test/payment_intents/"+intent.ID+"/process", nil)
	_, err := b.CancelIntent(ctx, "key", intent.ID)
	require.ErrorIs(t, err, ErrProcessing, "what is with the bank cannot be cancelled")
	b.test("/test/payment_intents/"+intent.ID+"/succeed?payment_method=pm_card_pendingRefund", nil)

	made, err := b.Refund(ctx, "key-1", intent.ID, money.Of(400, "EUR"), "refund-1")
	require.NoError(t, err)
	require.Equal(t, RefundPending, made.Status)
	b.test("/test/refunds/"+made.ID+"/succeed", nil)
	read, err := b.ReadRefund(ctx, made.ID)
	require.NoError(t, err)
	require.Equal(t, RefundSucceeded, read.Status)
	b.test("/test/refunds/"+made.ID+"/fail", nil)
	var listed []Refund
	require.NoError(t, b.Refunds(ctx, RefundFilter{IntentID: intent.ID}, func(r Refund) error { listed = append(listed, r); return nil }))
	require.Len(t, listed, 1)
	require.Equal(t, RefundFailed, listed[0].Status, "even what has succeeded can come back")
	require.NotEmpty(t, listed[0].Failure)
	require.Equal(t, "refund-1", listed[0].RefundID)
	require.Eventually(t, func() bool {
		h := <-b.hooks
		event, err := b.VerifyWebhook(signed(h.signature), h.body)
		require.NoError(t, err)
		return event.Type == "refund.failed" && event.RefundID == made.ID && event.IntentID == intent.ID
	}, 10*time.Second, time.Millisecond)
	_, err = b.ReadRefund(ctx, "re_unknown")
	require.ErrorIs(t, err, ErrRefused)
}

func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	t.Run("the webhooks of a payment and its refund name the intent", func(t *testing.T) {
		b := setup(t)
		intent := b.paid(money.Of(1000, "EUR"))
		_, err := b.Refund(context.Background(), "key", intent.ID, money.Of(1000, "EUR"), "refund-1")
		require.NoError(t, err)
		wanted := map[string]bool{"payment_intent.created": true, "payment_intent.succeeded": true, "charge.refunded": true}
		for len(wanted) > 0 {
			select {
			case h := <-b.hooks:
				event, err := b.VerifyWebhook(signed(h.signature), h.body)
				require.NoError(t, err)
				if event.Type == "payment_intent.created" {
					require.Empty(t, event.IntentID, "we know what we have made")
				} else {
					require.Equal(t, intent.ID, event.IntentID, event.Type)
				}
				require.Contains(t, event.ID, "evt_")
				require.WithinDuration(t, time.Now(), event.At, time.Minute)
				delete(wanted, event.Type)
			case <-time.After(10 * time.Second):
				t.Fatalf("these never came: %v", wanted)
			}
		}
	})

	sign := func(body string, at time.Time, secret string) string {
		return webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
			Payload: []byte(body), Secret: secret, Timestamp: at, Scheme: "v1",
		}).Header
	}
	s := NewStripe(Config{WebhookSecret: webhookSecret})
	const unknown = `{"id":"evt_1","object":"event","type":"customer.created","api_version":"2019-01-01","created":1,"data":{"object":{"id":"cus_1","object":"customer"}}}`

	t.Run("an event of another kind and version is about no intent", func(t *testing.T) {
		t.Parallel()
		event, err := s.VerifyWebhook(signed(sign(unknown, time.Now(), webhookSecret)), []byte(unknown))
		require.NoError(t, err)
		require.Equal(t, Event{ID: "evt_1", Type: "customer.created", At: time.Unix(1, 0).UTC()}, event)
	})

	for name, tc := range map[string]struct{ body, signature string }{
		"none":                 {unknown, ""},
		"nonsense":             {unknown, "t=1,v1=00"},
		"with another secret":  {unknown, sign(unknown, time.Now(), "whsec_other")},
		"of another body":      {unknown + " ", sign(unknown, time.Now(), webhookSecret)},
		"older than 5 minutes": {unknown, sign(unknown, time.Now().Add(-tolerance-time.Second), webhookSecret)},
		"of what is not JSON":  {"{", sign("{", time.Now(), webhookSecret)},
	} {
		t.Run("a signature is refused: "+name, func(t *testing.T) {
			t.Parallel()
			_, err := s.VerifyWebhook(signed(tc.signature), []byte(tc.body))
			require.ErrorIs(t, err, ErrSignature)
			require.Equal(t, fault.KindMalformed, fault.KindOf(err))
		})
	}
}

// signed is the header of a webhook with that signature.
func signed(signature string) http.Header {
	header := http.Header{}
	if signature != "" {
		header.Set(signatureHeader, signature)
	}
	return header
}

// answering is a Stripe that answers everything alike and remembers the last request.
func answering(t *testing.T, status int, body string) (*Stripe, *http.Request, *url.Values) {
	t.Parallel()
	last, form := new(http.Request), new(url.Values)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		*last, *form = *r, r.PostForm
		w.Header().Set("Stripe-Should-Retry", "false")
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
	t.Cleanup(server.Close)
	return NewStripe(Config{Endpoint: server.URL, SecretKey: "sk_test_key"}), last, form
}

func TestWire(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("the request carries amount, lower-case currency, order and key, and no telemetry", func(t *testing.T) {
		s, last, form := answering(t, http.StatusOK, `{"id":"pi_1","currency":"jpy","amount":500,"status":"requires_action"}`)
		for range 2 { // telemetry would come with the second
			got, err := s.CreateIntent(ctx, "key-1", money.Of(500, "JPY"), "order-1")
			require.NoError(t, err)
			require.Equal(t, money.Of(500, "JPY"), got.Amount)
		}
		require.Equal(t, "key-1", last.Header.Get("Idempotency-Key"))
		require.Equal(t, "Bearer sk_test_key", last.Header.Get("Authorization"))
		require.Empty(t, last.Header.Get("X-Stripe-Client-Telemetry"))
		require.Equal(t, url.Values{
			"amount": {"500"}, "currency": {"jpy"}, "metadata[order_id]": {"order-1"}, "payment_method_types[0]": {"card"},
		}, *form)
	})

	for _, tc := range []struct {
		status int
		kind   string
		want   error
	}{
		{400, "invalid_request_error", ErrRefused},
		{400, "idempotency_error", ErrRefused},
		{402, "card_error", ErrRefused},
		{404, "invalid_request_error", ErrRefused},
		{401, "invalid_request_error", ErrUnavailable},
		{403, "invalid_request_error", ErrUnavailable},
		{409, "idempotency_error", ErrUnavailable},
		{429, "rate_limit_error", ErrUnavailable},
		{500, "api_error", ErrUnavailable},
		{503, "api_error", ErrUnavailable},
	} {
		t.Run(fmt.Sprintf("%d %s is %v", tc.status, tc.kind, tc.want), func(t *testing.T) {
			s, _, _ := answering(t, tc.status, `{"error":{"type":"`+tc.kind+`","message":"no"}}`)
			_, err := s.Intent(ctx, "pi_1")
			require.ErrorIs(t, err, tc.want)
		})
	}

	t.Run("an answer that is not JSON is ErrUnavailable", func(t *testing.T) {
		s, _, _ := answering(t, http.StatusBadGateway, `<html>`)
		_, err := s.Intent(ctx, "pi_1")
		require.ErrorIs(t, err, ErrUnavailable)
	})

	t.Run("a Stripe that is gone soon fails at once", func(t *testing.T) {
		t.Parallel()
		s := NewStripe(Config{Endpoint: "http://127.0.0.1:1", SecretKey: "sk_test_key"})
		for range 5 {
			soon, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			_, err := s.Intent(soon, "pi_1")
			cancel()
			require.ErrorIs(t, err, ErrUnavailable)
		}
		began := time.Now()
		for range 10 {
			_, err := s.Intent(ctx, "pi_1")
			require.ErrorIs(t, err, ErrUnavailable)
		}
		require.Less(t, time.Since(began), time.Second)
	})
}

// Stripe's own stripe-mock refuses what Stripe's specification does not know: paths, parameters and their types.
// It runs alone: stripe-mock is busy for a second before its first answer, and other tests here look at the clock.
func TestEveryCallIsOneThatStripeKnows(t *testing.T) { //nolint:paralleltest // see above
	ctx := context.Background()
	s := NewStripe(Config{Endpoint: stacktest.Endpoint(t, "stripe_mock"), SecretKey: "sk_test_123"})

	// The first request, which has no deadline: reading its specification takes a busy machine longer than a payment may.
	odd, err := http.NewRequestWithContext(ctx, http.MethodPost, stacktest.Endpoint(t, "stripe_mock")+"/v1/payment_intents",
		strings.NewReader("amount=much&currency=eur"))
	require.NoError(t, err)
	odd.Header.Set("Authorization", "Bearer sk_test_123")
	odd.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer, err := http.DefaultClient.Do(odd)
	require.NoError(t, err)
	defer answer.Body.Close()
	require.Equal(t, http.StatusBadRequest, answer.StatusCode, "it does look at what is sent")

	intent, err := s.CreateIntent(ctx, uuid.NewString(), money.Of(129900, "EUR"), uuid.NewString())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(intent.ID, "pi_"), intent.ID)
	require.NotEmpty(t, intent.ClientSecret)
	require.NotZero(t, intent.CreatedAt)

	read, err := s.Intent(ctx, intent.ID)
	require.NoError(t, err)
	require.Equal(t, intent.ID, read.ID)

	_, err = s.CancelIntent(ctx, uuid.NewString(), intent.ID)
	require.NoError(t, err)

	listed := 0
	require.NoError(t, s.Intents(ctx, time.Now().Add(-time.Hour), func(i Intent) error {
		require.True(t, strings.HasPrefix(i.ID, "pi_"), i.ID)
		listed++
		return nil
	}))
	require.Positive(t, listed)

	refund, err := s.Refund(ctx, uuid.NewString(), intent.ID, money.Of(100, "EUR"), uuid.NewString())
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(refund.ID, "re_"), refund.ID)
	require.Equal(t, RefundSucceeded, refund.Status)

	again, err := s.ReadRefund(ctx, refund.ID)
	require.NoError(t, err)
	require.Equal(t, refund.ID, again.ID)

	listed = 0
	require.NoError(t, s.Refunds(ctx, RefundFilter{IntentID: intent.ID, CreatedAfter: time.Now().Add(-time.Hour)}, func(r Refund) error {
		require.True(t, strings.HasPrefix(r.ID, "re_"), r.ID)
		listed++
		return nil
	}))
	require.Positive(t, listed)
}

// Stripe counts some currencies in units of its own; what we ask for and what it says are the same money.
func TestFault_O7_AmountsAreInStripesUnits(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, tc := range []struct {
		amount money.Money
		units  string
	}{
		{money.Of(1299, "EUR"), "1299"},
		{money.Of(500, "JPY"), "500"},
		{money.Of(500, "ISK"), "50000"},      // 500 krónur, which ISO 4217 counts whole
		{money.Of(20_000, "UGX"), "2000000"}, // likewise
		{money.Of(500_000, "MGA"), "5000"},   // 5000 ariary, which ISO 4217 counts in hundredths
		{money.Of(1230, "KWD"), "1230"},      // thousandths, by tens
	} {
		t.Run(tc.amount.Currency, func(t *testing.T) {
			currency := strings.ToLower(tc.amount.Currency)
			s, _, form := answering(t, http.StatusOK, `{"id":"x_1","currency":"`+currency+`","amount":`+tc.units+`,"amount_received":`+tc.units+`,"status":"succeeded"}`)
			intent, err := s.CreateIntent(ctx, "key", tc.amount, "order-1")
			require.NoError(t, err)
			require.Equal(t, tc.units, form.Get("amount"))
			require.Equal(t, []money.Money{tc.amount, tc.amount}, []money.Money{intent.Amount, intent.Received})
			refund, err := s.Refund(ctx, "key", "pi_1", tc.amount, "refund-1")
			require.NoError(t, err)
			require.Equal(t, tc.units, form.Get("amount"))
			require.Equal(t, tc.amount, refund.Amount)
		})
	}
	t.Run("what Stripe has no unit for is refused, never rounded", func(t *testing.T) {
		s, last, _ := answering(t, http.StatusOK, `{}`)
		for _, amount := range []money.Money{money.Of(501, "MGA"), money.Of(1234, "KWD"), money.Of(1<<62, "ISK")} {
			_, err := s.CreateIntent(ctx, "key", amount, "order-1")
			require.ErrorIs(t, err, ErrRefused)
			_, err = s.Refund(ctx, "key", "pi_1", amount, "refund-1")
			require.ErrorIs(t, err, ErrRefused)
		}
		require.Nil(t, last.URL, "nothing is sent")
	})
}

func TestFault_O15_AmountsThatStripeDoesNotTake(t *testing.T) {
	t.Parallel()
	s := NewStripe(Config{SecretKey: "sk_test_key"})
	for _, amount := range []money.Money{
		money.Of(50, "EUR"), money.Of(99_999_999, "EUR"), money.Of(30, "GBP"), money.Of(50, "JPY"), money.Of(1, "ISK"), money.Of(1230, "KWD"), money.Of(100, "MGA"),
	} {
		require.NoError(t, s.Accepts(amount), "%s", amount)
	}
	for _, amount := range []money.Money{
		money.Of(49, "EUR"), money.Of(100_000_000, "EUR"), money.Of(17_499, "HUF"), money.Of(1_000_000, "ISK"), money.Of(1231, "KWD"), money.Of(101, "MGA"),
		money.Of(5000, "XXX"), money.Of(5000, "XAU"), money.Of(5000, "DEM"), money.Of(0, "EUR"),
	} {
		require.ErrorIs(t, s.Accepts(amount), ErrAmount, "%s", amount)
	}
}

// A signature is good for five minutes, and not before its time.
func TestFault_H12_AWebhookOfTheFutureIsRefused(t *testing.T) {
	t.Parallel()
	s := NewStripe(Config{WebhookSecret: webhookSecret})
	const body = `{"id":"evt_1","object":"event","type":"customer.created","created":1,"data":{"object":{"id":"cus_1","object":"customer"}}}`
	verify := func(at time.Duration) error {
		signature := webhook.GenerateTestSignedPayload(&webhook.UnsignedPayload{
			Payload: []byte(body), Secret: webhookSecret, Timestamp: time.Now().Add(at), Scheme: "v1",
		}).Header
		_, err := s.VerifyWebhook(signed(signature), []byte(body))
		return err
	}
	for _, good := range []time.Duration{-4 * time.Minute, 0, 4 * time.Minute} {
		require.NoError(t, verify(good))
	}
	for _, bad := range []time.Duration{-10 * time.Minute, 6 * time.Minute, 10 * time.Minute, 24 * time.Hour} {
		require.ErrorIs(t, verify(bad), ErrSignature)
	}
}
