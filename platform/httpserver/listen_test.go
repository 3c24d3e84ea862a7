package httpserver_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/go-playground/validator/v10"
	"github.com/stretchr/testify/require"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"atrium/config/defaults"
	"atrium/platform/health"
	"atrium/platform/httpserver"
)

// gate is a route that holds requests until it is opened.
type gate struct {
	arrived chan struct{}
	open    chan struct{}
}

func listening(t *testing.T, change func(*httpserver.Config)) (*httpserver.Server, *gate, *health.Registry) {
	t.Helper()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Addr, cfg.PrivateAddr, cfg.DrainTimeout, cfg.DrainDelay = "127.0.0.1:0", "127.0.0.1:0", 10*time.Second, 0
	if change != nil {
		change(&cfg)
	}
	registry := health.New()
	server, err := httpserver.New(cfg, httpserver.Deps{Health: registry})
	require.NoError(t, err)
	g := &gate{arrived: make(chan struct{}), open: make(chan struct{})}
	server.Mount([]httpserver.Routes{{Module: "gate", Register: func(r *httpserver.Router) {
		r.Raw(httpserver.Route{Method: "GET", Path: "/gate", Name: "gate", Summary: "Gate", Access: httpserver.Anonymous}, func(c *gin.Context) {
			g.arrived <- struct{}{}
			<-g.open
			c.String(http.StatusOK, "through")
		})
		r.Raw(httpserver.Route{Method: "GET", Path: "/stream", Name: "stream", Summary: "Stream", Access: httpserver.Anonymous, Limit: "stream"}, func(c *gin.Context) {
			g.arrived <- struct{}{}
			<-httpserver.Draining(c.Request.Context())
			c.String(http.StatusOK, "bye")
		})
	}}})
	require.NoError(t, server.Start(t.Context()))
	t.Cleanup(func() {
		at, once := context.WithCancel(context.Background())
		once()
		_ = server.Stop(at) // cuts what a failed test has left
	})
	return server, g, registry
}

type outcome struct {
	body string
	err  error
}

func fetch(url string) <-chan outcome {
	done := make(chan outcome, 1)
	go func() {
		answer, err := http.Get(url)
		if err != nil {
			done <- outcome{err: err}
			return
		}
		defer func() { _ = answer.Body.Close() }()
		body, err := io.ReadAll(answer.Body)
		done <- outcome{string(body), err}
	}()
	return done
}

func TestDrain(t *testing.T) {
	t.Parallel()
	t.Run("what is in flight finishes, new connections are refused", func(t *testing.T) {
		t.Parallel()
		server, g, registry := listening(t, nil)
		request := fetch("http://" + server.Addr() + "/v1/gate")
		stream := fetch("http://" + server.Addr() + "/v1/stream")
		<-g.arrived
		<-g.arrived
		stopped := make(chan error, 1)
		go func() { stopped <- server.Stop(context.Background()) }()
		require.Eventually(t, func() bool {
			connection, err := net.Dial("tcp", server.Addr())
			if err == nil {
				_ = connection.Close()
			}
			return err != nil
		}, 5*time.Second, 5*time.Millisecond)
		require.True(t, registry.Report(t.Context()).Draining)
		require.Equal(t, outcome{body: "bye"}, <-stream)
		close(g.open)
		require.Equal(t, outcome{body: "through"}, <-request)
		require.NoError(t, <-stopped)
	})
	t.Run("during the drain delay it still answers, but is not ready", func(t *testing.T) {
		t.Parallel()
		server, _, _ := listening(t, func(cfg *httpserver.Config) { cfg.DrainDelay = time.Minute })
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { _ = server.Stop(ctx) }()
		require.Eventually(t, func() bool {
			answer, err := http.Get("http://" + server.Addr() + "/readyz")
			if err != nil {
				return false
			}
			defer func() { _ = answer.Body.Close() }()
			return answer.StatusCode == http.StatusServiceUnavailable
		}, 5*time.Second, 5*time.Millisecond)
	})
	t.Run("what never ends is cut", func(t *testing.T) {
		t.Parallel()
		server, g, _ := listening(t, func(cfg *httpserver.Config) { cfg.DrainTimeout = 20 * time.Millisecond })
		request := fetch("http://" + server.Addr() + "/v1/gate")
		<-g.arrived
		require.ErrorIs(t, server.Stop(context.Background()), context.DeadlineExceeded)
		require.Error(t, (<-request).err)
		close(g.open)
	})
	t.Run("ListenAndServe ends with its context", func(t *testing.T) {
		t.Parallel()
		cfg := defaults.Section[httpserver.Config]("http")
		cfg.Addr, cfg.PrivateAddr, cfg.DrainDelay = "127.0.0.1:0", "", 0
		server, err := httpserver.New(cfg, httpserver.Deps{})
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, server.ListenAndServe(ctx))
	})
}

