package httpserver_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"atrium/config/defaults"
	"atrium/platform/apptest"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
)

// plain sends a request to a server without a listener.
func plain(t *testing.T, server *httpserver.Server, method, path, token string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, request)
	return answer
}

// wantProblem checks that an answer is a complete problem document, and returns it.
func wantProblem(t *testing.T, answer *apptest.Response, status int, code string) map[string]any {
	t.Helper()
	require.Equal(t, status, answer.Status, "%s", answer.Body)
	require.Equal(t, "application/problem+json", answer.Header.Get("Content-Type"))
	problem := answer.JSON()
	require.Equal(t, code, problem["code"], "%s", answer.Body)
	require.Equal(t, "about:blank", problem["type"])
	require.Equal(t, http.StatusText(status), problem["title"])
	require.InDelta(t, status, problem["status"], 0)
	require.NotEmpty(t, problem["detail"])
	require.Equal(t, answer.Header.Get("X-Request-Id"), problem["instance"])
	return problem
}

func TestProblems(t *testing.T) {
	t.Parallel()
	app := setup(t)
	get := func(t *testing.T, path string) *apptest.Response {
		return app.Do(t, apptest.Request{Method: "GET", Path: path})
	}

	t.Run("an unknown path, version or file is 404", func(t *testing.T) {
		for _, path := range []string{"/", "/v1/unknown", "/v2/lamps", "/v1/lamps/", "/v1/lamps%00", "/v1/lamps/%ff/picture", "/favicon.ico"} {
			wantProblem(t, get(t, path), 404, "request.not_found")
		}
	})
	t.Run("a method that a path does not answer is 405 and says which it does", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "DELETE", Path: "/v1/lamps"})
		wantProblem(t, answer, 405, "request.method_not_allowed")
		require.Contains(t, answer.Header.Get("Allow"), "GET")
		require.Contains(t, answer.Header.Get("Allow"), "POST")
	})
	t.Run("what is ours is hidden", func(t *testing.T) {
		for _, name := range []string{"plain", "huma", "headers", "internal", "panic"} {
			answer := get(t, "/v1/fail/"+name)
			wantProblem(t, answer, 500, "internal")
			require.NotContains(t, string(answer.Body), "secret-user", name)
			require.Empty(t, answer.Header.Get("X-Leak"))
		}
	})
	t.Run("a cause is hidden, its fault is not", func(t *testing.T) {
		answer := get(t, "/v1/fail/cause")
		wantProblem(t, answer, 404, "lamps.not_found")
		require.NotContains(t, string(answer.Body), "secret-user")
	})
	t.Run("details become members but do not hide the standard ones", func(t *testing.T) {
		problem := wantProblem(t, get(t, "/v1/fail/conflict"), 409, "lamps.moved")
		require.Equal(t, map[string]any{"from": 1.0, "to": 2.0}, problem["difference"])
	})
	t.Run("what is off says when to come back", func(t *testing.T) {
		answer := get(t, "/v1/fail/unavailable")
		wantProblem(t, answer, 503, "lamps.off")
		require.Equal(t, "90", answer.Header.Get("Retry-After"))
	})
	t.Run("a deadline is 503", func(t *testing.T) {
		answer := get(t, "/v1/fail/deadline")
		wantProblem(t, answer, 503, "request.timeout")
		require.Equal(t, "1", answer.Header.Get("Retry-After"))
	})
	t.Run("a stream that breaks is cut, not ended", func(t *testing.T) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, app.URL+"/v1/fail/stream", nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		defer func() { _ = answer.Body.Close() }()
		_, err = io.ReadAll(answer.Body)
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	})
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Timeouts["hasty"] = 20 * time.Millisecond
	server, err := httpserver.New(cfg, httpserver.Deps{})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}})
	answer := plain(t, server, "GET", "/v1/fail/slow", "")
	require.Equal(t, 503, answer.Code)
	require.Contains(t, answer.Body.String(), "request.timeout")
}

