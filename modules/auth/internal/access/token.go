package access

import (
	"context"
	"crypto/sha256"
	"errors"
	"sync/atomic"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/maypok86/otter/v2"

	"atrium/modules/auth"
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
	SignedIn   time.Time
	TTL        time.Duration
}

// claims are a Grant on the wire.
type claims struct {
	jwt.RegisteredClaims
	SessionID  uuid.UUID `json:"sid"`
	Generation int64     `json:"gen"`
	Roles      []string  `json:"roles"`
	SignedIn   int64     `json:"auth_time"`
}

// checked is a token whose signature was right.
type checked struct {
	who        identity.Principal
	generation int64
	issued     time.Time
	expires    time.Time
	noted      atomic.Bool
}

// Tokens makes and checks access tokens. Safe for concurrent use.
type Tokens struct {
	issuer  string
	keys    *Keys
	revoked *Revocations
	seen    *Sightings
	parser  *jwt.Parser
	cache   *otter.Cache[[sha256.Size]byte, *checked]
	now     func() time.Time
}

// NewTokens makes the service; issuer is the API's public URL.
func NewTokens(issuer string, keys *Keys, revoked *Revocations, seen *Sightings, now func() time.Time) *Tokens {
	return &Tokens{
		issuer: issuer, keys: keys, revoked: revoked, seen: seen, now: now,
		parser: jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}), jwt.WithIssuer(issuer),
			jwt.WithAudience(audience), jwt.WithExpirationRequired(), jwt.WithIssuedAt(), jwt.WithLeeway(leeway), jwt.WithTimeFunc(now)),
		cache: otter.Must(&otter.Options[[sha256.Size]byte, *checked]{
			MaximumSize: seenTokens,
			ExpiryCalculator: otter.ExpiryCreatingFunc(func(e otter.Entry[[sha256.Size]byte, *checked]) time.Duration {
				return max(e.Value.expires.Sub(now()), time.Millisecond)
			}),
		}),
	}
}

// Issue signs a token.
func (t *Tokens) Issue(g Grant) (string, error) {
	signer, ok := t.keys.signer()
	if !ok {
		return "", errors.New("auth: there is no signing key yet")
	}
	now := t.now()
	token := jwt.NewWithClaims(jwt.SigningMethodEdDSA, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: t.issuer, Subject: g.UserID.String(), Audience: jwt.ClaimStrings{audience}, ID: uuid.NewString(),
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(g.TTL)),
		},
		SessionID: g.SessionID, Generation: g.Generation, Roles: g.Roles, SignedIn: g.SignedIn.Unix(),
	})
	token.Header["kid"] = signer.id
	return token.SignedString(signer.private)
}

// Authenticate implements auth.Verifier.
func (t *Tokens) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	if len(token) > maxToken {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	hash := sha256.Sum256([]byte(token)) // so that a copy of the memory holds no tokens
	found, known := t.cache.GetIfPresent(hash)
	if !known {
		var err error
		if found, err = t.check(token); err != nil {
			return identity.Principal{}, auth.ErrInvalidToken.Because(err)
		}
		t.cache.Set(hash, found)
	}
	if !t.now().Before(found.expires) || t.revoked.Covers(found.who.SessionID, found.issued) {
		return identity.Principal{}, auth.ErrInvalidToken
	}
	if !found.noted.Load() && found.noted.CompareAndSwap(false, true) {
		t.seen.note(found.who.SessionID, found.generation)
	}
	return found.who, nil
}

var errUnknownKey = errors.New("the key is not known")

// check verifies a token at first sight.
func (t *Tokens) check(token string) (*checked, error) {
	var c claims
	_, err := t.parser.ParseWithClaims(token, &c, func(parsed *jwt.Token) (any, error) {
		kid, _ := parsed.Header["kid"].(string)
		public, ok := t.keys.public(kid)
		if !ok {
			return nil, errUnknownKey
		}
		return public, nil
	})
	if err != nil {
		return nil, errBadToken(err)
	}
	user, err := uuid.Parse(c.Subject)
	if err != nil || user == uuid.Nil || c.SessionID == uuid.Nil || c.IssuedAt == nil {
		return nil, errors.New("a claim is missing")
	}
	return &checked{
		who:        identity.Principal{UserID: user, SessionID: c.SessionID, Roles: c.Roles, SignedIn: time.Unix(c.SignedIn, 0)},
		generation: c.Generation, issued: c.IssuedAt.Time, expires: c.ExpiresAt.Add(leeway),
	}, nil
}

// errBadToken keeps the reason without quoting the token: the library's texts may.
func errBadToken(err error) error {
	for _, reason := range []error{
		errUnknownKey, jwt.ErrTokenExpired, jwt.ErrTokenNotValidYet, jwt.ErrTokenUsedBeforeIssued, jwt.ErrTokenInvalidAudience,
		jwt.ErrTokenInvalidIssuer, jwt.ErrTokenSignatureInvalid,
	} {
		if errors.Is(err, reason) {
			return reason
		}
	}
	return jwt.ErrTokenMalformed
}
