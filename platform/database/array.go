package database

import "database/sql/driver"

// Array hands a slice to PostgreSQL as one array parameter: Where("id = ANY(?)", database.Array(ids)). One prepared
// statement then serves every length, which IN (?) does not. A nil slice is an empty array.
func Array[T any](values []T) driver.Valuer { return array[T](values) }

type array[T any] []T

// Value returns the slice itself: the driver knows how to send it.
func (a array[T]) Value() (driver.Value, error) {
	if a == nil {
		return []T{}, nil
	}
	return []T(a), nil
}
