package httpserver_test

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/config/defaults"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/ratelimit"
)

// everybody takes a person's id for their token.
type everybody struct{}

// Authenticate implements httpserver.Authenticator.
func (everybody) Authenticate(_ context.Context, token string) (identity.Principal, error) {
	id, err := uuid.Parse(token)
	if err != nil {
		return identity.Principal{}, fault.New(fault.KindUnauthenticated, "auth.invalid_token", "This access token is not valid.")
	}
	return identity.Principal{UserID: id}, nil
}

// door tells of each token that is shown.
type door struct {
	everybody
	shown chan struct{}
}

// Authenticate implements httpserver.Authenticator.
func (d door) Authenticate(ctx context.Context, token string) (identity.Principal, error) {
	d.shown <- struct{}{}
	return d.everybody.Authenticate(ctx, token)
}

// announce sends the header of a request whose body never comes.
func announce(t *testing.T, address, request string, header ...string) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close() })
	text := request + " HTTP/1.1\r\nHost: x\r\n"
	for _, line := range header {
		text += line + "\r\n"
	}
	_, err = io.WriteString(connection, text+"\r\n")
	require.NoError(t, err)
	require.NoError(t, connection.SetReadDeadline(time.Now().Add(15*time.Second)))
	return connection
}

// Whatever the answer, a client that announces a body and does not send it gets it, and the connection ends.
func TestFault_K2_ABodyThatNeverComesEndsTheConnection(t *testing.T) {
	t.Parallel()
	server, _, _ := listening(t, func(cfg *httpserver.Config) { cfg.CORSOrigins = []string{"https://shop.example"} })
	for request, status := range map[string]int{
		"POST /v1/nowhere": 404, "GET /v1/nowhere": 404, "PUT /livez": 405, "DELETE /v1/gate": 405, "GET /livez": 200, "HEAD /livez": 200,
		"GET /readyz": 200, "GET /docs": 200, "GET /openapi.json": 200, "OPTIONS /v1/gate": 204, "GET /v1/gate?a=%zz": 400, "BREW /livez": 405,
	} {
		for _, length := range []string{"Content-Length: 10", "Content-Length: 1000000", "Transfer-Encoding: chunked"} {
			t.Run(request+", "+length, func(t *testing.T) {
				t.Parallel()
				connection := announce(t, server.Addr(), request, length, "Origin: https://shop.example", "Access-Control-Request-Method: GET")
				if request != "OPTIONS /v1/gate" {
					connection = announce(t, server.Addr(), request, length)
				}
				answer, err := http.ReadResponse(bufio.NewReader(connection), nil)
				require.NoError(t, err)
				require.Equal(t, status, answer.StatusCode)
				_, err = io.Copy(io.Discard, connection)
				require.NoError(t, err, "the server hangs up")
			})
		}
	}
	t.Run("on the private port too", func(t *testing.T) {
		t.Parallel()
		_, err := io.Copy(io.Discard, announce(t, server.PrivateAddr(), "GET /metrics", "Content-Length: 10"))
		require.NoError(t, err)
	})
}

// A body on its way, which a handler waits for or nobody, does not hold up the end of the process.
func TestFault_K2_ABodyThatNeverComesDoesNotHoldUpTheDrain(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.DrainDelay = 0
	cfg.Addr, cfg.PrivateAddr, cfg.DrainTimeout = "127.0.0.1:0", "", 4*time.Second
	reading, entered := make(chan struct{}), door{shown: make(chan struct{}, 1)}
	server, err := httpserver.New(cfg, httpserver.Deps{Authenticator: entered})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/lamps", Name: "create-lamp", Summary: "Make a lamp"},
			func(context.Context, *createLamp) (*httpserver.Empty, error) { return &httpserver.Empty{}, nil })
		r.Raw(httpserver.Route{Method: http.MethodPost, Path: "/webhooks/lamps", Name: "lamp-webhook", Summary: "Events", Access: httpserver.Anonymous}, func(c *gin.Context) {
			close(reading)
			if _, err := c.GetRawData(); err != nil {
				httpserver.Fail(c, err)
			}
		})
	}}})
	require.NoError(t, server.Start(t.Context()))
	typed := announce(t, server.Addr(), "POST /v1/lamps", "Authorization: Bearer "+uuid.NewString(), "Content-Type: application/json", "Content-Length: 10")
	announce(t, server.Addr(), "POST /v1/webhooks/lamps", "Content-Length: 10")
	announce(t, server.Addr(), "POST /nowhere", "Content-Length: 10")
	<-reading
	<-entered.shown
	require.NoError(t, server.Stop(context.Background()), "nothing has to be cut")
	answer, err := http.ReadResponse(bufio.NewReader(typed), nil)
	require.NoError(t, err)
	require.Equal(t, http.StatusBadRequest, answer.StatusCode)
}

// Requests that reach no handler count as reads of their address: not of a person, and not of the sign-ins from there.
func TestFault_K2_WrongRequestsCountInTheBucketOfTheirAddress(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Limits = map[string]httpserver.Limit{"read": {PerMinute: 1, Burst: 4}, "write": {PerMinute: 1, Burst: 4}, "auth": {PerMinute: 1, Burst: 1}}
	server, err := httpserver.New(cfg, httpserver.Deps{Authenticator: everybody{}, Limiter: ratelimit.New(nil, zap.NewNop())})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}, {Module: "auth", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/lamp", Name: "sign-in", Summary: "Signs in", Access: httpserver.Anonymous, Limit: "auth"},
			func(context.Context, *struct{}) (*httpserver.Empty, error) { return &httpserver.Empty{}, nil })
	}}})
	require.Equal(t, 404, plain(t, server, "POST", "/v1/auth/nowhere", "").Code)
	require.Equal(t, 405, plain(t, server, "PUT", "/v1/auth/lamp", "").Code)
	require.Equal(t, 401, plain(t, server, "PUT", "/v1/lamps/1/like", "").Code)
	last := plain(t, server, "PUT", "/v1/lamps/1/like", "rubbish")
	require.Equal(t, 401, last.Code)
	require.Contains(t, last.Header().Get("RateLimit"), `"read";r=0;`)
	for _, request := range [][2]string{{"POST", "/v1/auth/nowhere"}, {"PUT", "/v1/auth/lamp"}, {"PUT", "/v1/lamps/1/like"}, {"GET", "/v1/lamps"}} {
		slowed := plain(t, server, request[0], request[1], "")
		require.Equal(t, 429, slowed.Code, request)
		require.NotEmpty(t, slowed.Header().Get("Retry-After"))
	}
	require.Equal(t, 204, plain(t, server, "POST", "/v1/auth/lamp", "").Code, "the sign-in has its own")
	person := uuid.NewString()
	require.Equal(t, 200, plain(t, server, "GET", "/v1/lamps", person).Code, "as a person has")
	for range 3 {
		require.Equal(t, 403, plain(t, server, "GET", "/v1/admin/lamps/1", person).Code)
	}
	require.Equal(t, 429, plain(t, server, "GET", "/v1/admin/lamps/1", person).Code, "who is counted wherever they knock")
	require.Equal(t, 204, plain(t, server, "PUT", "/v1/lamps/1/like", person).Code)
}
