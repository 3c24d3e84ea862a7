// Package keys derives every key that Atrium needs from one master secret, which lives outside the database.
package keys

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"

	"atrium/platform/secret"
)

// ErrSealed is returned for a sealed value that this master key did not seal, or that was changed.
var ErrSealed = errors.New("keys: the value was not sealed with this key")

// Master is the secret that all keys come from. Safe for concurrent use.
type Master struct{ secret []byte }

// NewMaster reads the master key: standard base64 of at least 32 random bytes.
func NewMaster(encoded secret.Text) (*Master, error) {
	raw, err := base64.StdEncoding.DecodeString(encoded.Reveal())
	if err != nil || len(raw) < 32 {
		return nil, errors.New("the master key must be base64 of at least 32 random bytes (make one with: openssl rand -base64 32)")
	}
	return &Master{secret: raw}, nil
}

// Derive returns n bytes for a purpose ("page.cursors"), by HKDF-SHA256: the same on every instance, unrelated between purposes.
func (m *Master) Derive(purpose string, n int) []byte {
	key, err := hkdf.Key(sha256.New, m.secret, nil, "atrium "+purpose, n)
	if err != nil {
		panic("keys: " + err.Error()) // only for a length beyond HKDF's limit
	}
	return key
}

// Seal encrypts a value for rest (AES-256-GCM) under the purpose's key, bound to context: what it belongs to.
func (m *Master) Seal(purpose string, context, plain []byte) []byte {
	gcm := m.gcm(purpose)
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce) // crypto/rand never fails
	return gcm.Seal(nonce, nonce, plain, context)
}

// Open decrypts what Seal made, or returns ErrSealed.
func (m *Master) Open(purpose string, context, sealed []byte) ([]byte, error) {
	gcm := m.gcm(purpose)
	if len(sealed) < gcm.NonceSize() {
		return nil, ErrSealed
	}
	plain, err := gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], context)
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (m *Master) gcm(purpose string) cipher.AEAD {
	block, err := aes.NewCipher(m.Derive(purpose, 32))
	if err != nil {
		panic("keys: " + err.Error())
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("keys: " + err.Error())
	}
	return gcm
}
