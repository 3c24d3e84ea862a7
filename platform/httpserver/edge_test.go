package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/config/defaults"
	"atrium/platform/httpserver"
	"atrium/platform/ratelimit"
)

// send asks a server without a listener, with headers given as name, value.
func send(t *testing.T, server *httpserver.Server, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	return sendAs(t, server, http.MethodGet, path, header...)
}

func sendAs(t *testing.T, server *httpserver.Server, method, path string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequest(method, path, nil)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	answer := httptest.NewRecorder()
	server.Handler().ServeHTTP(answer, request)
	return answer
}

func TestCORS(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.CORSOrigins = []string{"https://app.example"}
	server, err := httpserver.New(cfg, httpserver.Deps{})
	require.NoError(t, err)

	t.Run("a listed origin may ask, without cookies", func(t *testing.T) {
		answer := send(t, server, "/v1/config", "Origin", "https://app.example")
		require.Equal(t, "https://app.example", answer.Header().Get("Access-Control-Allow-Origin"))
		require.Empty(t, answer.Header().Get("Access-Control-Allow-Credentials"))
		require.Contains(t, answer.Header().Values("Vary"), "Origin")
	})
	t.Run("its preflight is answered", func(t *testing.T) {
		answer := sendAs(t, server, http.MethodOptions, "/v1/posts", "Origin", "https://app.example", "Access-Control-Request-Method", "POST")
		require.Equal(t, http.StatusNoContent, answer.Code)
		require.Contains(t, answer.Header().Get("Access-Control-Allow-Headers"), "If-Match")
	})
	t.Run("others are not told anything", func(t *testing.T) {
		for _, origin := range []string{"https://evil.example", "null", "https://app.example.evil.example", "http://app.example"} {
			answer := sendAs(t, server, http.MethodOptions, "/v1/posts", "Origin", origin, "Access-Control-Request-Method", "POST")
			require.Empty(t, answer.Header().Get("Access-Control-Allow-Origin"))
		}
	})
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{})
	require.NoError(t, err)
	for _, path := range []string{"/v1/config", "/nowhere"} {
		answer := send(t, server, path)
		require.Equal(t, "nosniff", answer.Header().Get("X-Content-Type-Options"))
		require.Contains(t, answer.Header().Get("Content-Security-Policy"), "default-src 'none'")
		require.Equal(t, "no-store", answer.Header().Get("Cache-Control"))
	}
}

// limited is a server that lets each caller do three reads.
func limited(t *testing.T, proxies ...string) *httpserver.Server {
	t.Helper()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Limits["read"] = httpserver.Limit{PerMinute: 1, Burst: 3}
	cfg.TrustedProxies = proxies
	server, err := httpserver.New(cfg, httpserver.Deps{Limiter: ratelimit.New(nil, zap.NewNop())})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: func(r *httpserver.Router) {
		r.Raw(httpserver.Route{Method: "GET", Path: "/where", Name: "where", Summary: "Where", Access: httpserver.Anonymous},
			func(c *gin.Context) { c.String(http.StatusOK, httpserver.Address(c)) })
	}}})
	return server
}

func TestRateLimit(t *testing.T) {
	t.Parallel()
	t.Run("the fourth of three is 429, with the time to wait", func(t *testing.T) {
		server := limited(t)
		for range 3 {
			answer := send(t, server, "/v1/where")
			require.Equal(t, 200, answer.Code)
			require.Equal(t, `"read";q=1;w=60`, answer.Header().Get("RateLimit-Policy"))
			require.Regexp(t, `^"read";r=[0-2];t=\d+$`, answer.Header().Get("RateLimit"))
		}
		answer := send(t, server, "/v1/where")
		require.Equal(t, 429, answer.Code)
		require.Contains(t, answer.Body.String(), `"code":"request.rate_limited"`)
		require.Equal(t, "60", answer.Header().Get("Retry-After"))
	})
	t.Run("X-Forwarded-For of strangers does not give new limits", func(t *testing.T) {
		server := limited(t)
		for i := range 4 {
			answer := send(t, server, "/v1/where", "X-Forwarded-For", "198.51.100."+string(rune('1'+i)))
			require.Equal(t, i == 3, answer.Code == 429)
		}
	})
	t.Run("behind a trusted proxy each address has its own", func(t *testing.T) {
		server := limited(t, "192.0.2.0/24")
		require.Equal(t, "198.51.100.1", send(t, server, "/v1/where", "X-Forwarded-For", "10.0.0.1, 198.51.100.1").Body.String())
		require.Equal(t, "2001:db8:1:2::/64", send(t, server, "/v1/where", "X-Forwarded-For", "2001:db8:1:2:aaaa::1").Body.String())
	})
}

