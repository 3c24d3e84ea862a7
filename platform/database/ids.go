package database

import (
	"bytes"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"slices"

	"github.com/google/uuid"
)

// IDs is a list of ids as string_agg(uuid_send(id), ”) reads it, by one value for any number; in JSON it is the same
// bytes, half the size of a list of strings and read at once.
type IDs []uuid.UUID

// Has reports whether the id is in an ascending list.
func (l IDs) Has(id uuid.UUID) bool {
	_, found := slices.BinarySearchFunc(l, id, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	return found
}

// Bytes are the ids, one after the other.
func (l IDs) Bytes() []byte {
	raw := make([]byte, 0, 16*len(l))
	for _, id := range l {
		raw = append(raw, id[:]...)
	}
	return raw
}

// Value is the bytes.
func (l IDs) Value() (driver.Value, error) { return l.Bytes(), nil }

// Scan reads the bytes; null is none.
func (l *IDs) Scan(src any) error {
	raw, ok := src.([]byte)
	if src != nil && !ok || len(raw)%16 != 0 {
		return errors.New("database: these are not ids")
	}
	*l = make(IDs, len(raw)/16)
	for i := range *l {
		copy((*l)[i][:], raw[16*i:])
	}
	return nil
}

// MarshalJSON writes the bytes.
func (l IDs) MarshalJSON() ([]byte, error) { return json.Marshal(l.Bytes()) }

// UnmarshalJSON reads them.
func (l *IDs) UnmarshalJSON(text []byte) error {
	var raw []byte
	if err := json.Unmarshal(text, &raw); err != nil {
		return err
	}
	return l.Scan(raw)
}
