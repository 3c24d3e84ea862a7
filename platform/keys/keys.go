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

// Config is the section "keys" of the configuration.
type Config struct {
	Master secret.Text   `koanf:"master" validate:"required"` // base64 of at least 32 random bytes; all keys come from it
	Accept []secret.Text `koanf:"accept"`                     // other master keys, whose seals and signatures are accepted while the master key is rotated
}

// Master is the secret that all keys come from, and other ones that are accepted beside it while it is rotated: what they
// sealed can be opened and what they signed verifies, but nothing new is made with them. Safe for concurrent use.
type Master struct{ secrets [][]byte } // the master key first

// NewMaster reads master keys: standard base64 of at least 32 random bytes each.
func NewMaster(cfg Config) (*Master, error) {
	m := &Master{}
	for _, encoded := range append([]secret.Text{cfg.Master}, cfg.Accept...) {
		raw, err := base64.StdEncoding.DecodeString(encoded.Reveal())
		if err != nil || len(raw) < 32 {
			return nil, errors.New("a master key must be base64 of at least 32 random bytes (make one with: openssl rand -base64 32)")
		}
		m.secrets = append(m.secrets, raw)
	}
	return m, nil
}

// Derive returns n bytes for a purpose ("page.cursors"), by HKDF-SHA256: the same on every instance, unrelated between purposes.
func (m *Master) Derive(purpose string, n int) []byte { return derive(m.secrets[0], purpose, n) }

// DeriveAll returns the key of Derive and behind it those of the accepted master keys. To sign takes the first, to verify any.
func (m *Master) DeriveAll(purpose string, n int) [][]byte {
	all := make([][]byte, len(m.secrets))
	for i, secret := range m.secrets {
		all[i] = derive(secret, purpose, n)
	}
	return all
}

func derive(secret []byte, purpose string, n int) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "atrium "+purpose, n)
	if err != nil {
		panic("keys: " + err.Error()) // only for a length beyond HKDF's limit
	}
	return key
}

// Seal encrypts a value for rest (AES-256-GCM) under the purpose's key, bound to context: what it belongs to.
func (m *Master) Seal(purpose string, context, plain []byte) []byte {
	gcm := newGCM(m.Derive(purpose, 32))
	nonce := make([]byte, gcm.NonceSize())
	_, _ = rand.Read(nonce) // crypto/rand never fails
	return gcm.Seal(nonce, nonce, plain, context)
}

// Open decrypts what Seal made, or returns ErrSealed.
func (m *Master) Open(purpose string, context, sealed []byte) ([]byte, error) {
	plain, _, err := m.open(purpose, context, sealed)
	return plain, err
}

// Reseal returns the value sealed under the master key, and whether it had been sealed under another one that is accepted.
// It returns ErrSealed where none of them fits.
func (m *Master) Reseal(purpose string, context, sealed []byte) (resealed []byte, changed bool, err error) {
	plain, current, err := m.open(purpose, context, sealed)
	if err != nil || current {
		return sealed, false, err
	}
	return m.Seal(purpose, context, plain), true, nil
}

func (m *Master) open(purpose string, context, sealed []byte) (plain []byte, current bool, err error) {
	for i, key := range m.DeriveAll(purpose, 32) {
		gcm := newGCM(key)
		if len(sealed) < gcm.NonceSize() {
			break
		}
		if plain, err = gcm.Open(nil, sealed[:gcm.NonceSize()], sealed[gcm.NonceSize():], context); err == nil {
			return plain, i == 0, nil
		}
	}
	return nil, false, ErrSealed
}

func newGCM(key []byte) cipher.AEAD {
	block, err := aes.NewCipher(key)
	if err != nil {
		panic("keys: " + err.Error())
	}
	gcm, err := cipher.NewGCM(block)
	if err != nil {
		panic("keys: " + err.Error())
	}
	return gcm
}
