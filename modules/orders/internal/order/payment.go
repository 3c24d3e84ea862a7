package order

import (
	"time"

	"github.com/google/uuid"
)

// PaymentStatus is where an attempt to pay an order stands.
type PaymentStatus string

// The states of a payment. The last three are final.
const (
	PaymentOpen       PaymentStatus = "open"
	PaymentProcessing PaymentStatus = "processing"
	PaymentSucceeded  PaymentStatus = "succeeded"
	PaymentCancelled  PaymentStatus = "cancelled"
	PaymentReview     PaymentStatus = "review"
)

// Payment is one attempt at paying an order. Refunded counts what was asked for, done or not.
type Payment struct {
	ID           uuid.UUID `gorm:"type:uuid;primaryKey"`
	OrderID      uuid.UUID
	Attempt      int
	Provider     string
	IntentID     *string
	ClientSecret *string
	Live         bool
	Status       PaymentStatus
	Currency     string
	Amount       int64
	Captured     int64
	Refunded     int64
	CheckedAt    time.Time
	CreatedAt    time.Time
}

// NewPayment makes the n-th attempt at paying an order.
func NewPayment(o *Order, n int, provider string) (Payment, error) {
	id, err := uuid.NewV7()
	return Payment{
		ID: id, OrderID: o.ID, Attempt: n, Provider: provider, Status: PaymentOpen,
		Currency: o.Currency, Amount: o.Total, CheckedAt: o.UpdatedAt, CreatedAt: o.UpdatedAt,
	}, err
}

// Settled reports whether the provider has captured money by it.
func (p Payment) Settled() bool { return p.Status == PaymentSucceeded || p.Status == PaymentReview }

// Refundable is what is left to refund, in minor units.
func (p Payment) Refundable() int64 { return p.Captured - p.Refunded }
