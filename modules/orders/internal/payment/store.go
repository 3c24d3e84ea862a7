package payment

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/platform/database"
	"atrium/platform/payment"
)

// Store reads and writes the ledger of events, and when payments were checked.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// InsertEvent writes an event of the provider into the ledger and reports whether it was new.
func (s *Store) InsertEvent(ctx context.Context, provider string, e payment.Event) (bool, error) {
	done := s.db.Conn(ctx).Exec(`INSERT INTO payment_events (provider, event_id, type, intent_id, refund_id, live, at)
		VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`, provider, e.ID, e.Type, e.IntentID, e.RefundID, e.Live, e.At)
	return done.RowsAffected == 1, done.Error
}

// MarkChecked notes that the provider was asked about a payment, whatever it said.
func (s *Store) MarkChecked(ctx context.Context, payment uuid.UUID) error {
	return s.db.Conn(ctx).Exec(`UPDATE payments SET checked_at = now() WHERE id = ?`, payment).Error
}

// unsettledWait is for how long a payment must have been quiet to be asked about.
const unsettledWait = 5 * time.Minute

// Unsettled reads orders with a payment that the provider was not asked about for a while, the longest first.
func (s *Store) Unsettled(ctx context.Context, quiet time.Duration, limit int) (ids []uuid.UUID, err error) {
	err = s.db.Conn(ctx).Raw(`SELECT order_id FROM payments WHERE status IN ('open', 'processing') AND intent_id IS NOT NULL
		AND checked_at < now() - make_interval(secs => ?) ORDER BY checked_at LIMIT ?`, quiet.Seconds(), limit).Scan(&ids).Error
	return ids, err
}
