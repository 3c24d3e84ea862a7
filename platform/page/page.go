// Package page is Atrium's one way of paging: opaque signed cursors over a keyset.
package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"atrium/platform/fault"
)

// ErrInvalidCursor answers a cursor that is not ours, was changed, or belongs to another query or person.
var ErrInvalidCursor = fault.New(fault.KindMalformed, "page.invalid_cursor", "This cursor does not belong to this list. Start again without a cursor.")

// Query is what every list takes; embed it in the request struct.
type Query struct {
	Cursor string `query:"cursor" doc:"next_cursor of the page before"`
	Limit  int    `query:"limit" minimum:"1" maximum:"50" default:"20" doc:"items a page"`
}

// List is what every list answers. NextCursor is null at the end.
type List[T any] struct {
	Items      []T     `json:"items"`
	NextCursor *string `json:"next_cursor" doc:"null at the end"`

	written *text // see Written
}

// Signer seals positions into cursors. Safe for concurrent use.
type Signer struct{ key []byte }

// NewSigner makes a Signer; key has at least 32 random bytes and is the same on every instance.
func NewSigner(key []byte) *Signer { return &Signer{key: key} }

// Scope names the list a cursor belongs to: its name, the viewer (uuid.Nil for nobody) and every parameter
// that selects or orders items. The limit is not part of it.
func Scope(name string, viewer uuid.UUID, params ...string) string {
	scope := name + " " + viewer.String()
	for _, p := range params {
		scope += " " + strconv.Quote(p)
	}
	return scope
}

// Seal returns the cursor for a position: any small JSON-able value.
func (s *Signer) Seal(scope string, position any) string {
	raw, err := json.Marshal(position)
	if err != nil {
		panic("page: position cannot be written as JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(append(s.mac(scope, raw), raw...))
}

// Open reads a cursor back into position (a pointer) and reports whether there was one.
// An empty cursor is the first page: false, nil. Anything else that is not ours: ErrInvalidCursor.
func (s *Signer) Open(scope, cursor string, position any) (bool, error) {
	if cursor == "" {
		return false, nil
	}
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || len(sealed) <= macSize || strings.ContainsAny(cursor, "\r\n") { // which base64 would overlook
		return false, ErrInvalidCursor
	}
	mac, raw := sealed[:macSize], sealed[macSize:]
	if !hmac.Equal(mac, s.mac(scope, raw)) || json.Unmarshal(raw, position) != nil {
		return false, ErrInvalidCursor
	}
	return true, nil
}

// Cut makes a page from up to limit+1 rows: the extra row only says that there is more.
// position gives the keyset position of the last row shown.
func Cut[R, T any](s *Signer, scope string, limit int, rows []R, show func(R) T, position func(R) any) List[T] {
	list := List[T]{Items: make([]T, 0, min(len(rows), limit))}
	more := len(rows) > limit
	if more {
		rows = rows[:limit]
	}
	for _, row := range rows {
		list.Items = append(list.Items, show(row))
	}
	if more {
		next := s.Seal(scope, position(rows[len(rows)-1]))
		list.NextCursor = &next
	}
	return list
}

// Whole answers a list that is short by nature (a person's sessions, the categories) in one piece, whatever the limit.
// No cursor of such a list was ever handed out, so any is ErrInvalidCursor.
func Whole[T any](q Query, items []T) (List[T], error) {
	if q.Cursor != "" {
		return List[T]{}, ErrInvalidCursor
	}
	return List[T]{Items: append([]T{}, items...)}, nil
}

const macSize = 16

func (s *Signer) mac(scope string, raw []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(scope))
	h.Write([]byte{0})
	h.Write(raw)
	return h.Sum(nil)[:macSize]
}
