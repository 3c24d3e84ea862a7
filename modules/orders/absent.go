package orders

import (
	"context"

	"github.com/google/uuid"
)

// Absent is the Reader and the Purchases while orders is off: there are no orders.
type Absent struct{}

// Receipt returns ErrNotFound.
func (Absent) Receipt(context.Context, uuid.UUID) (Receipt, error) { return Receipt{}, ErrNotFound }

// Expired returns none.
func (Absent) Expired(context.Context, []uuid.UUID) (map[uuid.UUID]bool, error) {
	return map[uuid.UUID]bool{}, nil
}

// Bought returns none.
func (Absent) Bought(context.Context, uuid.UUID, uuid.UUID) ([]uuid.UUID, error) { return nil, nil }

// Undone returns none.
func (Absent) Undone(context.Context, []uuid.UUID) ([]uuid.UUID, error) { return nil, nil }
