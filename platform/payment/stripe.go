package payment

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/stripe/stripe-go/v84"
	"github.com/stripe/stripe-go/v84/webhook"

	"atrium/platform/breaker"
	"atrium/platform/money"
)

const (
	attemptTimeout = 8 * time.Second  // of one HTTP request
	callTimeout    = 15 * time.Second // with its repetitions
	networkRetries = 2
	atOnce         = 32
	listPage       = 100 // Stripe's own limit
	tolerance      = 5 * time.Minute

	signatureHeader = "Stripe-Signature"
)

// Stripe is the Provider that speaks to Stripe. Safe for concurrent use.
type Stripe struct {
	client        *stripe.Client
	webhookSecret string
	breaker       *breaker.Breaker
}

var _ Provider = (*Stripe)(nil)

// NewStripe makes the adapter; nothing is sent yet.
func NewStripe(cfg Config) *Stripe {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // it is one
	transport.MaxIdleConnsPerHost = atOnce                       // else all but two connections are made anew for each call
	backend := &stripe.BackendConfig{
		EnableTelemetry:   stripe.Bool(false),
		HTTPClient:        &http.Client{Timeout: attemptTimeout, Transport: transport},
		LeveledLogger:     &stripe.LeveledLogger{Level: stripe.LevelNull},
		MaxNetworkRetries: stripe.Int64(networkRetries),
	}
	if cfg.Endpoint != "" {
		backend.URL = stripe.String(strings.TrimRight(cfg.Endpoint, "/"))
	}
	return &Stripe{
		client:        stripe.NewClient(cfg.SecretKey.Reveal(), stripe.WithBackends(stripe.NewBackendsWithConfig(backend))),
		webhookSecret: cfg.WebhookSecret.Reveal(),
		breaker:       breaker.New(atOnce, func(err error) bool { return errors.Is(err, ErrUnavailable) }),
	}
}

// Name is "stripe".
func (s *Stripe) Name() string { return "stripe" }

// CreateIntent implements Provider.
func (s *Stripe) CreateIntent(ctx context.Context, key string, amount money.Money, orderID string) (Intent, error) {
	units, err := toStripe(amount)
	if err != nil {
		return Intent{}, err
	}
	params := &stripe.PaymentIntentCreateParams{
		Amount:   stripe.Int64(units),
		Currency: stripe.String(strings.ToLower(amount.Currency)),
		// Cards and the wallets that hold them: what takes days to arrive would outlive the reservation of the stock.
		PaymentMethodTypes: stripe.StringSlice([]string{"card"}),
	}
	params.AddMetadata("order_id", orderID)
	params.SetIdempotencyKey(key)
	return s.intent(ctx, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		return s.client.V1PaymentIntents.Create(ctx, params)
	})
}

// Intent implements Provider.
func (s *Stripe) Intent(ctx context.Context, id string) (Intent, error) {
	return s.intent(ctx, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		return s.client.V1PaymentIntents.Retrieve(ctx, id, nil)
	})
}

// CancelIntent implements Provider. The key stays here: cancelling twice is cancelling once, whereas Stripe would
// repeat a refusal under the same key for a day, though its reason may be gone.
func (s *Stripe) CancelIntent(ctx context.Context, _, id string) (Intent, error) {
	cancelled, err := s.intent(ctx, func(ctx context.Context) (*stripe.PaymentIntent, error) {
		return s.client.V1PaymentIntents.Cancel(ctx, id, nil)
	})
	if !errors.Is(err, ErrRefused) {
		return cancelled, err
	}
	now, readErr := s.Intent(ctx, id)
	switch {
	case readErr != nil:
		return Intent{}, readErr
	case now.Status == StatusCancelled:
		return now, nil
	case now.Status == StatusSucceeded:
		return Intent{}, err
	case now.Status == StatusProcessing:
		return Intent{}, ErrProcessing.Because(err)
	default: // it may still be paid, or be cancelled later
		return Intent{}, ErrUnavailable.Because(err)
	}
}

// Refund implements Provider.
func (s *Stripe) Refund(ctx context.Context, key, intentID string, amount money.Money, refundID string) (Refund, error) {
	units, err := toStripe(amount)
	if err != nil {
		return Refund{}, err
	}
	params := &stripe.RefundCreateParams{
		PaymentIntent: stripe.String(intentID),
		Amount:        stripe.Int64(units),
	}
	params.AddMetadata("refund_id", refundID)
	params.SetIdempotencyKey(key)
	var made *stripe.Refund
	err = s.call(ctx, func(ctx context.Context) (err error) {
		made, err = s.client.V1Refunds.Create(ctx, params)
		return err
	})
	if err != nil {
		return Refund{}, err
	}
	refund := toRefund(made)
	refund.IntentID = intentID
	return refund, nil
}

