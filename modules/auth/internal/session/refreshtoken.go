package session

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"

	"github.com/google/uuid"

	"atrium/platform/keys"
)

const (
	idSize           = 16
	generationSize   = 8
	refreshTokenSize = idSize + generationSize + sha256.Size
	// refreshPurpose derives a session's key, with the session's id behind it. It never changes: that would sign everybody out.
	refreshPurpose = "auth.refresh "
)

// refreshTokens derives refresh tokens from the master key instead of storing them: the same token can be issued again, and the
// database yields none.
type refreshTokens struct{ master *keys.Master }

// derive returns the refresh token of a session's generation: id, generation and an HMAC over both, as base64url.
func (r refreshTokens) derive(session uuid.UUID, generation int64) string {
	raw := make([]byte, 0, refreshTokenSize)
	raw = append(raw, session[:]...)
	raw = binary.BigEndian.AppendUint64(raw, uint64(generation))
	return base64.RawURLEncoding.EncodeToString(append(raw, mac(r.master.Derive(refreshPurpose+session.String(), sha256.Size), raw)...))
}

// open verifies a token and returns what it was derived for. A forged one is recognised without I/O.
func (r refreshTokens) open(token string) (session uuid.UUID, generation int64, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != refreshTokenSize {
		return uuid.Nil, 0, false
	}
	body, sum := raw[:idSize+generationSize], raw[idSize+generationSize:]
	copy(session[:], body)
	ours := slices.ContainsFunc(r.master.DeriveAll(refreshPurpose+session.String(), sha256.Size), func(key []byte) bool {
		return hmac.Equal(sum, mac(key, body))
	})
	if !ours {
		return uuid.Nil, 0, false
	}
	return session, int64(binary.BigEndian.Uint64(body[idSize:])), true
}

func mac(key, body []byte) []byte {
	h := hmac.New(sha256.New, key)
	h.Write(body)
	return h.Sum(nil)
}
