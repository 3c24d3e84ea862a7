package httpserver_test

import (
	"context"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/platform/httpserver"
)

// narrow is a server that works on one request at a time and has none wait; "/busy" and "/away" tell when they began, and end on release.
func narrow(t *testing.T, began chan<- struct{}, release <-chan struct{}) *httpserver.Server {
	t.Helper()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Addr, cfg.PrivateAddr, cfg.DrainDelay = "127.0.0.1:0", "", 0
	cfg.Admission = httpserver.Admission{AtOnce: 1}
	server, err := httpserver.New(cfg, httpserver.Deps{Authenticator: everybody{}})
	require.NoError(t, err)
	wait := func(context.Context, *struct{}) (*httpserver.Empty, error) {
		began <- struct{}{}
		<-release
		return &httpserver.Empty{}, nil
	}
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/busy", Name: "work", Summary: "Works"}, wait)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/away", Name: "call-others", Summary: "Calls others", Outside: true}, wait)
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/quick", Name: "read-lamp", Summary: "Reads", Access: httpserver.Open},
			func(context.Context, *struct{}) (*httpserver.Empty, error) { return &httpserver.Empty{}, nil })
		r.Raw(httpserver.Route{Method: http.MethodPost, Path: "/webhooks/lamps", Name: "lamp-webhook", Summary: "Events", Access: httpserver.Anonymous}, func(c *gin.Context) {
			began <- struct{}{}
			if _, err := c.GetRawData(); err != nil {
				httpserver.Fail(c, err)
			}
		})
	}}})
	require.NoError(t, server.Start(t.Context()))
	t.Cleanup(func() { require.NoError(t, server.Stop(context.Background())) })
	return server
}

func ask(t *testing.T, server *httpserver.Server, method, path string) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, "http://"+server.Addr()+path, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Authorization", "Bearer "+uuid.NewString())
	answer, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	t.Cleanup(func() { _ = answer.Body.Close() })
	return answer
}

func TestOverload_IsToldToComeAgain(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	server := narrow(t, began, release)
	worked := make(chan int, 1)
	go func() { worked <- ask(t, server, http.MethodPost, "/v1/busy").StatusCode }()
	<-began

	answer := ask(t, server, http.MethodGet, "/v1/quick")
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)
	require.Regexp(t, "^[1-4]$", answer.Header.Get("Retry-After"))
	text, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	require.Contains(t, string(text), `"code":"request.overloaded"`)
	require.Equal(t, http.StatusOK, ask(t, server, http.MethodGet, "/livez").StatusCode, "probes do not wait")

	go func() { worked <- ask(t, server, http.MethodPost, "/v1/away").StatusCode }()
	<-began // in a lane of its own
	close(release)
	require.Equal(t, []int{204, 204}, []int{<-worked, <-worked})
	require.Equal(t, http.StatusNoContent, ask(t, server, http.MethodGet, "/v1/quick").StatusCode)
}

func TestOverload_ASlowBodyIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	began := make(chan struct{})
	server := narrow(t, began, nil)
	slow := announce(t, server.Addr(), "POST /v1/webhooks/lamps", "Content-Length: 10")
	<-began
	require.Eventually(t, func() bool { return ask(t, server, http.MethodGet, "/v1/quick").StatusCode == http.StatusNoContent },
		10*time.Second, 5*time.Millisecond)
	require.NoError(t, slow.Close())
}
