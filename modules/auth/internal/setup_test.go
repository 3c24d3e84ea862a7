package internal

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/keys"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/ratelimit"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
)

// clock can be put forward and back.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time          { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) advance(d time.Duration) { c.ahead.Add(int64(d)) }

// instance is one running copy of the module.
type instance struct {
	*apptest.App
	auth    *Service
	tokens  *access.Tokens
	keys    *access.Keys
	revoked *access.Revocations
	endings *Endings
	seen    *access.Sightings
}

// bundle is the module on a database of its own, with the stack's Google and Apple.
type bundle struct {
	*instance
	ctx    context.Context // for as long as the test runs
	db     *database.DB
	people *userstest.Fake
	clock  *clock
	cfg    auth.Config
	master *keys.Master
	// proxies are whose headers the next instance believes.
	proxies []string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	return setupWith(t, func(*auth.Config) {})
}

func setupWith(t *testing.T, adjust func(*auth.Config)) *bundle {
	t.Helper()
	master, err := keys.NewMaster(secret.Text(strings.Repeat("A", 43) + "="))
	require.NoError(t, err)
	list := func(name string) []string { return strings.Split(stacktest.Env(t, name), ",") }
	cfg := auth.Config{
		Google: auth.Google{
			Issuer: stacktest.Env(t, "ATRIUM_AUTH_GOOGLE_ISSUER"), ClientIDs: list("ATRIUM_AUTH_GOOGLE_CLIENT_IDS"),
			WebClientID:  stacktest.Env(t, "ATRIUM_AUTH_GOOGLE_WEB_CLIENT_ID"),
			ClientSecret: secret.Text(stacktest.Env(t, "ATRIUM_AUTH_GOOGLE_CLIENT_SECRET")),
		},
		Apple: auth.Apple{
			Issuer: stacktest.Env(t, "ATRIUM_AUTH_APPLE_ISSUER"), ClientIDs: list("ATRIUM_AUTH_APPLE_CLIENT_IDS"),
			WebClientID: stacktest.Env(t, "ATRIUM_AUTH_APPLE_WEB_CLIENT_ID"), TeamID: stacktest.Env(t, "ATRIUM_AUTH_APPLE_TEAM_ID"),
			KeyID: stacktest.Env(t, "ATRIUM_AUTH_APPLE_KEY_ID"), PrivateKey: secret.Text(stacktest.Env(t, "ATRIUM_AUTH_APPLE_PRIVATE_KEY")),
		},
		RedirectURIs: list("ATRIUM_AUTH_REDIRECT_URIS"),
		AccessTTL:    15 * time.Minute, AdminTTL: 5 * time.Minute, RefreshTTL: 60 * 24 * time.Hour, AuditFor: 24 * time.Hour,
		AppealURL: "{public_url}/appeal",
		Throttle:  auth.Throttle{PerAddress: 1000, PerAccount: 100},
	}
	adjust(&cfg)
	b := &bundle{ctx: t.Context(), db: dbtest.Clone(t), people: userstest.New(), clock: &clock{}, cfg: cfg, master: master}
	b.instance = b.start(t, nil)
	return b
}

// start runs another instance on the same database; its background work runs only if the test says so.
func (b *bundle) start(t *testing.T, rdb redis.UniversalClient) *instance {
	t.Helper()
	i := &instance{keys: access.NewKeys(b.db, b.master, b.clock.now), revoked: access.NewRevocations(b.db, rdb, b.clock.now), seen: access.NewSightings(b.db)}
	require.NoError(t, i.keys.Ensure(t.Context()))
	web := httpserver.DefaultConfig()
	web.PublicURL = "http://127.0.0.1:1"
	web.TrustedProxies = b.proxies
	i.tokens = access.NewTokens(web.PublicURL, i.keys, i.revoked, i.seen, b.clock.now)
	i.endings = NewEndings(b.db, outbox.New(b.db), i.revoked, b.clock.now)
	i.auth = NewService(b.cfg, Deps{
		PublicURL: web.PublicURL, DB: b.db, Outbox: outbox.New(b.db), Accounts: b.people, Master: b.master, Tokens: i.tokens,
		Keys: i.keys, Endings: i.endings, Limiter: ratelimit.New(nil, zap.NewNop()), Now: b.clock.now,
	})
	server, err := httpserver.New(web, httpserver.Deps{
		Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)), Authenticator: i.tokens,
	})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{NewHTTP(i.auth, i.tokens, i.keys, page.NewSigner(make([]byte, 32))).Routes()})
	socket := httptest.NewServer(server.Handler())
	t.Cleanup(socket.Close)
	i.App = &apptest.App{URL: socket.URL, Server: server}
	return i
}

func (b *bundle) post(t *testing.T, path, token string, body any) *apptest.Response {
	t.Helper()
	return b.Do(t, apptest.Request{Method: http.MethodPost, Path: path, Token: token, Body: body})
}

// nonce fetches one.
func (b *bundle) nonce(t *testing.T) string {
	t.Helper()
	return b.post(t, "/v1/auth/nonce", "", nil).Want(201).JSON()["nonce"].(string)
}

// mint makes an ID token at a stand-in; Apple's comes with a code.
func mint(t *testing.T, issuer string, claims map[string]any) (idToken, code string) {
	t.Helper()
	raw, err := json.Marshal(claims)
	require.NoError(t, err)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, issuer+"/mint", bytes.NewReader(raw))
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	var minted struct {
		IDToken string `json:"id_token"`
		Code    string `json:"code"`
	}
	require.NoError(t, json.NewDecoder(answer.Body).Decode(&minted))
	return minted.IDToken, minted.Code
}

// google mints an ID token of Google with a fresh nonce.
func (b *bundle) google(t *testing.T, subject string) string {
	t.Helper()
	token, _ := mint(t, b.cfg.Google.Issuer, map[string]any{"sub": subject, "email": subject + "@atrium.test", "name": "Ana", "nonce": b.nonce(t)})
	return token
}

// signedIn is a session as the app keeps it.
type signedIn struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int    `json:"expires_in"`
	User    struct {
		ID uuid.UUID `json:"id"`
	} `json:"user"`
}

func (b *bundle) signIn(t *testing.T, subject string) signedIn {
	t.Helper()
	return apptest.Read[signedIn](b.post(t, "/v1/auth/google/token", "", map[string]any{"id_token": b.google(t, subject)}).Want(200))
}

func (b *bundle) refreshed(t *testing.T, token string) signedIn {
	t.Helper()
	return apptest.Read[signedIn](b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": token}).Want(200))
}

func (b *bundle) refuses(t *testing.T, refreshToken, code string) {
	t.Helper()
	require.Equal(t, code, b.post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": refreshToken}).Code())
}

// sessions asks as the app does; it shows whether an access token is good.
func (i *instance) sessions(t *testing.T, token string) *apptest.Response {
	t.Helper()
	return i.Do(t, apptest.Request{Path: "/v1/me/sessions", Token: token})
}

func (b *bundle) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, b.db.Conn(t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

// fetch reads a page of a stand-in.
func fetch(t *testing.T, url string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	require.NoError(t, err)
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	return string(text)
}
