package httpserver_test

import (
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"atrium/config/defaults"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/ratelimit"
)

type anybody struct{}

func (anybody) Authenticate(context.Context, string) (identity.Principal, error) {
	return identity.Principal{UserID: uuid.Max}, nil
}

// nowhere is a ResponseWriter that costs nothing.
type nowhere struct{ header http.Header }

func (w nowhere) Header() http.Header        { return w.header }
func (nowhere) Write(p []byte) (int, error)  { return len(p), nil }
func (nowhere) WriteHeader(int)              {}
func (w nowhere) clear() http.ResponseWriter { clear(w.header); return w }

// BenchmarkStack is what a request costs on its way through everything to a handler that does nothing, with a log that is
// encoded and thrown away and limits counted in this process; bare gin stands beside it.
func BenchmarkStack(b *testing.B) {
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.Limits["read"] = httpserver.Limit{PerMinute: 1 << 30, Burst: 1 << 30}
	cfg.Limits["write"] = cfg.Limits["read"]
	log := zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(io.Discard), zap.InfoLevel))
	server, err := httpserver.New(cfg, httpserver.Deps{Log: log, Authenticator: anybody{}, Limiter: ratelimit.New(nil, log)})
	if err != nil {
		b.Fatal(err)
	}
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: func(r *httpserver.Router) {
		lamps(r)
		r.Raw(httpserver.Route{Method: "GET", Path: "/nothing", Name: "nothing", Summary: "Nothing"}, func(c *gin.Context) { c.Status(http.StatusOK) })
	}}})
	bare := gin.New()
	bare.GET("/v1/nothing", func(c *gin.Context) { c.Status(http.StatusOK) })

	run := func(name string, handler http.Handler, method, path, body string) {
		b.Run(name, func(b *testing.B) {
			w := nowhere{http.Header{}}
			request, _ := http.NewRequest(method, path, nil)
			request.Header.Set("Authorization", "Bearer t")
			b.ReportAllocs()
			for b.Loop() {
				if body != "" {
					request.Body = io.NopCloser(strings.NewReader(body))
					request.ContentLength = int64(len(body))
				}
				handler.ServeHTTP(w.clear(), request)
			}
		})
	}
	run("bare gin", bare, "GET", "/v1/nothing", "")
	run("raw", server.Handler(), "GET", "/v1/nothing", "")
	run("typed list", server.Handler(), "GET", "/v1/lamps?limit=20", "")
	run("typed create", server.Handler(), "POST", "/v1/lamps",
		`{"name":"Moon","price":{"amount":1299,"currency":"EUR"},"shelf":"01890000-0000-7000-8000-000000000002"}`)
}
