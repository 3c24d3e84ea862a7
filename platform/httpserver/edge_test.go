package httpserver_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

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
	cfg := httpserver.DefaultConfig()
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
	server, err := httpserver.New(httpserver.DefaultConfig(), httpserver.Deps{})
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
	cfg := httpserver.DefaultConfig()
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
