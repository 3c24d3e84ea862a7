package internal

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/binary"

	"github.com/google/uuid"

	"atrium/platform/keys"
)

const (
	idSize         = 16
	generationSize = 8
	refreshSize    = idSize + generationSize + sha256.Size
)

// refreshTokens derives refresh tokens instead of storing them: the same one can be given out again, and the database,
// which lacks the master key, yields none.
type refreshTokens struct{ master *keys.Master }

// derive is the token of a session's generation.
func (r refreshTokens) derive(session uuid.UUID, generation int64) string {
	raw := make([]byte, 0, refreshSize)
	raw = append(raw, session[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(generation))
	return base64.RawURLEncoding.EncodeToString(append(raw, r.mac(session, raw)...))
}

// open reads a token. A forged one is recognised without looking anything up.
func (r refreshTokens) open(token string) (session uuid.UUID, generation int64, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != refreshSize {
		return uuid.Nil, 0, false
	}
	body, mac := raw[:idSize+generationSize], raw[idSize+generationSize:]
	copy(session[:], body)
	if !hmac.Equal(mac, r.mac(session, body)) {
		return uuid.Nil, 0, false
	}
	return session, int64(binary.BigEndian.Uint64(body[idSize:])), true
}

func (r refreshTokens) mac(session uuid.UUID, body []byte) []byte {
	h := hmac.New(sha256.New, r.master.Derive("auth.refresh "+session.String(), sha256.Size))
	h.Write(body)
	return h.Sum(nil)
}

// newSecret is a random text that nobody guesses; only its hash is kept.
func newSecret() (text string, hash []byte) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails
	text = base64.RawURLEncoding.EncodeToString(raw)
	return text, hashOf(text)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

// answers reports whether a PKCE verifier fits its S256 challenge.
func answers(verifier, challenge string) bool {
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
