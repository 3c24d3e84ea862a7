package page

import (
	"bytes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"golang.org/x/crypto/chacha20poly1305"
)

// Signer seals positions into cursors, which say nothing to whoever holds them and cannot be changed. Safe for concurrent use.
type Signer struct{ keys []key }

// key is what one secret becomes: it seals, and it verifies the cursors of builds before, which were only signed.
type key struct {
	seal   cipher.AEAD
	signed []byte
}

// NewSigner needs keys that have at least 32 random bytes and are the same on every instance. Cursors are sealed with the first
// and opened with any.
func NewSigner(keys ...[]byte) *Signer {
	s := &Signer{keys: make([]key, len(keys))}
	for i, secret := range keys {
		s.keys[i] = key{seal: newAEAD(secret), signed: secret}
	}
	return s
}

func newAEAD(secret []byte) cipher.AEAD {
	derived, err := hkdf.Key(sha256.New, secret, nil, "atrium sealed cursors", chacha20poly1305.KeySize)
	if err != nil {
		panic("page: " + err.Error()) // only for a length beyond HKDF's limit
	}
	aead, err := chacha20poly1305.NewX(derived) // its nonces are long enough to be random, however many cursors there are
	if err != nil {
		panic("page: " + err.Error())
	}
	return aead
}

// Scope names the list a cursor belongs to: its name, the viewer (uuid.Nil for nobody) and every parameter
// that selects or orders items. The limit is not part of it.
func Scope(name string, viewer uuid.UUID, params ...string) string {
	scope := name + " " + viewer.String()
	for _, p := range params {
		scope += " " + strconv.Quote(p)
	}
	return scope
}

const (
	sealedVersion = 2  // the first byte of a sealed cursor
	padding       = 32 // bytes: the length of a cursor tells no figure's number of digits
)

// SealCursor returns the cursor for a position: any small value that can be written as JSON.
func (s *Signer) SealCursor(scope string, position any) string {
	plain, err := json.Marshal(position)
	if err != nil {
		panic("page: position cannot be written as JSON: " + err.Error())
	}
	plain = append(plain, bytes.Repeat([]byte(" "), -len(plain)&(padding-1))...)
	sealed := make([]byte, 1+chacha20poly1305.NonceSizeX)
	sealed[0] = sealedVersion
	_, _ = rand.Read(sealed[1:]) // crypto/rand never fails
	return base64.RawURLEncoding.EncodeToString(s.keys[0].seal.Seal(sealed, sealed[1:], plain, []byte(scope)))
}

// OpenCursor reads a cursor back into position (a pointer) and reports whether there was one. An empty cursor is the first page:
// false, nil. What is not ours, or belongs elsewhere: ErrInvalidCursor. Cursors of builds before are opened too.
func (s *Signer) OpenCursor(scope, cursor string, position any) (bool, error) {
	if cursor == "" {
		return false, nil
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(cursor)
	if err != nil || strings.ContainsAny(cursor, "\r\n") { // which base64 would overlook
		return false, ErrInvalidCursor
	}
	for _, k := range s.keys {
		plain, ok := k.open(scope, raw)
		if !ok {
			plain, ok = k.verify(scope, raw)
		}
		if ok && json.Unmarshal(plain, position) == nil {
			return true, nil
		}
	}
	return false, ErrInvalidCursor
}

// open returns what was sealed for the scope.
func (k key) open(scope string, raw []byte) ([]byte, bool) {
	const header = 1 + chacha20poly1305.NonceSizeX
	if len(raw) < header || raw[0] != sealedVersion {
		return nil, false
	}
	plain, err := k.seal.Open(nil, raw[1:header], raw[header:], []byte(scope))
	return plain, err == nil
}

const macSize = 16

// verify returns what a build before has signed for the scope. It goes with the release after this one.
func (k key) verify(scope string, raw []byte) ([]byte, bool) {
	if len(raw) <= macSize {
		return nil, false
	}
	sum, plain := raw[:macSize], raw[macSize:]
	return plain, hmac.Equal(sum, mac(k.signed, scope, plain))
}

func mac(key []byte, scope string, raw []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(scope))
	h.Write([]byte{0})
	h.Write(raw)
	return h.Sum(nil)[:macSize]
}
