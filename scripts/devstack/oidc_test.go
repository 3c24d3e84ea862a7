package main

import (
	"crypto/ecdsa"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/golang-jwt/jwt/v5"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

const callback = "http://127.0.0.1:1/callback?keep=1"

func googleConfig(t *testing.T, s *stack) (*oidc.Provider, *oauth2.Config) {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), s.urls.Google)
	require.NoError(t, err)
	return provider, &oauth2.Config{
		ClientID: googleWebClient, ClientSecret: s.secrets.GoogleClientSecret, Endpoint: provider.Endpoint(),
		RedirectURL: callback, Scopes: []string{"openid", "email", "profile"},
	}
}

// authorize goes to the provider as a person who is already chosen.
func authorize(t *testing.T, address string, extra string) url.Values {
	t.Helper()
	response := call(t, http.MethodGet, address+extra, nil, nil)
	require.Equal(t, http.StatusFound, response.StatusCode)
	back, err := response.Location()
	require.NoError(t, err)
	require.Equal(t, "1", back.Query().Get("keep"), "the redirect's own query stays")
	return back.Query()
}

func TestGoogleCodeFlow(t *testing.T) {
	s := standIns(t)
	provider, config := googleConfig(t, s)
	verifier := oauth2.GenerateVerifier()
	address := config.AuthCodeURL("st ate", oidc.Nonce("n1"), oauth2.S256ChallengeOption(verifier))
	back := authorize(t, address, "&sub=g-1&email=Ann%40x.test&name=Ann")
	require.Equal(t, "st ate", back.Get("state"))

	token, err := config.Exchange(t.Context(), back.Get("code"), oauth2.VerifierOption(verifier))
	require.NoError(t, err)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: googleWebClient}).Verify(t.Context(), token.Extra("id_token").(string))
	require.NoError(t, err)
	require.NoError(t, idToken.VerifyAccessToken(token.AccessToken))
	require.Equal(t, "n1", idToken.Nonce)
	var claims object
	require.NoError(t, idToken.Claims(&claims))
	require.Equal(t, []any{"g-1", "Ann@x.test", true, "Ann", googleWebClient},
		[]any{claims["sub"], claims["email"], claims["email_verified"], claims["name"], claims["azp"]})
	info, err := provider.UserInfo(t.Context(), oauth2.StaticTokenSource(token))
	require.NoError(t, err)
	require.Equal(t, "g-1", info.Subject)

	_, err = config.Exchange(t.Context(), back.Get("code"), oauth2.VerifierOption(verifier))
	require.ErrorContains(t, err, "invalid_grant", "a code works once")
}

func TestGoogleRefusals(t *testing.T) {
	s := standIns(t)
	_, config := googleConfig(t, s)
	fresh := func() string {
		return authorize(t, config.AuthCodeURL("s", oauth2.S256ChallengeOption("right")), "&sub=1&email=a%40b").Get("code")
	}
	_, err := config.Exchange(t.Context(), fresh(), oauth2.VerifierOption("wrong"))
	require.ErrorContains(t, err, "invalid_grant")
	elsewhere := *config
	elsewhere.RedirectURL = "http://127.0.0.1:2/"
	_, err = elsewhere.Exchange(t.Context(), fresh(), oauth2.VerifierOption("right"))
	require.ErrorContains(t, err, "invalid_grant")
	thief := *config
	thief.ClientSecret = "wrong"
	_, err = thief.Exchange(t.Context(), fresh(), oauth2.VerifierOption("right"))
	require.ErrorContains(t, err, "invalid_client")
	unknown := *config
	unknown.ClientID = "nobody"
	require.Equal(t, http.StatusBadRequest, call(t, http.MethodGet, unknown.AuthCodeURL("s"), nil, nil).StatusCode)
	require.Equal(t, "access_denied", authorize(t, config.AuthCodeURL("s"), "&deny=1").Get("error"))
}

