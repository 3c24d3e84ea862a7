package provider

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
)

// standIn is a provider whose keys can be counted and switched off.
type standIn struct {
	*httptest.Server
	key   *rsa.PrivateKey
	asked atomic.Int64
	down  atomic.Bool
}

func setup(t *testing.T) (*standIn, *Provider) {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	s := &standIn{key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("/.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		_ = json.NewEncoder(w).Encode(map[string]any{"issuer": s.URL, "jwks_uri": s.URL + "/keys", "authorization_endpoint": s.URL, "token_endpoint": s.URL})
	})
	mux.HandleFunc("/keys", func(w http.ResponseWriter, _ *http.Request) {
		s.asked.Add(1)
		if s.down.Load() {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []map[string]string{{
			"kty": "RSA", "kid": "one", "alg": "RS256", "use": "sig", "e": "AQAB", "n": base64.RawURLEncoding.EncodeToString(big.NewInt(0).Set(key.N).Bytes()),
		}}})
	})
	s.Server = httptest.NewServer(mux)
	t.Cleanup(s.Close)
	return s, NewGoogle(auth.Google{Issuer: s.URL, ClientIDs: []string{"app"}}, time.Now)
}

func (s *standIn) token(t *testing.T, kid string, change map[string]any) string {
	t.Helper()
	claims := jwt.MapClaims{"iss": s.URL, "aud": "app", "sub": "ana", "iat": time.Now().Unix(), "exp": time.Now().Add(time.Minute).Unix(), "nonce": "n"}
	for k, v := range change {
		claims[k] = v
	}
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = kid
	text, err := token.SignedString(s.key)
	require.NoError(t, err)
	return text
}

func TestVerify_StrangersCannotMakeUsAskForKeys(t *testing.T) {
	t.Parallel()
	s, p := setup(t)
	_, err := p.Verify(t.Context(), s.token(t, "one", nil))
	require.NoError(t, err)
	for range 20 {
		_, err := p.Verify(t.Context(), s.token(t, "unknown", nil))
		require.ErrorIs(t, err, auth.ErrInvalidIDToken)
	}
	_, err = p.Verify(t.Context(), s.token(t, "one", nil))
	require.NoError(t, err)
	require.EqualValues(t, 1, s.asked.Load())
}

func TestVerify_AProviderThatIsDownIsNotTheTokensFault(t *testing.T) {
	t.Parallel()
	s, p := setup(t)
	s.down.Store(true)
	_, err := p.Verify(t.Context(), s.token(t, "one", nil))
	require.ErrorIs(t, err, auth.ErrProviderDown)
}

func TestVerify_Claims(t *testing.T) {
	t.Parallel()
	s, p := setup(t)
	for name, change := range map[string]map[string]any{
		"another party":        {"azp": "other"},
		"somebody else too":    {"aud": []string{"app", "other"}, "azp": "app"},
		"two without a party":  {"aud": []string{"app", "app2"}},
		"no subject":           {"sub": ""},
		"issued in the future": {"iat": time.Now().Add(time.Hour).Unix()},
	} {
		_, err := p.Verify(t.Context(), s.token(t, "one", change))
		require.ErrorIs(t, err, auth.ErrInvalidIDToken, name)
	}
	for spelled, want := range map[any]bool{true: true, "true": true, false: false, "false": false, "yes": false} {
		claims, err := p.Verify(t.Context(), s.token(t, "one", map[string]any{"email_verified": spelled}))
		require.NoError(t, err)
		require.Equal(t, want, claims.EmailVerified)
	}
}
