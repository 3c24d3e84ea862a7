package order

import (
	"context"

	"github.com/google/uuid"

	"atrium/platform/payment"
)

// InsertPayment writes another attempt.
func (s *Store) InsertPayment(ctx context.Context, p *Payment) error {
	return s.db.Conn(ctx).Create(p).Error
}

// SetPayment writes how an attempt stands, and in which currency money came.
func (s *Store) SetPayment(ctx context.Context, p Payment) error {
	return s.db.Conn(ctx).Exec(`UPDATE payments SET status = ?, captured = ?, currency = ?, checked_at = now() WHERE id = ?`,
		p.Status, p.Captured, p.Currency, p.ID).Error
}

// SetIntent writes what the provider made for an attempt. An attempt has one intent: a second one is not written.
func (s *Store) SetIntent(ctx context.Context, attempt uuid.UUID, intent payment.Intent) error {
	return s.db.Conn(ctx).Exec(`UPDATE payments SET intent_id = ?, client_secret = ?, live = ?, status = 'open', checked_at = now()
		WHERE id = ? AND intent_id IS NULL`, intent.ID, intent.ClientSecret, intent.Live, attempt).Error
}

// PaymentByIntent reads the attempt that an intent belongs to; found is false where there is none.
func (s *Store) PaymentByIntent(ctx context.Context, provider, intentID string) (p Payment, found bool, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT * FROM payments WHERE provider = ? AND intent_id = ?`, provider, intentID).Scan(&p).Error
	return p, p.ID != uuid.Nil, err
}