func TestPersonIsPickedOnAPage(t *testing.T) {
	s := standIns(t)
	_, config := googleConfig(t, s)
	response, err := http.Get(config.AuthCodeURL(`"><script>`, oauth2.SetAuthURLParam("login_hint", "ann@x.test"))) //nolint:noctx // a test
	require.NoError(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Contains(t, string(page), `value="ann@x.test"`)
	require.NotContains(t, string(page), "<script>")
}

func TestMintAndRotate(t *testing.T) {
	s := standIns(t)
	provider, _ := googleConfig(t, s)
	verify := func(token, client string) (*oidc.IDToken, error) {
		return provider.Verifier(&oidc.Config{ClientID: client}).Verify(t.Context(), token)
	}
	mint := func(body object) string {
		var answer struct {
			IDToken string `json:"id_token"`
		}
		response := call(t, http.MethodPost, s.urls.Google+"/mint", body, &answer)
		require.Equal(t, http.StatusOK, response.StatusCode)
		return answer.IDToken
	}
	before := mint(object{"sub": "1", "email": "a@b.test", "nonce": "n"})
	token, err := verify(before, "atrium-ios")
	require.NoError(t, err)
	require.Equal(t, "n", token.Nonce)
	require.InDelta(t, time.Hour.Seconds(), time.Until(token.Expiry).Seconds(), 5)

	call(t, http.MethodPost, s.urls.Google+"/rotate", nil, nil)
	after := mint(object{"sub": "1", "email": "a@b.test", "email_verified": false, "aud": "other"})
	token, err = verify(after, "other")
	require.NoError(t, err)
	var claims object
	require.NoError(t, token.Claims(&claims))
	require.Equal(t, false, claims["email_verified"])
	_, err = verify(before, "atrium-ios")
	require.NoError(t, err, "the old key stays published")

	_, err = verify(mint(object{"sub": "1", "exp": time.Now().Add(-time.Minute).Unix()}), "atrium-ios")
	require.ErrorContains(t, err, "expired")
	require.Equal(t, http.StatusBadRequest, call(t, http.MethodPost, s.urls.Google+"/mint", object{}, nil).StatusCode)
}

// appleSecret signs Apple's kind of client secret with the given changes.
func appleSecret(t *testing.T, s *stack, changes object) string {
	t.Helper()
	key, err := parseKey[*ecdsa.PrivateKey](s.secrets.AppleDeveloperKey)
	require.NoError(t, err)
	claims := jwt.MapClaims{"iss": appleTeamID, "aud": s.urls.Apple, "sub": appleWebClient, "iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for name, value := range changes {
		claims[name] = value
	}
	token := jwt.NewWithClaims(jwt.SigningMethodES256, claims)
	token.Header["kid"] = appleKeyID
	signed, err := token.SignedString(key)
	require.NoError(t, err)
	return signed
}

var formField = regexp.MustCompile(`name="(\w+)" value="([^"]*)"`)

func TestAppleFormPostRefreshAndRevoke(t *testing.T) {
	s := standIns(t)
	provider, err := oidc.NewProvider(t.Context(), s.urls.Apple)
	require.NoError(t, err)
	require.Equal(t, s.urls.Apple+"/auth/token", provider.Endpoint().TokenURL)
	config := &oauth2.Config{ClientID: appleWebClient, ClientSecret: appleSecret(t, s, nil), Endpoint: provider.Endpoint(), RedirectURL: callback}
	config.Endpoint.AuthStyle = oauth2.AuthStyleInParams

	response, err := http.Get(config.AuthCodeURL("s1", oauth2.SetAuthURLParam("response_mode", "form_post")) + "&sub=a-1&email=x%40privaterelay.appleid.com&name=Ann+Lee") //nolint:noctx // a test
	require.NoError(t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	fields := map[string]string{}
	for _, match := range formField.FindAllStringSubmatch(string(page), -1) {
		fields[match[1]] = match[2]
	}
	require.Equal(t, "s1", fields["state"])
	require.Contains(t, fields["user"], "Lee")

	token, err := config.Exchange(t.Context(), fields["code"])
	require.NoError(t, err)
	idToken, err := provider.Verifier(&oidc.Config{ClientID: appleWebClient}).Verify(t.Context(), token.Extra("id_token").(string))
	require.NoError(t, err)
	var claims object
	require.NoError(t, idToken.Claims(&claims))
	require.Equal(t, true, claims["is_private_email"])
	require.NotContains(t, claims, "name")

	refreshed, err := config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	require.NoError(t, err)
	require.NotEqual(t, token.AccessToken, refreshed.AccessToken)
	revoke := url.Values{"client_id": {appleWebClient}, "client_secret": {config.ClientSecret}, "token": {token.RefreshToken}, "token_type_hint": {"refresh_token"}}
	revoked, err := http.PostForm(s.urls.Apple+"/auth/revoke", revoke) //nolint:noctx // a test
	require.NoError(t, err)
	revoked.Body.Close()
	require.Equal(t, http.StatusOK, revoked.StatusCode)
	_, err = config.TokenSource(t.Context(), &oauth2.Token{RefreshToken: token.RefreshToken}).Token()
	require.ErrorContains(t, err, "invalid_grant")
	var listed []revocation
	call(t, http.MethodGet, s.urls.Apple+"/revocations", nil, &listed)
	require.Equal(t, token.RefreshToken, listed[len(listed)-1].Token)
}

func TestAppleClientSecretIsVerified(t *testing.T) {
	t.Parallel()
	s := standIns(t)
	for name, c := range map[string]struct {
		secret string
		good   bool
	}{
		"good":             {appleSecret(t, s, object{"sub": "com.atrium.app"}), true},
		"the real issuer":  {appleSecret(t, s, object{"sub": "com.atrium.app", "aud": appleAudient}), true},
		"another team":     {appleSecret(t, s, object{"sub": "com.atrium.app", "iss": "X"}), false},
		"another audience": {appleSecret(t, s, object{"sub": "com.atrium.app", "aud": "X"}), false},
		"another client":   {appleSecret(t, s, nil), false},
		"expired":          {appleSecret(t, s, object{"sub": "com.atrium.app", "exp": 1}), false},
		"not signed":       {"x.y.z", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var minted struct{ Code string }
			call(t, http.MethodPost, s.urls.Apple+"/mint", object{"sub": "1", "email": "a@b.test"}, &minted)
			form := url.Values{"grant_type": {"authorization_code"}, "code": {minted.Code}, "client_id": {"com.atrium.app"}, "client_secret": {c.secret}}
			request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.urls.Apple+"/auth/token", strings.NewReader(form.Encode()))
			require.NoError(t, err)
			request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
			var answer object
			response := send(t, request, &answer)
			if c.good {
				require.Equal(t, http.StatusOK, response.StatusCode, "%v", answer)
				require.NotEmpty(t, answer["refresh_token"])
			} else {
				require.Equal(t, "invalid_client", answer["error"])
			}
		})
	}
}