func TestKindsHaveTheirStatus(t *testing.T) {
	t.Parallel()
	want := map[fault.Kind]int{
		fault.KindInternal: 500, fault.KindMalformed: 400, fault.KindUnauthenticated: 401, fault.KindForbidden: 403, fault.KindNotFound: 404,
		fault.KindConflict: 409, fault.KindStale: 412, fault.KindTooLarge: 413, fault.KindUnsupported: 415, fault.KindInvalid: 422,
		fault.KindUpgradeRequired: 426, fault.KindPreconditionRequired: 428, fault.KindTooMany: 429, fault.KindUnavailable: 503,
	}
	for kind, status := range want {
		require.Equal(t, status, httpserver.StatusOf(fault.New(kind, "a.b", "c")))
	}
}

func TestBodies(t *testing.T) {
	t.Parallel()
	app := setup(t)
	post := func(t *testing.T, body any, header ...string) *apptest.Response {
		request := apptest.Request{Method: "POST", Path: "/v1/lamps", Token: apptest.As(ana), Body: body, Header: map[string]string{}}
		for i := 0; i+1 < len(header); i += 2 {
			request.Header[header[i]] = header[i+1]
		}
		return app.Do(t, request)
	}
	good, err := json.Marshal(aLamp())
	require.NoError(t, err)

	t.Run("what is not JSON is 400", func(t *testing.T) {
		for name, body := range map[string]string{
			"empty": "", "blank": " \n", "cut": `{"name":`, "rest": string(good) + "{}", "comma": `{"name":"a",}`,
			"comment": "/* */" + string(good), "latin-1": "{\"name\":\"caf\xe9\"}", "NaN": `{"name":NaN}`, "bom": "\ufeff" + string(good),
			"twice": `{"name":"a","name":"b"}`, "twice, escaped": `{"name":"a","n\u0061me":"b"}`,
			"deep": strings.Repeat("[", 33) + strings.Repeat("]", 33),
		} {
			t.Run(name, func(t *testing.T) { wantProblem(t, post(t, body), 400, "request.malformed") })
		}
	})
	t.Run("other types are 415", func(t *testing.T) {
		for _, media := range []string{"text/plain", "application/xml", "multipart/form-data; boundary=x", "application/json; charset=latin1", ";;"} {
			wantProblem(t, post(t, string(good), "Content-Type", media), 415, "request.unsupported_type")
		}
	})
	t.Run("JSON without a type or with a charset is read", func(t *testing.T) {
		post(t, string(good), "Content-Type", "").Want(201)
		post(t, string(good), "Content-Type", "application/json; charset=UTF-8").Want(201)
	})
	t.Run("over 1 MB is 413, announced or chunked", func(t *testing.T) {
		big := strings.Repeat("x", 1<<20+1)
		wantProblem(t, post(t, big), 413, "request.too_large")
		wantProblem(t, post(t, io.MultiReader(strings.NewReader(big))), 413, "request.too_large")
		wantProblem(t, app.Do(t, apptest.Request{Method: "POST", Path: "/v1/webhooks/lamps", Body: strings.Repeat("x", 17)}), 413, "request.too_large")
		wantProblem(t, app.Do(t, apptest.Request{Method: "POST", Path: "/v1/webhooks/lamps", Body: io.MultiReader(strings.NewReader(strings.Repeat("x", 17)))}), 413, "request.too_large")
	})
	t.Run("1 MB exactly is read", func(t *testing.T) {
		exact := append(bytes.Repeat([]byte(" "), 1<<20-len(good)), good...)
		post(t, exact).Want(201)
	})
}

