package fulfilment

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"

	"atrium/modules/orders/internal/order"
	"atrium/platform/database"
)

// Store reads and writes shipments.
type Store struct{ db *database.DB }

func NewStore(db *database.DB) *Store { return &Store{db} }

// Insert writes a shipment.
func (s *Store) Insert(ctx context.Context, order uuid.UUID, carrier, tracking string, shipped []order.ItemQuantity) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	lines, err := json.Marshal(shipped)
	if err != nil {
		return err
	}
	return s.db.Conn(ctx).Exec(`INSERT INTO shipments (id, order_id, carrier, tracking_number, lines, shipped_at)
		VALUES (?, ?, ?, ?, ?::jsonb, now())`, id, order, carrier, tracking, string(lines)).Error
}

// Deliver notes that all shipments of an order have arrived, and returns when.
func (s *Store) Deliver(ctx context.Context, order uuid.UUID) (at time.Time, err error) {
	err = s.db.Conn(ctx).Raw(`UPDATE shipments SET delivered_at = now() WHERE order_id = ? AND delivered_at IS NULL RETURNING delivered_at`,
		order).Scan(&at).Error
	return at, err
}