// Only the header that our proxies write counts, and of it only what they have seen.
func TestFault_K6_AClientHasOneAddressHoweverItIsWritten(t *testing.T) {
	t.Parallel()
	where := func(header ...string) string {
		return send(t, limited(t, "192.0.2.0/24", "10.0.0.0/8"), "/v1/where", header...).Body.String()
	}
	for written, want := range map[string]string{
		"198.51.100.1": "198.51.100.1", "198.51.100.1:4711": "198.51.100.1", " 198.51.100.1 ": "198.51.100.1", "::ffff:198.51.100.1": "198.51.100.1",
		"[2001:db8:1:2::1]:4711": "2001:db8:1:2::/64", "[2001:db8:1:2::1]": "2001:db8:1:2::/64", "2001:db8:1:2::1": "2001:db8:1:2::/64",
		"203.0.113.9, 198.51.100.1:1": "198.51.100.1", "198.51.100.1, 10.1.2.3:80": "198.51.100.1", "198.51.100.1, unknown": "192.0.2.1",
		"203.0.113.9, 198.51.100.1, 10.1.2.3, 10.1.2.4": "198.51.100.1", "": "192.0.2.1",
	} {
		require.Equal(t, want, where("X-Forwarded-For", written), written)
	}
	require.Equal(t, "192.0.2.1", where("X-Real-IP", "203.0.113.9"))
	require.Equal(t, "198.51.100.1", where("X-Real-IP", "203.0.113.9", "Forwarded", "for=203.0.113.9", "X-Forwarded-For", "198.51.100.1:9"))

	t.Run("several lines are one list", func(t *testing.T) {
		request := httptest.NewRequest(http.MethodGet, "/v1/where", nil)
		request.Header["X-Forwarded-For"] = []string{"203.0.113.9", "198.51.100.1"}
		answer := httptest.NewRecorder()
		limited(t, "192.0.2.0/24").Handler().ServeHTTP(answer, request)
		require.Equal(t, "198.51.100.1", answer.Body.String())
	})
	t.Run("whatever rotates beside it gives no new limit", func(t *testing.T) {
		server := limited(t, "192.0.2.0/24")
		for i := range 4 {
			rotating := strconv.Itoa(i + 1)
			answer := send(t, server, "/v1/where", "X-Forwarded-For", "198.51.100."+rotating+", 203.0.113.9:"+rotating, "X-Real-IP", "198.51.100."+rotating)
			require.Equal(t, i == 3, answer.Code == 429)
		}
	})
}

func TestFault_H5_OldAppsAreOldHoweverTheyWriteTheirVersion(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.MinAppVersion = "2.0.0"
	server, err := httpserver.New(cfg, httpserver.Deps{})
	require.NoError(t, err)
	for version, status := range map[string]int{
		"1.9.9": 426, "1.9.9+45": 426, "v1.9.9": 426, "V1.9.9": 426, "1.9.9 (345)": 426, "1.9.9(345)": 426, "1.9.9-beta.1": 426, "1.9.9.7": 426, " 1.9.9": 426,
		"1.9": 426, "1": 426, "1.9.9b2": 426, "v 1.9.9": 426,
		"2.0.0": 404, "2.0.0+1": 404, "v2.0.1": 404, "2.0.0 (1)": 404, "10.0": 404, "2.0.0.1": 404, "2": 404, "": 404, "unknown": 404,
	} {
		require.Equal(t, status, send(t, server, "/v1/nowhere", "X-App-Version", version).Code, version)
	}
	require.Equal(t, 200, send(t, server, "/v1/config", "X-App-Version", "1.9.9+45").Code, "which says how to upgrade")
}

func TestFault_H6_OriginsAreAsBrowsersWriteThem(t *testing.T) {
	t.Parallel()
	build := func(origin string) (*httpserver.Server, error) {
		cfg := defaults.Section[httpserver.Config]("http")
		cfg.CORSOrigins = []string{origin}
		return httpserver.New(cfg, httpserver.Deps{})
	}
	for configured, sent := range map[string]string{
		"https://shop.example/": "https://shop.example", "https://shop.example:443": "https://shop.example", "http://shop.example:80/": "http://shop.example",
		"HTTPS://Shop.Example": "https://shop.example", "https://shop.example:8443/": "https://shop.example:8443", "https://bücher.example": "https://xn--bcher-kva.example",
		"http://[::1]:5173/": "http://[::1]:5173", "http://127.0.0.1:5173": "http://127.0.0.1:5173", "http://LOCALHOST:80": "http://localhost",
	} {
		server, err := build(configured)
		require.NoError(t, err, configured)
		require.Equal(t, sent, send(t, server, "/v1/config", "Origin", sent).Header().Get("Access-Control-Allow-Origin"), configured)
		require.Empty(t, send(t, server, "/v1/config", "Origin", sent+".evil.example").Header().Get("Access-Control-Allow-Origin"))
	}
	for _, nonsense := range []string{"https://shop.example/app", "https://shop.example?x", "https://shop.example/#x", "https://ana@shop.example", "ftp://shop.example", "shop.example", "*", "https://"} {
		_, err := build(nonsense)
		require.ErrorContains(t, err, "http.cors_origins", nonsense)
	}
}
