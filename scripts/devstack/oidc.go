package main

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"math/big"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	codeLife     = 10 * time.Minute
	grantsLimit  = 10_000
	signingKeys  = 8 // rotated keys that are still published
	appleAudient = "https://appleid.apple.com"
)

// issuer is one OpenID Connect provider: Google's stand-in or Apple's.
type issuer struct {
	apple   bool
	url     string   // its own
	clients []string // the first is the app's own
	// Google's web client proves itself with a secret; its app has none.
	webClient, secret string
	// Apple's clients sign their secret with the developer's key.
	developer *ecdsa.PublicKey

	mu          sync.Mutex
	keys        []signingKey // the newest signs, all verify
	codes       *recent[grant]
	access      *recent[grant]
	refresh     *recent[grant]
	revocations *recent[revocation]
}

type signingKey struct {
	id  string
	key *rsa.PrivateKey
}

// person is who signs in.
type person struct {
	Subject       string `json:"sub"`
	Email         string `json:"email"`
	EmailVerified *bool  `json:"email_verified"`
	Name          string `json:"name"`
	Picture       string `json:"picture"`
}

func (p person) verified() bool { return p.EmailVerified == nil || *p.EmailVerified }

// grant is what a code or a token stands for.
type grant struct {
	client, redirect, nonce, challenge string
	person                             person
	expires                            time.Time
}

type revocation struct {
	Token    string `json:"token"`
	ClientID string `json:"client_id"`
	At       string `json:"at"`
}

func newIssuer(key *rsa.PrivateKey, clients string) *issuer {
	return &issuer{
		clients: strings.Split(clients, ","),
		keys:    []signingKey{{keyID(key), key}},
		codes:   newRecent[grant](grantsLimit), access: newRecent[grant](grantsLimit),
		refresh: newRecent[grant](grantsLimit), revocations: newRecent[revocation](grantsLimit),
	}
}

// handler routes under our plain paths and under the providers' own, which
// libraries have built in.
func (i *issuer) handler(url string) http.Handler {
	i.url = url
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	for _, path := range []string{"/jwks", "/auth/keys", "/oauth2/v3/certs"} {
		mux.HandleFunc("GET "+path, i.jwks)
	}
	for _, path := range []string{"/authorize", "/auth/authorize", "/o/oauth2/auth", "/o/oauth2/v2/auth"} {
		mux.HandleFunc("GET "+path, i.authorize)
	}
	for _, path := range []string{"/token", "/auth/token"} {
		mux.HandleFunc("POST "+path, i.token)
	}
	mux.HandleFunc("POST /mint", i.mint)
	mux.HandleFunc("POST /rotate", i.rotate)
	if i.apple {
		mux.HandleFunc("POST /auth/revoke", i.revoke)
		mux.HandleFunc("POST /notices", i.mintNotice)
		mux.HandleFunc("GET /revocations", i.listRevocations)
	} else {
		mux.HandleFunc("GET /userinfo", i.userinfo)
		mux.HandleFunc("GET /oauth2/v2/userinfo", i.userinfo)
	}
	return mux
}

func (i *issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	document := map[string]any{
		"issuer":                                i.url,
		"authorization_endpoint":                i.url + "/authorize",
		"token_endpoint":                        i.url + "/token",
		"jwks_uri":                              i.url + "/jwks",
		"response_types_supported":              []string{"code"},
		"subject_types_supported":               []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"scopes_supported":                      []string{"openid", "email", "profile"},
		"code_challenge_methods_supported":      []string{"S256"},
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "client_secret_basic"},
	}
	if i.apple {
		document["authorization_endpoint"] = i.url + "/auth/authorize"
		document["token_endpoint"] = i.url + "/auth/token"
		document["jwks_uri"] = i.url + "/auth/keys"
		document["revocation_endpoint"] = i.url + "/auth/revoke"
		document["response_modes_supported"] = []string{"query", "form_post"}
		document["scopes_supported"] = []string{"openid", "email", "name"}
	} else {
		document["userinfo_endpoint"] = i.url + "/userinfo"
	}
	writeJSON(w, http.StatusOK, document)
}

func (i *issuer) jwks(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	keys := []map[string]string{}
	for _, k := range i.keys {
		keys = append(keys, map[string]string{
			"kty": "RSA", "use": "sig", "alg": "RS256", "kid": k.id,
			"n": base64.RawURLEncoding.EncodeToString(k.key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.key.E)).Bytes()),
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"keys": keys})
}

// rotate signs with a new key from now on; the old ones stay published.
func (i *issuer) rotate(w http.ResponseWriter, _ *http.Request) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "no key could be made"})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	i.keys = append(i.keys, signingKey{keyID(key), key})
	if len(i.keys) > signingKeys {
		i.keys = slices.Delete(i.keys, 0, 1)
	}
	writeJSON(w, http.StatusOK, map[string]string{"kid": keyID(key)})
}