// ReadRefund implements Provider.
func (s *Stripe) ReadRefund(ctx context.Context, id string) (Refund, error) {
	var found *stripe.Refund
	err := s.call(ctx, func(ctx context.Context) (err error) {
		found, err = s.client.V1Refunds.Retrieve(ctx, id, nil)
		return err
	})
	if err != nil {
		return Refund{}, err
	}
	return toRefund(found), nil
}

// Refunds implements Provider.
func (s *Stripe) Refunds(ctx context.Context, filter RefundFilter, fn func(Refund) error) error {
	params := &stripe.RefundListParams{}
	params.Limit = stripe.Int64(listPage)
	if filter.IntentID != "" {
		params.PaymentIntent = stripe.String(filter.IntentID)
	}
	if !filter.CreatedAfter.IsZero() {
		params.CreatedRange = &stripe.RangeQueryParams{GreaterThanOrEqual: filter.CreatedAfter.Unix()}
	}
	return walk(ctx, s, s.client.V1Refunds.List(ctx, params), toRefund, fn)
}

// ReadDispute implements Provider.
func (s *Stripe) ReadDispute(ctx context.Context, id string) (Dispute, error) {
	var found *stripe.Dispute
	err := s.call(ctx, func(ctx context.Context) (err error) {
		found, err = s.client.V1Disputes.Retrieve(ctx, id, nil)
		return err
	})
	if err != nil {
		return Dispute{}, err
	}
	return toDispute(found), nil
}

// Disputes implements Provider.
func (s *Stripe) Disputes(ctx context.Context, createdAfter time.Time, fn func(Dispute) error) error {
	params := &stripe.DisputeListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: createdAfter.Unix()}}
	params.Limit = stripe.Int64(listPage)
	return walk(ctx, s, s.client.V1Disputes.List(ctx, params), toDispute, fn)
}

// Intents implements Provider.
func (s *Stripe) Intents(ctx context.Context, createdAfter time.Time, fn func(Intent) error) error {
	params := &stripe.PaymentIntentListParams{CreatedRange: &stripe.RangeQueryParams{GreaterThanOrEqual: createdAfter.Unix()}}
	params.Limit = stripe.Int64(listPage)
	return walk(ctx, s, s.client.V1PaymentIntents.List(ctx, params), toIntent, fn)
}

// walk hands every listed object to fn until it returns an error, which walk returns.
func walk[V, T any](ctx context.Context, s *Stripe, listed stripe.Seq2[V, error], read func(V) T, fn func(T) error) error {
	var stop error
	err := s.breaker.Do(ctx, func() error {
		for object, err := range listed {
			if err != nil {
				return toFault(err)
			}
			if stop = fn(read(object)); stop != nil {
				return nil
			}
		}
		return nil
	})
	if stop != nil {
		return stop
	}
	return asFault(err)
}

// VerifyWebhook implements Provider.
func (s *Stripe) VerifyWebhook(header http.Header, body []byte) (Event, error) {
	event, err := webhook.ConstructEventWithOptions(body, header.Get(signatureHeader), s.webhookSecret, webhook.ConstructEventOptions{
		Tolerance:                tolerance,
		IgnoreAPIVersionMismatch: true, // the account's version moves on its own; we read three fields
	})
	if err != nil {
		return Event{}, ErrSignature.Because(err)
	}
	if time.Until(signedAt(header.Get(signatureHeader))) > tolerance { // the library looks at the past alone
		return Event{}, ErrSignature.Because(errors.New("signed in the future"))
	}
	var about Event
	if event.Type != stripe.EventTypePaymentIntentCreated { // by ourselves: its answer says all that there is to know
		about = subjectOf(event.Data)
	}
	about.ID, about.Type, about.Live, about.At = event.ID, string(event.Type), event.Livemode, time.Unix(event.Created, 0).UTC()
	return about, nil
}

// signedAt returns the time of a signature that was verified.
func signedAt(signature string) time.Time {
	for part := range strings.SplitSeq(signature, ",") {
		if seconds, ok := strings.CutPrefix(strings.TrimSpace(part), "t="); ok {
			at, _ := strconv.ParseInt(seconds, 10, 64) // the library has read it
			return time.Unix(at, 0)
		}
	}
	return time.Time{}
}

