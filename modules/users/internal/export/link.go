package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"
)

// link opens an archive for as long as a session lasts, and until then.
type link struct {
	export  uuid.UUID
	session uuid.UUID
	expires time.Time // to the second
}

const linkSize = 16 + 16 + 8

// links signs links with the first key and verifies them with any.
type links struct{ keys [][]byte }

func (l links) seal(opened link) string {
	raw := slices.Concat(opened.export[:], opened.session[:])
	raw = binary.BigEndian.AppendUint64(raw, uint64(opened.expires.Unix()))
	return base64.RawURLEncoding.EncodeToString(append(raw, sum(l.keys[0], raw)...))
}

func (l links) open(token string) (opened link, ok bool) {
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) != linkSize+sha256.Size {
		return link{}, false
	}
	content := raw[:linkSize]
	ours := slices.ContainsFunc(l.keys, func(key []byte) bool { return hmac.Equal(raw[linkSize:], sum(key, content)) })
	return link{
		export: uuid.UUID(content[:16]), session: uuid.UUID(content[16:32]), expires: time.Unix(int64(binary.BigEndian.Uint64(content[32:])), 0),
	}, ours
}

func sum(key, content []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write(content)
	return mac.Sum(nil)
}