func TestValidation(t *testing.T) {
	t.Parallel()
	app := setup(t)
	for name, sc := range map[string]struct {
		change  map[string]any
		pointer string
	}{
		"unknown field":       {map[string]any{"owner": "me"}, "/body/owner"},
		"other case":          {map[string]any{"Name": "me"}, "/body/Name"},
		"unknown, deep":       {map[string]any{"parts": []any{map[string]any{"upload_id": "abc", "x": 1}}}, "/body/parts/0/x"},
		"wrong type":          {map[string]any{"name": 7}, "/body/name"},
		"too long":            {map[string]any{"name": strings.Repeat("x", 21)}, "/body/name"},
		"missing, deep":       {map[string]any{"price": map[string]any{"amount": 1}}, "/body/price/currency"},
		"list, second item":   {map[string]any{"parts": []any{map[string]any{"upload_id": "abc"}, map[string]any{"upload_id": "a"}}}, "/body/parts/1/upload_id"},
		"malformed id":        {map[string]any{"shelf": "not-an-id"}, "/body/shelf"},
		"malformed link":      {map[string]any{"link": "https://not-an-id/%zz"}, "/body/link"},
		"number out of range": {map[string]any{"weight": 1 << 40}, "/body/weight"},
		"number with a dot":   {map[string]any{"price": map[string]any{"amount": json.RawMessage("1.0"), "currency": "EUR"}}, "/body/price/amount"},
		"number too large":    {map[string]any{"price": map[string]any{"amount": json.RawMessage("1e999"), "currency": "EUR"}}, "/body/price/amount"},
		"NUL in a text":       {map[string]any{"name": "a\x00b"}, "/body/name"},
		"null for a text":     {map[string]any{"name": nil}, "/body/name"},
	} {
		t.Run(name, func(t *testing.T) {
			answer := app.Do(t, apptest.Request{Method: "POST", Path: "/v1/lamps", Token: apptest.As(ana), Body: with(sc.change)})
			problem := wantProblem(t, answer, 422, "request.invalid")
			require.Len(t, problem["errors"], 1, "%s", answer.Body)
			field := problem["errors"].([]any)[0].(map[string]any)
			require.Equal(t, sc.pointer, field["pointer"])
			require.NotEmpty(t, field["detail"])
			require.NotContains(t, string(answer.Body), "not-an-id", "the value is not sent back")
			require.NotContains(t, string(answer.Body), "httpserver_test", "nor are Go's types")
		})
	}
	t.Run("a body that is no object", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "POST", Path: "/v1/lamps", Token: apptest.As(ana), Body: "[]"})
		require.Contains(t, string(answer.Body), `"pointer":"/body"`)
		wantProblem(t, answer, 422, "request.invalid")
	})
	for query, pointer := range map[string]string{
		"limit=0": "query.limit", "limit=51": "query.limit", "limit=x": "query.limit", "limit=99999999999999999999": "query.limit",
		"colour=red": "query.colour", "color=blue": "query.color",
	} {
		t.Run("query "+query, func(t *testing.T) {
			answer := app.Do(t, apptest.Request{Method: "GET", Path: "/v1/lamps?" + query})
			problem := wantProblem(t, answer, 422, "request.invalid")
			require.Equal(t, pointer, problem["errors"].([]any)[0].(map[string]any)["pointer"])
		})
	}
	for _, query := range []string{"limit=%zz", "color=%ff", "color=%00", "%ff=1", "a;b"} {
		t.Run("malformed query "+query, func(t *testing.T) {
			wantProblem(t, app.Do(t, apptest.Request{Method: "GET", Path: "/v1/lamps?" + query}), 400, "request.malformed")
		})
	}
}

// The log has what the client is not told, and nothing that identifies people but their id.
func TestAccessLog(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zap.DebugLevel)
	server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{Log: zap.New(core)})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}})
	plain(t, server, "GET", "/v1/fail/plain", "tok-en")
	plain(t, server, "GET", "/v1/lamps?email=a@b.example", "tok-en")
	plain(t, server, "GET", "/v1/fail/panic", "")
	plain(t, server, "BREW", "/v1/fail/secret-path", "")

	entries := logs.FilterMessage("request").AllUntimed()
	require.Len(t, entries, 4)
	failed := entries[0].ContextMap()
	require.Equal(t, zapcore.ErrorLevel, entries[0].Level)
	require.Equal(t, "/v1/fail/plain", failed["route"])
	require.Equal(t, leak, failed["error"])
	require.Contains(t, entries[2].ContextMap()["stack"], "failing")
	require.Equal(t, "none", entries[3].ContextMap()["route"])
	require.Equal(t, "other", entries[3].ContextMap()["method"])
	for _, entry := range entries {
		line := fmt.Sprint(entry.ContextMap())
		for _, private := range []string{"a@b.example", "tok-en", "secret-path"} {
			require.NotContains(t, line, private)
		}
	}
}

