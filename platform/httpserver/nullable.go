package httpserver

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Nullable is a member of a PATCH that may be absent (leave the value), null (take it away) or there.
type Nullable[T any] struct {
	Present bool // the member is there, if only as null
	Value   *T   // nil: null
}

// UnmarshalJSON runs where the member is there, as null too.
func (n *Nullable[T]) UnmarshalJSON(raw []byte) error {
	n.Present = true
	return json.Unmarshal(raw, &n.Value)
}

// Change returns nil where the member was absent, else a pointer to its value, which is nil for null.
func (n Nullable[T]) Change() **T {
	if !n.Present {
		return nil
	}
	return &n.Value
}

// Schema is that of the value; a value without a name of its own may be null in it.
func (Nullable[T]) Schema(r huma.Registry) *huma.Schema {
	schema := r.Schema(reflect.TypeFor[T](), true, "")
	schema.Nullable = schema.Ref == ""
	return schema
}