func TestListen(t *testing.T) {
	t.Parallel()
	t.Run("a busy port is a sentence", func(t *testing.T) {
		t.Parallel()
		first, _, _ := listening(t, nil)
		cfg := defaults.Section[httpserver.Config]("http")
		cfg.Addr = first.Addr()
		second, err := httpserver.New(cfg, httpserver.Deps{})
		require.NoError(t, err)
		require.ErrorContains(t, second.Start(t.Context()), "another program listens on "+first.Addr())
	})
	t.Run("metrics are on the private port only", func(t *testing.T) {
		t.Parallel()
		server, _, _ := listening(t, nil)
		require.NoError(t, (<-fetch("http://" + server.Addr() + "/livez")).err)
		require.Contains(t, (<-fetch("http://" + server.PrivateAddr() + "/metrics")).body, `atrium_http_requests_total{method="GET",route="/livez",status="200"} 1`)
		require.Contains(t, (<-fetch("http://" + server.PrivateAddr() + "/debug/pprof/")).body, "goroutine")
		require.Contains(t, (<-fetch("http://" + server.Addr() + "/metrics")).body, "request.not_found")
	})
	t.Run("a client that sends its header drop by drop is cut off", func(t *testing.T) {
		t.Parallel()
		server, _, _ := listening(t, nil)
		connection, err := net.Dial("tcp", server.Addr())
		require.NoError(t, err)
		defer func() { _ = connection.Close() }()
		_, err = io.WriteString(connection, "GET /livez HTTP/1.1\r\nHost: x\r\nX-Slow: ")
		require.NoError(t, err)
		require.NoError(t, connection.SetReadDeadline(time.Now().Add(20*time.Second)))
		_, err = bufio.NewReader(connection).ReadByte()
		var timeout net.Error
		require.Error(t, err)
		require.False(t, errors.As(err, &timeout) && timeout.Timeout(), "the server must hang up first")
	})
}

func TestHealthPages(t *testing.T) {
	t.Parallel()
	registry := health.New()
	server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{Health: registry})
	require.NoError(t, err)
	redis := errors.New("dial tcp: refused by redis-secret-host")
	registry.Add(health.Check{Name: "redis", Run: func(context.Context) error { return redis }})

	require.Equal(t, 200, send(t, server, "/livez").Code)
	require.Equal(t, 200, sendAs(t, server, http.MethodHead, "/readyz").Code)
	require.Equal(t, 503, send(t, server, "/startupz").Code)
	registry.MarkStarted()
	require.Equal(t, 200, send(t, server, "/startupz").Code)

	answer := send(t, server, "/readyz")
	require.Equal(t, 200, answer.Code)
	require.JSONEq(t, `{"status":"degraded","draining":false,"checks":{"redis":"failing"}}`, answer.Body.String())
	registry.Add(health.Check{Name: "database", Required: true, Run: func(context.Context) error { return redis }})
	require.Equal(t, 503, send(t, server, "/readyz").Code)
}

// deadlines is a ResponseWriter that remembers its write deadline, as a connection does.
type deadlines struct {
	*httptest.ResponseRecorder
	write time.Time
}

func (d *deadlines) SetWriteDeadline(at time.Time) error { d.write = at; return nil }

// A connection keeps the write deadline of the request before: every request must set its own.
func TestWriteDeadlines(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	server, err := httpserver.New(cfg, httpserver.Deps{})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "stream", Register: func(r *httpserver.Router) {
		for _, class := range []string{"stream", "read"} {
			r.Raw(httpserver.Route{Method: "GET", Path: "/" + class, Name: class, Summary: class, Access: httpserver.Anonymous, Limit: class},
				func(c *gin.Context) { c.Status(http.StatusOK) })
		}
	}}})
	connection := &deadlines{ResponseRecorder: httptest.NewRecorder()}
	ask := func(path string) time.Time {
		server.Handler().ServeHTTP(connection, httptest.NewRequest(http.MethodGet, path, nil))
		return connection.write
	}
	require.True(t, ask("/v1/read").After(time.Now()))
	require.True(t, ask("/v1/stream").IsZero())
	connection.write = time.Unix(1, 0)
	require.True(t, ask("/livez").After(time.Now()))
}

func TestDefaultsAreValid(t *testing.T) {
	t.Parallel()
	require.NoError(t, validator.New().Struct(defaults.Section[httpserver.Config]("http")))
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.TrustedProxies, cfg.MinAppVersion = []string{"everybody"}, "new"
	require.Error(t, validator.New().Struct(cfg))
	_, err := httpserver.New(cfg, httpserver.Deps{})
	require.ErrorContains(t, err, "trusted proxies")
}

func TestTraces(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{Tracing: trace.NewTracerProvider(trace.WithSyncer(spans))})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}})
	require.Equal(t, 500, send(t, server, "/v1/fail/panic").Code)
	require.Equal(t, 200, send(t, server, "/v1/lamps").Code)
	require.NotEmpty(t, spans.GetSpans())
}

