package database

import (
	"database/sql/driver"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgtype"
)

// Array hands a slice to PostgreSQL as one array parameter: Where("id = ANY(?)", database.Array(ids)). One prepared
// statement then serves every length, which IN (?) does not. A nil slice is an empty array.
func Array[T any](values []T) driver.Valuer { return array[T](values) }

type array[T any] []T

// Value returns the slice: the driver knows how to send it.
func (a array[T]) Value() (driver.Value, error) {
	if ids, ok := any([]T(a)).([]uuid.UUID); ok {
		return native(ids), nil
	}
	if a == nil {
		return []T{}, nil
	}
	return []T(a), nil
}

// native are ids of the driver's own type: it would write others as text and read that again, 2 µs for each.
func native(ids []uuid.UUID) []pgtype.UUID {
	all := make([]pgtype.UUID, len(ids))
	for i, id := range ids {
		all[i] = pgtype.UUID{Bytes: id, Valid: true}
	}
	return all
}
