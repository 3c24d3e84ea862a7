package access

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/platform/cache"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
)

const (
	audience = "atrium"
	leeway   = 30 * time.Second
	// maxTokenLength is longer, in bytes, than any token that we issue: a longer one is refused unread.
	maxTokenLength = 4096
	// maxChecked bounds the memory of tokens that are remembered as verified.
	maxChecked = 32 * cache.MB
)

// Claims are what an access token says.
type Claims struct {
	UserID     uuid.UUID
	SessionID  uuid.UUID
	Generation int64 // of the refresh token issued with it
	Roles      []string
	AsOf       time.Time // when session and roles were as the token says; a later change invalidates it
	SignedIn   time.Time
	TTL        time.Duration
}

// payload is Claims on the wire (RFC 7519). Times are Unix seconds, as_of Unix milliseconds.
type payload struct {
	Issuer     string    `json:"iss"`
	Audience   string    `json:"aud"`
	Subject    uuid.UUID `json:"sub"`
	SessionID  uuid.UUID `json:"sid"`
	Generation int64     `json:"gen"`
	Roles      []string  `json:"roles"`
	SignedIn   int64     `json:"auth_time"`
	AsOf       int64     `json:"as_of"`
	IssuedAt   int64     `json:"iat"`
	NotBefore  int64     `json:"nbf"`
	Expires    int64     `json:"exp"`
	ID         uuid.UUID `json:"jti"`
}

// timely reports whether the token holds now, give or take the leeway. Whoever signed it, it holds no longer than the longest
// lifetime, and nothing that it tells lies in the future: a sign-in would stay fresh, and no revocation would reach it.
func (p payload) timely(now time.Time) bool {
	soon := now.Add(leeway).Unix()
	return now.Add(-leeway).Unix() < p.Expires && p.Expires-p.IssuedAt <= int64(maxTokenTTL/time.Second) &&
		max(p.NotBefore, p.IssuedAt, p.SignedIn, p.AsOf/1000) <= soon
}

// checked is a token that was verified before.
type checked struct {
	who        identity.Principal
	generation int64
	asOf       time.Time
	expires    time.Time
	recorded   atomic.Bool
}

// Tokens issues and verifies access tokens: auth.Verifier. Safe for concurrent use.
type Tokens struct {
	issuer  string
	keys    *Keys
	revoked *Revocations
	seen    *LastSeen
	checked *cache.Local[[sha256.Size]byte, *checked]
	now     func() time.Time
}

// NewTokens issues in the name of the API's public URL.
func NewTokens(web httpserver.Config, keys *Keys, revoked *Revocations, seen *LastSeen, now func() time.Time) *Tokens {
	return &Tokens{
		issuer: web.PublicURL, keys: keys, revoked: revoked, seen: seen, now: now,
		checked: cache.NewLocal("auth.checked_tokens", maxChecked, func(_ [sha256.Size]byte, c *checked) time.Duration { return c.expires.Sub(now()) }),
	}
}

// Issue signs a token. It fails only before the first signing key is loaded.
func (t *Tokens) Issue(g Claims) (string, error) {
	signer, ok := t.keys.signer()
	if !ok {
		return "", errors.New("auth: no signing key is loaded")
	}
	now := t.now()
	body, err := json.Marshal(payload{
		Issuer: t.issuer, Audience: audience, Subject: g.UserID, SessionID: g.SessionID, Generation: g.Generation, Roles: g.Roles,
		SignedIn: g.SignedIn.Unix(), AsOf: g.AsOf.UnixMilli(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(g.TTL).Unix(), ID: uuid.New(),
	})
	if err != nil {
		return "", fmt.Errorf("auth: encode the claims of a token: %w", err)
	}
	signed := signer.header + "." + base64.RawURLEncoding.EncodeToString(body)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(signer.private, []byte(signed))), nil
}

// Authenticate implements auth.Verifier.
func (t *Tokens) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	if len(token) > maxTokenLength {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	header, rest, _ := strings.Cut(token, ".")
	signer, ok := t.keys.byHeader(header) // asked each time: of a key that is gone, no token that was seen before is good either
	if !ok {
		return identity.Principal{}, auth.ErrInvalidToken.Because(errUnknownHeader)
	}
	hash := sha256.Sum256([]byte(token)) // so that a memory dump holds no tokens
	found, known := t.checked.Get(hash)
	if !known {
		var err error
		if found, err = t.check(signer, token, rest); err != nil {
			return identity.Principal{}, auth.ErrInvalidToken.Because(err)
		}
		t.checked.Put(hash, found)
	}
	if !t.now().Before(found.expires) || t.revoked.Revoked(found.who.SessionID, found.asOf) {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	if !found.recorded.Load() && found.recorded.CompareAndSwap(false, true) {
		found.recorded.Store(t.seen.record(found.who.SessionID, found.generation))
	}
	return found.who, nil
}

// Why a token is refused, for the log. None quotes the token.
var (
	errUnknownHeader = errors.New("the token's header names no key of ours")
	errSignature     = errors.New("the token's signature is invalid")
	errClaims        = errors.New("the token's claims are invalid")
	errTime          = errors.New("the token is expired or not valid yet")
)

var strictBase64 = base64.RawURLEncoding.Strict()

// check verifies a token that was not seen before. It begins with the signer's header, byte for byte, which fixes key and
// algorithm: nothing is decoded before the signature is verified. rest is what follows the header.
func (t *Tokens) check(signer key, token, rest string) (*checked, error) {
	body, encoded, _ := strings.Cut(rest, ".")
	signature, err := strictBase64.DecodeString(encoded)
	if err != nil || !ed25519.Verify(signer.public, []byte(token[:len(signer.header)+1+len(body)]), signature) {
		return nil, errSignature
	}
	raw, err := strictBase64.DecodeString(body)
	if err != nil {
		return nil, errClaims
	}
	var c payload
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, errClaims
	}
	if c.Issuer != t.issuer || c.Audience != audience || c.Subject == uuid.Nil || c.SessionID == uuid.Nil || c.AsOf == 0 {
		return nil, errClaims
	}
	if !c.timely(t.now()) {
		return nil, errTime
	}
	return &checked{
		who:        identity.Principal{UserID: c.Subject, SessionID: c.SessionID, Roles: c.Roles, SignedIn: time.Unix(c.SignedIn, 0)},
		generation: c.Generation, asOf: time.UnixMilli(c.AsOf), expires: time.Unix(c.Expires, 0).Add(leeway),
	}, nil
}