func TestFault_H3_AMediaTypeMayBeWrittenInAnyCase(t *testing.T) {
	t.Parallel()
	app := setup(t)
	for _, media := range []string{"Application/Json", "APPLICATION/JSON", "application/JSON; Charset=UTF-8", "Application/Json;charset=utf-8", " application/json "} {
		app.Do(t, apptest.Request{Method: "POST", Path: "/v1/lamps", Token: apptest.As(ana), Body: aLamp(), Header: map[string]string{"Content-Type": media}}).Want(201)
		app.Do(t, apptest.Request{Method: "PATCH", Path: "/v1/lamps/" + ana.String(), Token: apptest.As(ana), Body: map[string]any{"name": "Sun"},
			Header: map[string]string{"Content-Type": media, "If-Match": "*"}}).Want(200)
	}
}

func TestFault_H2_HeadIsGetWithoutItsBody(t *testing.T) {
	t.Parallel()
	app := setup(t)
	for path, as := range map[string]string{
		"/v1/lamps": apptest.As(ana), "/v1/lamps?limit=51": "", "/v1/lamps/1/picture": "", "/v1/admin/lamps/1": apptest.As(ana), "/v1/config": "", "/livez": "",
		"/openapi.json": "", "/docs": "", "/hello/you": "", "/v1/nowhere": "", "/v1/fail/conflict": "",
	} {
		get, head := app.Do(t, apptest.Request{Path: path, Token: as}), app.Do(t, apptest.Request{Method: "HEAD", Path: path, Token: as})
		require.Equal(t, get.Status, head.Status, path)
		require.Empty(t, head.Body, path)
		for _, name := range []string{"Content-Type", "Location", "ETag", "Cache-Control", "RateLimit-Policy"} {
			require.Equal(t, get.Header.Get(name), head.Header.Get(name), "%s of %s", name, path)
		}
	}
	app.Do(t, apptest.Request{Method: "HEAD", Path: "/v1/lamps/1/like", Token: apptest.As(ana)}).Want(405)
	require.Contains(t, app.Do(t, apptest.Request{Method: "DELETE", Path: "/v1/lamps"}).Header.Get("Allow"), "HEAD")
}

// What a client sends to a route that takes nothing is as unknown as any other member.
func TestFault_H4_ARouteWithoutABodyTakesNone(t *testing.T) {
	t.Parallel()
	app := setup(t)
	like := func(body any, header ...string) *apptest.Response {
		request := apptest.Request{Method: "PUT", Path: "/v1/lamps/1/like", Token: apptest.As(ana), Body: body, Header: map[string]string{}}
		for i := 0; i+1 < len(header); i += 2 {
			request.Header[header[i]] = header[i+1]
		}
		return app.Do(t, request)
	}
	for _, fine := range []any{nil, "", " ", "{}", "null"} {
		like(fine).Want(204)
	}
	problem := wantProblem(t, like(map[string]any{"reason": "x", "until": 1}), 422, "request.invalid")
	require.Equal(t, []any{
		map[string]any{"pointer": "/body/reason", "detail": "unexpected property"}, map[string]any{"pointer": "/body/until", "detail": "unexpected property"},
	}, problem["errors"])
	wantProblem(t, like("[1]"), 422, "request.invalid")
	wantProblem(t, like("{"), 400, "request.malformed")
	wantProblem(t, like("a=b", "Content-Type", "application/x-www-form-urlencoded"), 415, "request.unsupported_type")
	like("", "Content-Type", "application/x-www-form-urlencoded").Want(204)
}