// mint makes an ID token for a test: for anyone, any audience, any time.
func (i *issuer) mint(w http.ResponseWriter, r *http.Request) {
	var body struct {
		person
		Nonce    string `json:"nonce"`
		Audience string `json:"aud"`
		Expires  int64  `json:"exp"`
	}
	if !readJSON(w, r, &body) {
		return
	}
	if body.Subject == "" {
		writeJSON(w, http.StatusBadRequest, map[string]string{"error": "sub is missing"})
		return
	}
	if body.Audience == "" {
		body.Audience = i.clients[0]
	}
	expires := time.Now().Add(time.Hour)
	if body.Expires != 0 {
		expires = time.Unix(body.Expires, 0)
	}
	g := grant{client: body.Audience, nonce: body.Nonce, person: body.person}
	i.mu.Lock()
	defer i.mu.Unlock()
	idToken, err := i.idToken(g, "", expires)
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "the token could not be signed"})
		return
	}
	answer := map[string]string{"id_token": idToken}
	if i.apple {
		answer["code"] = i.issueCode(g)
	}
	writeJSON(w, http.StatusOK, answer)
}

// mintNotice signs a server-to-server notification, as Apple words it, for a test to post to the product.
func (i *issuer) mintNotice(w http.ResponseWriter, r *http.Request) {
	var body struct {
		Type     string `json:"type"`
		Subject  string `json:"sub"`
		Time     int64  `json:"event_time"` // milliseconds; 0: now
		ID       string `json:"jti"`        // empty: a new one
		Audience string `json:"aud"`        // empty: the app's own
		Issued   int64  `json:"iat"`        // seconds; 0: now
	}
	if !readJSON(w, r, &body) {
		return
	}
	now := time.Now()
	if body.Time == 0 {
		body.Time = now.UnixMilli()
	}
	if body.Issued == 0 {
		body.Issued = now.Unix()
	}
	if body.ID == "" {
		body.ID = randomHex(16)
	}
	if body.Audience == "" {
		body.Audience = i.clients[0]
	}
	event, err := json.Marshal(map[string]any{"type": body.Type, "sub": body.Subject, "event_time": body.Time})
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "the event could not be written"})
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	signer := i.keys[len(i.keys)-1]
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, jwt.MapClaims{
		"iss": i.url, "aud": body.Audience, "iat": body.Issued, "exp": body.Issued + 86400, "jti": body.ID, "events": string(event),
	})
	token.Header["kid"] = signer.id
	payload, err := token.SignedString(signer.key)
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, map[string]string{"error": "the notice could not be signed"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"payload": payload})
}

// issueCode makes a code that can be used once. The caller holds the lock.
func (i *issuer) issueCode(g grant) string {
	g.expires = time.Now().Add(codeLife)
	code := "c." + randomHex(20)
	i.codes.put(code, g)
	return code
}

