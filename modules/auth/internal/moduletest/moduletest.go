// Package moduletest runs the whole module on a database of its own, with the local stack's Google and Apple, for the tests of its
// packages.
package moduletest

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

	"atrium/config/defaults"
	"atrium/modules/auth"
	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/audit"
	"atrium/modules/auth/internal/identity"
	"atrium/modules/auth/internal/idtoken"
	"atrium/modules/auth/internal/oauth"
	"atrium/modules/auth/internal/operator"
	"atrium/modules/auth/internal/personaldata"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/signin"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/auth/internal/webhook"
	"atrium/modules/users"
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
	"atrium/platform/tasks"
)

// Clock is the time of all instances; it can be moved.
type Clock struct{ ahead atomic.Int64 }

// Now returns the moved time.
func (c *Clock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Advance moves the clock.
func (c *Clock) Advance(d time.Duration) { c.ahead.Add(int64(d)) }

// Instance is one running copy of the module. Its background work runs only if the test starts a Syncer.
type Instance struct {
	*apptest.App
	Tokens       *access.Tokens
	Keys         *access.Keys
	Revocations  *access.Revocations
	LastSeen     *access.LastSeen
	Revoker      *session.Revoker
	Operator     *operator.Operator
	Sessions     *session.Service
	Identities   *identity.Service
	PersonalData *personaldata.Service
}

// Module is the module on a database of its own.
type Module struct {
	*Instance
	DB     *database.DB
	Clock  *Clock
	Config auth.Config
	Master *keys.Master
	// Proxies are the addresses whose headers the next instance trusts.
	Proxies []string
	// PublicURL is where the next instance is found.
	PublicURL string
	// Limits are the rate limits of the next instance; nil: none.
	Limits map[string]httpserver.Limit

	people users.Accounts
}

// New starts one instance on the accounts given. adjust, which may be nil, changes the configuration first.
func New(t *testing.T, people users.Accounts, adjust func(*auth.Config)) *Module {
	t.Helper()
	master, err := keys.NewMaster(keys.Config{Master: secret.Text(strings.Repeat("A", 43) + "=")})
	require.NoError(t, err)
	m := &Module{DB: dbtest.Clone(t), Clock: &Clock{}, Config: config(t), Master: master, PublicURL: "http://127.0.0.1:1", people: people}
	if adjust != nil {
		adjust(&m.Config)
	}
	m.Instance = m.Start(t, nil)
	return m
}

func config(t *testing.T) auth.Config {
	t.Helper()
	list := func(name string) []string { return strings.Split(stacktest.Env(t, name), ",") }
	return auth.Config{
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
}

// Start runs another instance on the same database; rdb may be nil.
func (m *Module) Start(t *testing.T, rdb redis.UniversalClient) *Instance {
	t.Helper()
	now, box, web := m.Clock.Now, outbox.New(m.DB), defaults.Section[httpserver.Config]("http")
	web.PublicURL, web.TrustedProxies = m.PublicURL, m.Proxies
	limits, log, providers := throttle.New(ratelimit.New(nil, zap.NewNop()), m.Config), audit.NewLog(m.DB, now), provider.NewProviders(m.Config, now)
	i := &Instance{Keys: access.NewKeys(m.DB, m.Master, now), Revocations: access.NewRevocations(m.DB, rdb, now), LastSeen: access.NewLastSeen(m.DB)}
	require.NoError(t, i.Keys.Ensure(t.Context()))
	i.Tokens = access.NewTokens(web, i.Keys, i.Revocations, i.LastSeen, now)
	i.Revoker = session.NewRevoker(m.DB, box, i.Revocations, log, now)
	i.Sessions = session.NewService(session.Deps{
		Config: m.Config, Web: web, DB: m.DB, Outbox: box, Accounts: m.people, Master: m.Master, Access: i.Tokens, Revoker: i.Revoker,
		Log: log, Throttle: limits, Now: now,
	})
	idTokens := idtoken.NewVerifier(m.DB, providers, now)
	i.Identities = identity.NewService(identity.Deps{
		DB: m.DB, Outbox: box, Accounts: m.people, Master: m.Master, Providers: providers, IDTokens: idTokens, Log: log, Throttle: limits,
	})
	i.Operator = operator.New(i.Keys, i.Identities, i.Revoker)
	i.PersonalData = personaldata.NewService(m.Config, m.DB, i.Revoker, i.Identities, log, now)
	redirects := oauth.NewService(oauth.Deps{
		Config: m.Config, Web: web, DB: m.DB, Providers: providers, Identities: i.Identities, Sessions: i.Sessions, Throttle: limits, Now: now,
	})
	parts := httpserver.Deps{Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)), Authenticator: i.Tokens}
	if m.Limits != nil {
		web.Limits, parts.Limiter = m.Limits, ratelimit.New(nil, zap.NewNop())
	}
	server, err := httpserver.New(web, parts)
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{
		access.Routes(access.NewHTTP(i.Keys)), audit.Routes(audit.NewHTTP(log, page.NewSigner(make([]byte, 32)))),
		session.Routes(session.NewHTTP(i.Sessions, i.Tokens)), idtoken.Routes(idtoken.NewHTTP(idTokens)), identity.Routes(identity.NewHTTP(i.Identities)),
		signin.Routes(signin.NewHTTP(signin.NewService(idTokens, i.Identities, i.Sessions, limits))),
		oauth.Routes(oauth.NewHTTP(redirects, i.Sessions, web)),
		webhook.Routes(webhook.NewHTTP(webhook.NewService(m.DB, providers, i.Identities, i.Revoker, now))),
	})
	socket := httptest.NewServer(server.Handler())
	t.Cleanup(socket.Close)
	i.App = &apptest.App{URL: socket.URL, Server: server}
	return i
}