// subjectOf returns what an event is about: the intent (the object itself, or the one it belongs to), and the refund or dispute.
func subjectOf(data *stripe.EventData) (about Event) {
	if data == nil {
		return about
	}
	var object struct {
		ID            string `json:"id"`
		Object        string `json:"object"`
		PaymentIntent any    `json:"payment_intent"` // an id or null
	}
	if json.Unmarshal(data.Raw, &object) != nil {
		return about
	}
	about.IntentID, _ = object.PaymentIntent.(string)
	switch object.Object {
	case "payment_intent":
		about.IntentID = object.ID
	case "refund":
		about.RefundID = object.ID
	case "dispute":
		about.DisputeID = object.ID
	}
	return about
}

func (s *Stripe) intent(ctx context.Context, fn func(context.Context) (*stripe.PaymentIntent, error)) (Intent, error) {
	var got *stripe.PaymentIntent
	err := s.call(ctx, func(ctx context.Context) (err error) {
		got, err = fn(ctx)
		return err
	})
	if err != nil {
		return Intent{}, err
	}
	return toIntent(got), nil
}

// call runs one call within its time and returns ErrRefused, ErrUnavailable or nil.
func (s *Stripe) call(ctx context.Context, fn func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	return asFault(s.breaker.Do(ctx, func() error { return toFault(fn(ctx)) }))
}

// toFault tells Stripe's "no" from not knowing. A key that is wrong or still in use, and a limit, say nothing about
// the payment, so they count as not knowing.
func toFault(err error) error {
	if err == nil {
		return nil
	}
	var answer *stripe.Error
	if errors.As(err, &answer) {
		switch answer.HTTPStatusCode {
		case http.StatusBadRequest, http.StatusPaymentRequired, http.StatusNotFound:
			if answer.Code == stripe.ErrorCodeChargeDisputed {
				err = fmt.Errorf("%w: %w", ErrDisputed, err)
			}
			return ErrRefused.Because(err)
		}
	}
	return ErrUnavailable.Because(err)
}

// asFault makes ErrUnavailable of what the breaker itself says.
func asFault(err error) error {
	if err == nil || errors.Is(err, ErrRefused) || errors.Is(err, ErrUnavailable) {
		return err
	}
	return ErrUnavailable.Because(err)
}

func toIntent(p *stripe.PaymentIntent) Intent {
	return Intent{
		ID:           p.ID,
		ClientSecret: p.ClientSecret,
		Status:       intentStatus(p.Status),
		Amount:       fromStripe(p.Amount, p.Currency),
		Received:     fromStripe(p.AmountReceived, p.Currency),
		Live:         p.Livemode,
		OrderID:      p.Metadata["order_id"],
		CreatedAt:    time.Unix(p.Created, 0).UTC(),
	}
}

func intentStatus(s stripe.PaymentIntentStatus) Status {
	switch s {
	case stripe.PaymentIntentStatusSucceeded:
		return StatusSucceeded
	case stripe.PaymentIntentStatusCanceled:
		return StatusCancelled
	case stripe.PaymentIntentStatusProcessing, stripe.PaymentIntentStatusRequiresCapture:
		return StatusProcessing
	default:
		return StatusOpen
	}
}

func toRefund(r *stripe.Refund) Refund {
	refund := Refund{
		ID:        r.ID,
		RefundID:  r.Metadata["refund_id"],
		Amount:    fromStripe(r.Amount, r.Currency),
		Status:    refundStatus(r.Status),
		Failure:   string(r.FailureReason),
		CreatedAt: time.Unix(r.Created, 0).UTC(),
	}
	if r.PaymentIntent != nil {
		refund.IntentID = r.PaymentIntent.ID
	}
	return refund
}

func toDispute(d *stripe.Dispute) Dispute {
	dispute := Dispute{ID: d.ID, Amount: fromStripe(d.Amount, d.Currency), Status: disputeStatus(d.Status), CreatedAt: time.Unix(d.Created, 0).UTC()}
	if d.PaymentIntent != nil {
		dispute.IntentID = d.PaymentIntent.ID
	}
	return dispute
}

func disputeStatus(s stripe.DisputeStatus) DisputeStatus {
	switch s {
	case stripe.DisputeStatusWon, stripe.DisputeStatusWarningClosed, stripe.DisputeStatusPrevented:
		return DisputeWon
	case stripe.DisputeStatusLost:
		return DisputeLost
	default: // needs_response, under_review, and the inquiries that may become one
		return DisputeOpen
	}
}

func refundStatus(s stripe.RefundStatus) RefundStatus {
	switch s {
	case stripe.RefundStatusSucceeded:
		return RefundSucceeded
	case stripe.RefundStatusFailed, stripe.RefundStatusCanceled:
		return RefundFailed
	default: // pending, requires_action
		return RefundPending
	}
}
