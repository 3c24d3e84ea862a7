package secret

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
)

// NewToken returns 32 random bytes as base64url, and the SHA-256 of that text: only the hash is stored.
func NewToken() (token string, hash []byte) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // crypto/rand never fails
	token = base64.RawURLEncoding.EncodeToString(raw)
	return token, Hash(token)
}

// Hash returns the SHA-256 of a token, under which it is stored and looked up.
func Hash(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