// token answers a code or Apple's refresh token with tokens.
func (i *issuer) token(w http.ResponseWriter, r *http.Request) {
	client, reason := i.authenticate(r)
	if reason != nil {
		writeJSON(w, http.StatusUnauthorized, oauthError("invalid_client", reason.Error()))
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	var g grant
	var err error
	switch r.PostForm.Get("grant_type") {
	case "authorization_code":
		g, err = i.redeem(client, r)
	case "refresh_token":
		var known bool
		if g, known = i.refresh.get(r.PostForm.Get("refresh_token")); !i.apple || !known || g.client != client {
			err = errors.New("the refresh token is not known")
		}
	default:
		writeJSON(w, http.StatusBadRequest, oauthError("unsupported_grant_type", "grant_type is authorization_code or refresh_token"))
		return
	}
	if err != nil {
		writeJSON(w, http.StatusBadRequest, oauthError("invalid_grant", err.Error()))
		return
	}
	i.answerTokens(w, g, r.PostForm.Get("grant_type") == "authorization_code")
}

// redeem takes the code away, right or wrong, as the providers do.
func (i *issuer) redeem(client string, r *http.Request) (grant, error) {
	code := r.PostForm.Get("code")
	g, known := i.codes.get(code)
	i.codes.remove(code)
	switch {
	case !known, time.Now().After(g.expires):
		return g, errors.New("the code is not known, used or expired")
	case g.client != client:
		return g, errors.New("the code was issued to another client")
	case g.redirect != "" && g.redirect != r.PostForm.Get("redirect_uri"):
		return g, errors.New("redirect_uri is not the one of the authorization")
	}
	if g.challenge != "" {
		sum := sha256.Sum256([]byte(r.PostForm.Get("code_verifier")))
		if base64.RawURLEncoding.EncodeToString(sum[:]) != g.challenge {
			return g, errors.New("code_verifier does not fit the code_challenge")
		}
	}
	return g, nil
}

func (i *issuer) answerTokens(w http.ResponseWriter, g grant, withRefresh bool) {
	access := "a." + randomHex(20)
	g.expires = time.Now().Add(time.Hour)
	i.access.put(access, g)
	idToken, err := i.idToken(g, access, g.expires)
	if err != nil {
		writeJSON(w, http.StatusInternalServerError, oauthError("server_error", "the token could not be signed"))
		return
	}
	answer := map[string]any{"access_token": access, "token_type": "Bearer", "expires_in": 3600, "id_token": idToken}
	if i.apple && withRefresh {
		refresh := "r." + randomHex(20)
		i.refresh.put(refresh, g)
		answer["refresh_token"] = refresh
	}
	writeJSON(w, http.StatusOK, answer)
}

// idToken signs the claims that the real provider puts in. The caller holds the lock.
func (i *issuer) idToken(g grant, access string, expires time.Time) (string, error) {
	now := time.Now()
	if !expires.After(now) { // a token from the past was also issued in the past
		now = expires.Add(-time.Hour)
	}
	claims := jwt.MapClaims{"iss": i.url, "sub": g.person.Subject, "aud": g.client, "iat": now.Unix(), "exp": expires.Unix()}
	if g.person.Email != "" {
		claims["email"] = g.person.Email
		claims["email_verified"] = g.person.verified()
	}
	if g.nonce != "" {
		claims["nonce"] = g.nonce
	}
	if g.person.Picture != "" {
		claims["picture"] = g.person.Picture
	}
	if access != "" {
		sum := sha256.Sum256([]byte(access))
		claims["at_hash"] = base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
	}
	if i.apple { // which never puts the name into a token
		claims["auth_time"] = now.Unix()
		claims["nonce_supported"] = true
		if strings.HasSuffix(strings.ToLower(g.person.Email), "@privaterelay.appleid.com") {
			claims["is_private_email"] = true
		}
	} else {
		claims["azp"] = g.client
		if g.person.Name != "" {
			claims["name"] = g.person.Name
		}
	}
	signer := i.keys[len(i.keys)-1]
	token := jwt.NewWithClaims(jwt.SigningMethodRS256, claims)
	token.Header["kid"] = signer.id
	return token.SignedString(signer.key)
}

func (i *issuer) userinfo(w http.ResponseWriter, r *http.Request) {
	token, found := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	if !found {
		token = r.URL.Query().Get("access_token")
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	g, known := i.access.get(token)
	if !known || time.Now().After(g.expires) {
		w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
		writeJSON(w, http.StatusUnauthorized, oauthError("invalid_token", "the access token is not known"))
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"sub": g.person.Subject, "id": g.person.Subject, "name": g.person.Name,
		"email": g.person.Email, "email_verified": g.person.verified(), "verified_email": g.person.verified(),
	})
}

// revoke forgets a token; unknown ones are fine, as at Apple.
func (i *issuer) revoke(w http.ResponseWriter, r *http.Request) {
	client, reason := i.authenticate(r)
	if reason != nil {
		writeJSON(w, http.StatusBadRequest, oauthError("invalid_client", reason.Error()))
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	token := r.PostForm.Get("token")
	if token == "" {
		writeJSON(w, http.StatusBadRequest, oauthError("invalid_request", "token is missing"))
		return
	}
	i.refresh.remove(token)
	i.access.remove(token)
	i.revocations.put(token, revocation{token, client, timestamp(time.Now())})
	w.WriteHeader(http.StatusOK)
}

// listRevocations lets tests see what the product revoked.
func (i *issuer) listRevocations(w http.ResponseWriter, _ *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	writeJSON(w, http.StatusOK, i.revocations.values())
}

// authenticate answers the client that proved itself by form or Basic.
func (i *issuer) authenticate(r *http.Request) (client string, reason error) {
	r.Body = http.MaxBytesReader(nil, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		return "", errors.New("the body is not a form")
	}
	client, secret, basic := r.BasicAuth()
	if !basic || r.PostForm.Get("client_secret") != "" {
		client, secret = r.PostForm.Get("client_id"), r.PostForm.Get("client_secret")
	}
	if !slices.Contains(i.clients, client) {
		return "", errors.New("the client is not known")
	}
	if i.apple {
		return client, i.checkClientSecret(client, secret)
	}
	if client == i.webClient && subtle.ConstantTimeCompare([]byte(secret), []byte(i.secret)) != 1 {
		return "", errors.New("the client secret is wrong")
	}
	return client, nil
}

// checkClientSecret verifies Apple's kind: a JWT signed by the developer. Its
// audience is this issuer; the real one's name passes too, as libraries fix it.
func (i *issuer) checkClientSecret(client, secret string) error {
	token, err := jwt.Parse(secret, func(token *jwt.Token) (any, error) {
		if token.Header["kid"] != appleKeyID {
			return nil, errors.New("kid is not the developer's key")
		}
		return i.developer, nil
	}, jwt.WithValidMethods([]string{"ES256"}), jwt.WithIssuer(appleTeamID), jwt.WithSubject(client), jwt.WithExpirationRequired())
	if err != nil {
		return errors.New("the client secret is not valid: " + err.Error())
	}
	audience, err := token.Claims.GetAudience()
	if err != nil || !slices.Contains(audience, i.url) && !slices.Contains(audience, appleAudient) {
		return errors.New("the client secret has another audience")
	}
	return nil
}

func oauthError(code, text string) map[string]string {
	return map[string]string{"error": code, "error_description": text}
}

func keyID(key *rsa.PrivateKey) string {
	sum := sha256.Sum256(key.N.Bytes())
	return hex.EncodeToString(sum[:10])
}
