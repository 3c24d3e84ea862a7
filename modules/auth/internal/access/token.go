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
	"atrium/platform/identity"
)

const (
	audience = "atrium"
	leeway   = 30 * time.Second
	// maxToken is longer than any token of ours: more is not even parsed.
	maxToken = 4096
	// seenTokens bounds the memory for tokens that were checked before.
	seenTokens = 50_000
)

// Grant is what an access token says.
type Grant struct {
	UserID     uuid.UUID
	SessionID  uuid.UUID
	Generation int64 // of the refresh token that came with it
	Roles      []string
	AsOf       time.Time // when session and roles were as the token says; a later change makes it worthless
	SignedIn   time.Time
	TTL        time.Duration
}

// claims are a Grant on the wire (RFC 7519). Times are seconds, as_of milliseconds.
type claims struct {
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

// checked is a token whose signature was right.
type checked struct {
	who        identity.Principal
	generation int64
	asOf       time.Time
	expires    time.Time
	noted      atomic.Bool
}

// Tokens makes and checks access tokens. Safe for concurrent use.
type Tokens struct {
	issuer  string
	keys    *Keys
	revoked *Revocations
	seen    *Sightings
	checked *cache.Local[[sha256.Size]byte, *checked]
	now     func() time.Time
}

// NewTokens makes the service; issuer is the API's public URL.
func NewTokens(issuer string, keys *Keys, revoked *Revocations, seen *Sightings, now func() time.Time) *Tokens {
	return &Tokens{
		issuer: issuer, keys: keys, revoked: revoked, seen: seen, now: now,
		checked: cache.NewLocal(seenTokens, func(_ [sha256.Size]byte, c *checked) time.Duration { return c.expires.Sub(now()) }),
	}
}

// Issue signs a token.
func (t *Tokens) Issue(g Grant) (string, error) {
	signer, ok := t.keys.signer()
	if !ok {
		return "", errors.New("auth: there is no signing key yet")
	}
	now := t.now()
	body, err := json.Marshal(claims{
		Issuer: t.issuer, Audience: audience, Subject: g.UserID, SessionID: g.SessionID, Generation: g.Generation, Roles: g.Roles,
		SignedIn: g.SignedIn.Unix(), AsOf: g.AsOf.UnixMilli(),
		IssuedAt: now.Unix(), NotBefore: now.Unix(), Expires: now.Add(g.TTL).Unix(), ID: uuid.New(),
	})
	if err != nil {
		return "", fmt.Errorf("auth: write a token: %w", err)
	}
	signed := signer.header + "." + base64.RawURLEncoding.EncodeToString(body)
	return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(signer.private, []byte(signed))), nil
}

// Authenticate implements auth.Verifier.
func (t *Tokens) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	if len(token) > maxToken {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	hash := sha256.Sum256([]byte(token)) // so that a copy of the memory holds no tokens
	found, known := t.checked.Get(hash)
	if !known {
		var err error
		if found, err = t.check(token); err != nil {
			return identity.Principal{}, auth.ErrInvalidToken.Because(err)
		}
		t.checked.Put(hash, found)
	}
	if !t.now().Before(found.expires) || t.revoked.Covers(found.who.SessionID, found.asOf) {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	if !found.noted.Load() && found.noted.CompareAndSwap(false, true) {
		found.noted.Store(t.seen.note(found.who.SessionID, found.generation))
	}
	return found.who, nil
}

// Why a token is refused, for the log; none quotes the token.
var (
	errUnknownHeader = errors.New("the header is not one of ours")
	errSignature     = errors.New("the signature is wrong")
	errClaims        = errors.New("the claims are not ours")
	errTime          = errors.New("the token is not valid now")
)

var strictBase64 = base64.RawURLEncoding.Strict()

// check verifies a token at first sight. A token of ours begins with the header of one of our keys, letter for letter: that
// names the key and, with it, the algorithm. So nothing that a stranger wrote is read before the signature is known to be right.
func (t *Tokens) check(token string) (*checked, error) {
	header, rest, _ := strings.Cut(token, ".")
	signer, ok := t.keys.byHeader(header)
	if !ok {
		return nil, errUnknownHeader
	}
	body, mark, _ := strings.Cut(rest, ".")
	signature, err := strictBase64.DecodeString(mark)
	if err != nil || !ed25519.Verify(signer.public, []byte(token[:len(header)+1+len(body)]), signature) {
		return nil, errSignature
	}
	raw, err := strictBase64.DecodeString(body)
	if err != nil {
		return nil, errClaims
	}
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil {
		return nil, errClaims
	}
	if c.Issuer != t.issuer || c.Audience != audience || c.Subject == uuid.Nil || c.SessionID == uuid.Nil || c.AsOf == 0 {
		return nil, errClaims
	}
	now, skew := t.now().Unix(), int64(leeway/time.Second)
	if now >= c.Expires+skew || now < c.NotBefore-skew || now < c.IssuedAt-skew {
		return nil, errTime
	}
	return &checked{
		who:        identity.Principal{UserID: c.Subject, SessionID: c.SessionID, Roles: c.Roles, SignedIn: time.Unix(c.SignedIn, 0)},
		generation: c.Generation, asOf: time.UnixMilli(c.AsOf), expires: time.Unix(c.Expires, 0).Add(leeway),
	}, nil
}
