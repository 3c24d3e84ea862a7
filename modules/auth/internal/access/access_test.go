package access

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"maps"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/secret"
)

const issuer = "https://api.atrium.test"

// parts are tokens on a database; ahead puts their clock forward.
type parts struct {
	db      *database.DB
	master  *keys.Master
	keys    *Keys
	revoked *Revocations
	seen    *LastSeen
	tokens  *Tokens
	ahead   time.Duration
}

func (p *parts) now() time.Time { return time.Now().Add(p.ahead) }

func setup(t testing.TB) *parts {
	t.Helper()
	master, err := keys.NewMaster(keys.Config{Master: secret.Text(strings.Repeat("A", 43) + "=")})
	require.NoError(t, err)
	p := &parts{db: dbtest.Clone(t), master: master}
	p.keys = NewKeys(p.db, master, p.now)
	p.revoked = NewRevocations(p.db, nil, p.now)
	p.seen = NewLastSeen(p.db)
	require.NoError(t, p.keys.Ensure(t.Context()))
	p.tokens = NewTokens(httpserver.Config{PublicURL: issuer}, p.keys, p.revoked, p.seen, p.now)
	return p
}

func (p *parts) issue(t testing.TB, session uuid.UUID) string {
	t.Helper()
	token, err := p.tokens.Issue(Claims{
		UserID: uuid.New(), SessionID: session, Roles: []string{"user"}, AsOf: p.now(), SignedIn: p.now(), TTL: 15 * time.Minute,
	})
	require.NoError(t, err)
	return token
}

func TestAuthenticate_RefusesAllElseAlike(t *testing.T) {
	t.Parallel()
	p := setup(t)
	signer, ok := p.keys.signer()
	require.True(t, ok)
	_, stranger, err := ed25519.GenerateKey(rand.Reader)
	require.NoError(t, err)
	good := func(change map[string]any) jwt.MapClaims {
		claims := jwt.MapClaims{
			"iss": issuer, "aud": "atrium", "sub": uuid.NewString(), "sid": uuid.NewString(), "roles": []string{"user"}, "gen": 0, "as_of": time.Now().UnixMilli(),
			"auth_time": time.Now().Unix(), "iat": time.Now().Unix(), "nbf": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(),
		}
		maps.Copy(claims, change)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
		return claims
	}
	sign := func(method jwt.SigningMethod, kid any, key any, claims jwt.MapClaims) string {
		token := jwt.NewWithClaims(method, claims)
		token.Header["kid"] = kid
		text, err := token.SignedString(key)
		require.NoError(t, err)
		return text
	}
	ours := func(change map[string]any) string {
		return sign(jwt.SigningMethodEdDSA, signer.id, signer.private, good(change))
	}
	_, err = p.tokens.Authenticate(t.Context(), ours(nil))
	require.NoError(t, err, "the model of all that follow is good")
	valid := strings.Split(ours(nil), ".")

	reheaded := func(header string) string {
		signed := base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + valid[1]
		return signed + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(signer.private, []byte(signed)))
	}

	for name, token := range map[string]string{
		"empty": "", "nonsense": "a.b.c", "very long": strings.Repeat("a", 100_000),
		"unsigned":                   sign(jwt.SigningMethodNone, signer.id, jwt.UnsafeAllowNoneSignatureType, good(nil)),
		"our public key as a secret": sign(jwt.SigningMethodHS256, signer.id, []byte(signer.public), good(nil)),
		"another's key":              sign(jwt.SigningMethodEdDSA, signer.id, stranger, good(nil)),
		"unknown kid":                sign(jwt.SigningMethodEdDSA, "../../etc/passwd\n{\"level\":\"info\"}", stranger, good(nil)),
		"no kid":                     sign(jwt.SigningMethodEdDSA, nil, signer.private, good(nil)),
		"kid of another type":        sign(jwt.SigningMethodEdDSA, 7, signer.private, good(nil)),
		"expired":                    ours(map[string]any{"exp": time.Now().Add(-31 * time.Second).Unix()}),
		"without end":                ours(map[string]any{"exp": nil}),
		"not yet":                    ours(map[string]any{"nbf": time.Now().Add(time.Minute).Unix()}),
		"from the future":            ours(map[string]any{"iat": time.Now().Add(time.Minute).Unix()}),
		"for ten years":              ours(map[string]any{"exp": time.Now().AddDate(10, 0, 0).Unix()}),
		"fresh for ever":             ours(map[string]any{"auth_time": time.Now().Add(time.Hour).Unix()}),
		"beyond any revocation":      ours(map[string]any{"as_of": time.Now().Add(time.Hour).UnixMilli()}),
		"another audience":           ours(map[string]any{"aud": "other"}),
		"another issuer":             ours(map[string]any{"iss": "https://evil.test"}),
		"no subject":                 ours(map[string]any{"sub": nil}),
		"no session":                 ours(map[string]any{"sid": nil}),
		"of no time":                 ours(map[string]any{"as_of": nil}),
		"a header of more words":     reheaded(`{"alg":"EdDSA","kid":"` + signer.id + `","typ":"JWT","crit":["exp"]}`),
		"our key, another algorithm": reheaded(`{"alg":"none","kid":"` + signer.id + `","typ":"JWT"}`),
		"changed claims":             valid[0] + "." + base64.RawURLEncoding.EncodeToString([]byte(`{"sub":"x"}`)) + "." + valid[2],
		"no signature":               valid[0] + "." + valid[1] + ".",
	} {
		who, err := p.tokens.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, auth.ErrInvalidToken, name)
		require.False(t, who.Known(), name)
		require.NotContains(t, err.Error(), "passwd", "the log gets nothing of a stranger's token")
		require.NotContains(t, err.Error(), "\n")
	}
	require.LessOrEqual(t, p.tokens.checked.Len(), 1, "a stranger's token takes no room")
}