// A client whose connection idles when the drain begins is served on it, and told to go on elsewhere.
func TestFault_R5_AnIdleConnectionIsServedDuringTheDrainDelay(t *testing.T) {
	t.Parallel()
	server, _, registry := listening(t, func(cfg *httpserver.Config) { cfg.DrainDelay = 5 * time.Second })
	connection, err := net.Dial("tcp", server.Addr())
	require.NoError(t, err)
	defer func() { _ = connection.Close() }()
	answers := bufio.NewReader(connection)
	ask := func() *http.Response {
		_, err := io.WriteString(connection, "POST /v1/nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}")
		require.NoError(t, err)
		answer, err := http.ReadResponse(answers, nil)
		require.NoError(t, err, "the connection was closed under the request")
		_, err = io.Copy(io.Discard, answer.Body)
		require.NoError(t, err)
		return answer
	}
	require.False(t, ask().Close)

	stopped := make(chan error, 1)
	go func() { stopped <- server.Stop(context.WithoutCancel(t.Context())) }()
	require.Eventually(t, func() bool { return registry.Report(t.Context()).Draining }, 5*time.Second, time.Millisecond)
	require.True(t, ask().Close, "it is the last answer on this connection")
	_, err = answers.ReadByte()
	require.ErrorIs(t, err, io.EOF)
	require.NoError(t, <-stopped)
}

// Under load, behind a balancer that follows /readyz, no request fails while a process leaves: not even one that cannot be repeated.
func TestFault_R5_NoRequestFailsWhileAProcessDrains(t *testing.T) {
	t.Parallel()
	leaving, _, _ := listening(t, func(cfg *httpserver.Config) { cfg.DrainDelay = 2 * time.Second })
	staying, _, _ := listening(t, nil)
	address := leaving.Addr() // where the balancer sends what comes
	var balanced atomic.Bool
	stop, load := make(chan struct{}), sync.WaitGroup{}
	var failures, answered atomic.Int64
	for range 8 {
		load.Go(func() {
			client := &http.Client{Transport: &http.Transport{}}
			for {
				select {
				case <-stop:
					return
				default:
				}
				to := address
				if balanced.Load() {
					to = staying.Addr()
				}
				answer, err := client.Post("http://"+to+"/v1/nowhere", "application/json", io.MultiReader(strings.NewReader("{}"))) // which net/http does not repeat
				if err != nil {
					failures.Add(1)
					continue
				}
				_, _ = io.Copy(io.Discard, answer.Body)
				_ = answer.Body.Close()
				answered.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return answered.Load() > 200 }, 10*time.Second, time.Millisecond)
	stopped := make(chan error, 1)
	go func() { stopped <- leaving.Stop(context.Background()) }()
	require.Eventually(t, func() bool {
		answer, err := http.Get("http://" + address + "/readyz")
		if err != nil {
			return false
		}
		_ = answer.Body.Close()
		return answer.StatusCode == http.StatusServiceUnavailable
	}, 5*time.Second, 10*time.Millisecond)
	before := answered.Load()
	require.Eventually(t, func() bool { return answered.Load() > before+200 }, 10*time.Second, time.Millisecond, "it serves on while the balancer has not noticed")
	balanced.Store(true)
	require.NoError(t, <-stopped)
	close(stop)
	load.Wait()
	require.Zero(t, failures.Load(), "of %d", answered.Load())
}

// The default leaves a balancer the time to notice.
func TestFault_R5_TheDefaultIsLongEnoughForABalancer(t *testing.T) {
	t.Parallel()
	require.GreaterOrEqual(t, defaults.Section[httpserver.Config]("http").DrainDelay, 10*time.Second)
}

// What has no public port (a worker, a scheduler) answers the probes of an api on its private one.
func TestFault_R13_WorkersAnswerTheProbes(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.PrivateAddr = "127.0.0.1:0"
	registry := health.New()
	server, err := httpserver.New(cfg, httpserver.Deps{Health: registry})
	require.NoError(t, err)
	require.NoError(t, server.StartPrivate(t.Context()))
	t.Cleanup(func() { _ = server.Stop(context.Background()) })
	status := func(method, path string) int {
		request, err := http.NewRequestWithContext(t.Context(), method, "http://"+server.PrivateAddr()+path, nil)
		require.NoError(t, err)
		answer, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	require.Equal(t, 200, status(http.MethodGet, "/livez"))
	require.Equal(t, 200, status(http.MethodHead, "/readyz"))
	require.Equal(t, 503, status(http.MethodGet, "/startupz"))
	registry.Add(health.Check{Name: "postgres", Required: true, Run: func(context.Context) error { return errors.New("away") }})
	require.Equal(t, 503, status(http.MethodGet, "/readyz"))
	require.Equal(t, 200, status(http.MethodGet, "/livez"))
	require.Equal(t, 404, status(http.MethodGet, "/v1/config"), "the API is not there")
}
