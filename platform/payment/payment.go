// Package payment is the port to a payment provider, with Stripe as its adapter.
package payment

import (
	"context"
	"errors"
	"net/http"
	"time"

	"atrium/platform/fault"
	"atrium/platform/money"
	"atrium/platform/secret"
)

// Config names the account at the provider. Endpoint is empty in production.
type Config struct {
	Endpoint       string      `koanf:"endpoint" validate:"omitempty,url"`
	SecretKey      secret.Text `koanf:"secret_key" validate:"required"`
	PublishableKey string      `koanf:"publishable_key" validate:"required"`
	WebhookSecret  secret.Text `koanf:"webhook_secret" validate:"required"`
}

var (
	// ErrUnavailable means that the outcome is unknown; repeat under the same key.
	ErrUnavailable = fault.Unavailable("payment.unavailable", "The payment provider does not answer.")
	// ErrProcessing means that the payment is under way at the provider: it can neither be cancelled nor is it captured yet.
	ErrProcessing = fault.Conflict("payment.processing", "The payment is being processed.")
	// ErrRefused means that the provider understood and said no; repeating does not help.
	ErrRefused = fault.Conflict("payment.refused", "The payment provider refused.")
	// ErrDisputed is wrapped by the ErrRefused of a refund: the customer's bank holds the money, until it has decided or for good.
	ErrDisputed = errors.New("payment: the payment is disputed with the bank")
	// ErrAmount means that this amount cannot be asked for: too little, too much, or in no unit or currency of the provider's.
	ErrAmount = fault.Invalid("payment.amount", "This amount cannot be paid.")
	// ErrSignature means that the webhook was not signed by the provider, or too long ago.
	ErrSignature = fault.New(fault.KindMalformed, "orders.invalid_signature", "The signature is missing, wrong or too old.")
)

// Status is what has become of an intent.
type Status string

// The states that matter to us.
const (
	StatusOpen       Status = "open"       // waits for the customer
	StatusProcessing Status = "processing" // the provider works on it
	StatusSucceeded  Status = "succeeded"  // captured
	StatusCancelled  Status = "cancelled"
)

// Intent is a payment at the provider.
type Intent struct {
	ID           string
	ClientSecret string
	Status       Status
	Amount       money.Money // what was asked for
	Received     money.Money // what was captured
	Live         bool
	OrderID      string // from the metadata that we wrote
	CreatedAt    time.Time
}

// RefundStatus is what has become of a refund.
type RefundStatus string

// The states that matter to us. A bank may send money back days later: even what has succeeded can fail.
const (
	RefundPending   RefundStatus = "pending"   // the provider has taken it on
	RefundSucceeded RefundStatus = "succeeded" // the money is on its way to the customer
	RefundFailed    RefundStatus = "failed"    // the money is with us again, or never left
)

// Refund is money given back.
type Refund struct {
	ID        string
	IntentID  string
	RefundID  string // ours, from the metadata that we wrote; empty where somebody refunded at the provider
	Amount    money.Money
	Status    RefundStatus
	Failure   string // the provider's word for why it failed
	CreatedAt time.Time
}

// RefundFilter says which refunds are listed. Zero values list all.
type RefundFilter struct {
	IntentID     string
	CreatedAfter time.Time // at or after
}

// DisputeStatus is what has become of a dispute.
type DisputeStatus string

// The states that matter to us.
const (
	DisputeOpen DisputeStatus = "open" // the bank has not decided
	DisputeWon  DisputeStatus = "won"  // the money stays with us, or came back
	DisputeLost DisputeStatus = "lost" // the money is the customer's
)

// Dispute is money that a customer asks the bank to take back.
type Dispute struct {
	ID        string
	IntentID  string
	Amount    money.Money
	Status    DisputeStatus
	CreatedAt time.Time
}

// Event is a verified webhook: which event, of which kind, about which intent, refund or dispute.
type Event struct {
	ID       string
	Type     string
	IntentID string // empty where the event is about no intent
	RefundID string // the provider's id, where the event is about a refund
	// DisputeID is the provider's id, where the event is about a dispute.
	DisputeID string
	Live      bool
	At        time.Time
}

// Provider takes payments. Every changing call carries our idempotency key.
type Provider interface {
	// Name is the provider's name on the wire: "stripe".
	Name() string
	// Accepts returns ErrAmount, with a message that says why, where an amount cannot be asked for. No I/O.
	Accepts(amount money.Money) error
	// CreateIntent asks for money. The same key gives the same intent.
	CreateIntent(ctx context.Context, key string, amount money.Money, orderID string) (Intent, error)
	// Intent reads an intent.
	Intent(ctx context.Context, id string) (Intent, error)
	// CancelIntent makes sure that an intent can never be paid; if it was paid already, it returns ErrRefused, and
	// ErrProcessing while that is not decided yet.
	CancelIntent(ctx context.Context, key, id string) (Intent, error)
	// Refund gives money back. The same key gives the same refund.
	Refund(ctx context.Context, key, intentID string, amount money.Money, refundID string) (Refund, error)
	// ReadRefund reads a refund by the provider's id.
	ReadRefund(ctx context.Context, id string) (Refund, error)
	// Refunds calls fn with every refund that the filter lists, the newest first, until fn returns an error, which it returns.
	Refunds(ctx context.Context, filter RefundFilter, fn func(Refund) error) error
	// Intents calls fn with every intent created at or after the time, the newest first, until fn returns an error,
	// which it returns.
	Intents(ctx context.Context, createdAfter time.Time, fn func(Intent) error) error
	// ReadDispute reads a dispute by the provider's id.
	ReadDispute(ctx context.Context, id string) (Dispute, error)
	// Disputes calls fn with every dispute created at or after the time, the newest first, until fn returns an error, which
	// it returns.
	Disputes(ctx context.Context, createdAfter time.Time, fn func(Dispute) error) error
	// VerifyWebhook returns the event in a webhook's raw body after checking the signature that the provider sent in its
	// headers, or ErrSignature: missing, wrong, or older than 5 minutes. No I/O.
	VerifyWebhook(header http.Header, body []byte) (Event, error)
}