// Whoever holds a key, by theft or by a mistake of ours, makes no token that outlives the longest lifetime.
func TestFault_K1_NothingOutlivesTheLongestLifetime(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, ttl := range []time.Duration{maxTokenTTL + time.Second, 24 * time.Hour, 10 * 365 * 24 * time.Hour} {
		token, err := p.tokens.Issue(Claims{UserID: uuid.New(), SessionID: uuid.New(), AsOf: p.now(), SignedIn: p.now(), TTL: ttl})
		require.NoError(t, err)
		_, err = p.tokens.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, auth.ErrInvalidToken, ttl)
	}
}

func TestAuthenticate_ASeenTokenEndsInTime(t *testing.T) {
	t.Parallel()
	p := setup(t)
	token := p.issue(t, uuid.New())
	for range 2 {
		_, err := p.tokens.Authenticate(t.Context(), token)
		require.NoError(t, err)
	}
	p.ahead = 15*time.Minute + leeway + time.Second
	_, err := p.tokens.Authenticate(t.Context(), token)
	require.ErrorIs(t, err, auth.ErrInvalidToken)
}

func TestRevocations(t *testing.T) {
	t.Parallel()
	p := setup(t)
	session := uuid.New()
	token := p.issue(t, session)
	_, err := p.tokens.Authenticate(t.Context(), token)
	require.NoError(t, err)

	t.Run("a transaction that fails revokes nothing", func(t *testing.T) {
		_ = p.db.InTx(t.Context(), func(ctx context.Context) error {
			require.NoError(t, p.revoked.Revoke(ctx, session))
			return context.Canceled
		})
		_, err := p.tokens.Authenticate(t.Context(), token)
		require.NoError(t, err)
	})
	t.Run("one that commits bites at once, also tokens seen before", func(t *testing.T) {
		require.NoError(t, p.db.InTx(t.Context(), func(ctx context.Context) error { return p.revoked.Revoke(ctx, session) }))
		_, err := p.tokens.Authenticate(t.Context(), token)
		require.ErrorIs(t, err, auth.ErrInvalidToken)
	})
	t.Run("an instance that starts later knows it", func(t *testing.T) {
		later := NewRevocations(p.db, nil, p.now)
		require.NoError(t, later.Poll(t.Context()))
		require.True(t, later.Revoked(session, p.now()))
	})
	t.Run("another session is not touched", func(t *testing.T) {
		_, err := p.tokens.Authenticate(t.Context(), p.issue(t, uuid.New()))
		require.NoError(t, err)
	})
	t.Run("memory forgets it when all its tokens have expired", func(t *testing.T) {
		require.NoError(t, p.revoked.Poll(t.Context()))
		require.Len(t, p.revoked.recent, 1)
		p.ahead = 20 * time.Minute
		require.NoError(t, p.revoked.Poll(t.Context()))
		require.Empty(t, p.revoked.recent)
	})
}

func TestKeys(t *testing.T) {
	t.Parallel()
	p := setup(t)
	t.Run("many instances that start at once make one key", func(t *testing.T) {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() { _ = NewKeys(p.db, p.master, p.now).Ensure(t.Context()) })
		}
		all.Wait()
		require.NoError(t, p.keys.Reload(t.Context()))
		require.Len(t, p.keys.Public(), 1)
	})
	old := p.issue(t, uuid.New())
	kidOf := func(token string) string {
		raw, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[0])
		require.NoError(t, err)
		var header struct{ Kid string }
		require.NoError(t, json.Unmarshal(raw, &header))
		return header.Kid
	}
	t.Run("a new one waits until everybody has it", func(t *testing.T) {
		kid, err := p.keys.Rotate(t.Context())
		require.NoError(t, err)
		require.NotEqual(t, kid, kidOf(p.issue(t, uuid.New())))
		require.Len(t, p.keys.Public(), 2)
		other := NewKeys(p.db, p.master, p.now)
		require.NoError(t, other.Ensure(t.Context()))
		p.ahead = activationDelay + time.Second
		fresh := p.issue(t, uuid.New())
		require.Equal(t, kid, kidOf(fresh))
		_, err = NewTokens(httpserver.Config{PublicURL: issuer}, other, p.revoked, p.seen, p.now).Authenticate(t.Context(), fresh)
		require.NoError(t, err)
		_, err = p.tokens.Authenticate(t.Context(), old)
		require.NoError(t, err, "tokens of the old one hold until they expire")
	})
	t.Run("the scheduler rotates after 30 days, not before, and clears up", func(t *testing.T) {
		require.NoError(t, p.keys.RotateDue(t.Context()))
		require.Len(t, p.keys.Public(), 2)
		p.ahead = keyLifetime + activationDelay + time.Minute
		require.NoError(t, p.keys.RotateDue(t.Context()))
		require.Len(t, p.keys.Public(), 2, "the first is forgotten, the third has come")
		p.issue(t, uuid.New())
	})
	t.Run("a leaked database yields no key", func(t *testing.T) {
		other, err := keys.NewMaster(keys.Config{Master: secret.Text(strings.Repeat("B", 43) + "=")})
		require.NoError(t, err)
		require.Error(t, NewKeys(p.db, other, p.now).Reload(t.Context()))
	})
}
