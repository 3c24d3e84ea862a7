package page

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
)

// Signer seals positions into cursors. Safe for concurrent use.
type Signer struct{ keys [][]byte }

// NewSigner needs keys that have at least 32 random bytes and are the same on every instance. Cursors are sealed with the first
// and opened with any.
func NewSigner(keys ...[]byte) *Signer { return &Signer{keys: keys} }

// Scope names the list a cursor belongs to: its name, the viewer (uuid.Nil for nobody) and every parameter
// that selects or orders items. The limit is not part of it.
func Scope(name string, viewer uuid.UUID, params ...string) string {
	scope := name + " " + viewer.String()
	for _, p := range params {
		scope += " " + strconv.Quote(p)
	}
	return scope
}

// SealCursor returns the cursor for a position: any small value that can be written as JSON.
func (s *Signer) SealCursor(scope string, position any) string {
	raw, err := json.Marshal(position)
	if err != nil {
		panic("page: position cannot be written as JSON: " + err.Error())
	}
	return base64.RawURLEncoding.EncodeToString(append(mac(s.keys[0], scope, raw), raw...))
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
	sum, raw := sealed[:macSize], sealed[macSize:]
	ours := slices.ContainsFunc(s.keys, func(key []byte) bool { return hmac.Equal(sum, mac(key, scope, raw)) })
	if !ours || json.Unmarshal(raw, position) != nil {
		return false, ErrInvalidCursor
	}
	return true, nil
}

const macSize = 16

func mac(key []byte, scope string, raw []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(scope))
	h.Write([]byte{0})
	h.Write(raw)
	return h.Sum(nil)[:macSize]
}