// Handlers are the module's task handlers, on this instance.
func (i *Instance) Handlers() []tasks.Handler {
	return append(identity.Handlers(i.Identities), personaldata.Handlers(i.PersonalData)...)
}

// Publish publishes an event as another module would.
func (m *Module) Publish(t *testing.T, e outbox.Event) {
	t.Helper()
	require.NoError(t, m.DB.InTx(t.Context(), func(ctx context.Context) error { return outbox.New(m.DB).Publish(ctx, e) }))
}

// Post posts a body as JSON; the token may be empty.
func (m *Module) Post(t *testing.T, path, token string, body any) *apptest.Response {
	t.Helper()
	return m.Do(t, apptest.Request{Method: http.MethodPost, Path: path, Token: token, Body: body})
}

// Nonce fetches a nonce.
func (m *Module) Nonce(t *testing.T) string {
	t.Helper()
	return m.Post(t, "/v1/auth/nonce", "", nil).Want(201).JSON()["nonce"].(string)
}

// Mint has a stand-in provider issue an ID token; Apple's comes with a code.
func Mint(t *testing.T, issuer string, claims map[string]any) (idToken, code string) {
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

// Google mints an ID token of Google with a fresh nonce.
func (m *Module) Google(t *testing.T, subject string) string {
	t.Helper()
	token, _ := Mint(t, m.Config.Google.Issuer, map[string]any{"sub": subject, "email": subject + "@atrium.test", "name": "Ana", "nonce": m.Nonce(t)})
	return token
}

// SignedIn is a session as an app keeps it.
type SignedIn struct {
	Access  string `json:"access_token"`
	Refresh string `json:"refresh_token"`
	Expires int    `json:"expires_in"`
	User    struct {
		ID uuid.UUID `json:"id"`
	} `json:"user"`
}

// SignIn signs in with Google.
func (m *Module) SignIn(t *testing.T, subject string) SignedIn {
	t.Helper()
	return apptest.Read[SignedIn](m.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": m.Google(t, subject)}).Want(200))
}

// Refreshed refreshes a session.
func (m *Module) Refreshed(t *testing.T, token string) SignedIn {
	t.Helper()
	return apptest.Read[SignedIn](m.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": token}).Want(200))
}

// Refuses refreshes a session and expects the error code.
func (m *Module) Refuses(t *testing.T, refreshToken, code string) {
	t.Helper()
	require.Equal(t, code, m.Post(t, "/v1/auth/refresh", "", map[string]any{"refresh_token": refreshToken}).Code())
}

// ListSessions reads /v1/me/sessions: 200 where the access token is valid, 401 otherwise.
func (i *Instance) ListSessions(t *testing.T, token string) *apptest.Response {
	t.Helper()
	return i.Do(t, apptest.Request{Path: "/v1/me/sessions", Token: token})
}

// Count reads one number from the database.
func (m *Module) Count(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, m.DB.Conn(t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

// Fetch reads a page of a stand-in.
func Fetch(t *testing.T, url string) string {
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
