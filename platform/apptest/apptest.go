// Package apptest drives a module's routes over HTTP through the real server: the same middleware, validation and problem
// documents as in production, on a real listener, with people made up on the spot.
package apptest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"atrium/config/defaults"
	"atrium/platform/database"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/idempotency"
	"atrium/platform/identity"
	"atrium/platform/ratelimit"
)

// App is a running server with some modules' routes. Its tokens are made by As.
type App struct {
	URL    string // of the root, without a slash at the end
	Server *httpserver.Server
}

// New serves routes until the test ends. Idempotency keys are checked, but answers are not kept: NewOn keeps them.
func New(t testing.TB, routes ...httpserver.Routes) *App {
	t.Helper()
	return serve(t, nil, routes)
}

// NewOn is New with a database, from dbtest.Clone, that keeps idempotency records.
func NewOn(t testing.TB, db *database.DB, routes ...httpserver.Routes) *App {
	t.Helper()
	return serve(t, idempotency.NewStore(db), routes)
}

func serve(t testing.TB, records *idempotency.Store, routes []httpserver.Routes) *App {
	t.Helper()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Limits["deletion"] = cfg.Limits["write"] // tests ask for more deletions from one address than people do
	server, err := httpserver.New(cfg, httpserver.Deps{
		Log:           zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
		Authenticator: tokens{},
		Limiter:       ratelimit.New(nil, zap.NewNop()),
		Idempotency:   records,
	})
	require.NoError(t, err)
	server.Mount(routes)
	socket := httptest.NewServer(server.Handler())
	t.Cleanup(socket.Close)
	return &App{URL: socket.URL, Server: server}
}

// As returns the access token of a person with the roles, who signed in just now.
func As(user uuid.UUID, roles ...string) string {
	if len(roles) == 0 {
		return "user:" + user.String()
	}
	return "user:" + user.String() + ":" + strings.Join(roles, ",")
}

// Stale is As for a person whose sign-in was long ago.
func Stale(user uuid.UUID, roles ...string) string { return "stale-" + As(user, roles...) }

// tokens is the Authenticator: "user:<id>" and "user:<id>:<role>,<role>" are people, everything else is a bad token.
type tokens struct{}

var errInvalidToken = fault.New(fault.KindUnauthenticated, "auth.invalid_token", "This access token is not valid.")

func (tokens) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	token, stale := strings.CutPrefix(token, "stale-")
	token, isUser := strings.CutPrefix(token, "user:")
	id, roles, _ := strings.Cut(token, ":")
	user, err := uuid.Parse(id)
	if err != nil || !isUser {
		return identity.Principal{}, errInvalidToken
	}
	who := identity.Principal{UserID: user, SessionID: user, Roles: []string{identity.RoleUser}, SignedIn: time.Now()}
	if roles != "" {
		who.Roles = append(who.Roles, strings.Split(roles, ",")...)
	}
	if stale {
		who.SignedIn = who.SignedIn.Add(-time.Hour)
	}
	return who, nil
}

// Request is one request. Body is sent as JSON; a string, []byte or io.Reader goes out as it is.
type Request struct {
	Method string
	Path   string // with the query: "/v1/posts?limit=2"
	Token  string // from As; empty: nobody
	Body   any
	Header map[string]string
}

// Response is an answer, read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   []byte
	t      testing.TB
}

// Do sends a request; redirects are not followed.
func (a *App) Do(t testing.TB, request Request) *Response {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), request.Method, a.URL+request.Path, payload(t, request.Body))
	require.NoError(t, err)
	if request.Body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if request.Token != "" {
		req.Header.Set("Authorization", "Bearer "+request.Token)
	}
	for name, value := range request.Header {
		req.Header.Set(name, value)
	}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return &Response{Status: resp.StatusCode, Header: resp.Header, Body: body, t: t}
}

var client = &http.Client{
	Timeout:       30 * time.Second,
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

func payload(t testing.TB, body any) io.Reader {
	t.Helper()
	switch body := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(body)
	case []byte:
		return bytes.NewReader(body)
	case io.Reader:
		return body
	}
	raw, err := json.Marshal(body)
	require.NoError(t, err)
	return bytes.NewReader(raw)
}

// Want fails the test unless the answer has the status; it returns the answer.
func (r *Response) Want(status int) *Response {
	r.t.Helper()
	require.Equal(r.t, status, r.Status, "%s", r.Body)
	return r
}

// Decode reads the JSON body into a value.
func (r *Response) Decode(into any) {
	r.t.Helper()
	require.NoError(r.t, json.Unmarshal(r.Body, into), "%s", r.Body)
}

// JSON reads the body as a JSON object.
func (r *Response) JSON() map[string]any {
	r.t.Helper()
	var object map[string]any
	r.Decode(&object)
	return object
}

// Code is the code of a problem document, or "".
func (r *Response) Code() string {
	var problem struct{ Code string }
	_ = json.Unmarshal(r.Body, &problem) // what is no problem has no code
	return problem.Code
}

// Read decodes an answer into a T.
func Read[T any](r *Response) T {
	r.t.Helper()
	var value T
	r.Decode(&value)
	return value
}

// Scenario is one request and what must come back.
type Scenario struct {
	Name        string
	As          uuid.UUID // who asks; the zero id: Token, else nobody
	Token       string
	Method      string // empty: GET
	Path        string
	Body        any
	Header      map[string]string
	Status      int
	Code        string   // of the problem document; empty: not looked at
	Contains    []string // of the answer's body
	NotContains []string
	JSON        func(t *testing.T, object map[string]any) // looks into the body
}

// Run runs scenarios in order, each as a subtest.
func (a *App) Run(t *testing.T, scenarios ...Scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.Name, func(t *testing.T) { a.play(t, sc) })
	}
}

func (a *App) play(t *testing.T, sc Scenario) {
	t.Helper()
	token, method := sc.Token, sc.Method
	if sc.As != uuid.Nil {
		token = As(sc.As)
	}
	if method == "" {
		method = http.MethodGet
	}
	answer := a.Do(t, Request{Method: method, Path: sc.Path, Token: token, Body: sc.Body, Header: sc.Header})
	what := fmt.Sprintf("%s %s answered %s", method, sc.Path, answer.Body)
	require.Equal(t, sc.Status, answer.Status, what)
	if sc.Code != "" {
		require.Equal(t, sc.Code, answer.Code(), what)
	}
	for _, part := range sc.Contains {
		require.Contains(t, string(answer.Body), part)
	}
	for _, part := range sc.NotContains {
		require.NotContains(t, string(answer.Body), part)
	}
	if sc.JSON != nil {
		sc.JSON(t, answer.JSON())
	}
}
