package httpserver

import (
	"context"
	"fmt"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"atrium/platform/health"
	"atrium/platform/idempotency"
	"atrium/platform/ratelimit"
)

// Deps is what the server needs from others. Each may be nil: then the server does without, so that the OpenAPI document
// can be made without any server running.
type Deps struct {
	Log           *zap.Logger
	Authenticator Authenticator        // nil: nobody is signed in
	Limiter       Limiter              // nil: no limits
	Idempotency   *idempotency.Store   // nil: keys are checked, answers not kept
	Health        *health.Registry     // nil: always ready
	Metrics       *prometheus.Registry // nil: one of its own
	Tracing       trace.TracerProvider // nil: no spans
	Modules       []string             // the modules that are on, for GET /v1/config
	Bootstrap     []Bootstrap
	Version       string // of this build
}

// Limiter is what the server needs of a *ratelimit.Limiter.
type Limiter interface {
	// Allow asks whether key may do the deed n times now, and counts it if so.
	Allow(ctx context.Context, class ratelimit.Class, key string, n int) (ratelimit.Decision, error)
}

// Server is Atrium's HTTP server.
type Server struct {
	cfg      Config
	deps     Deps
	engine   *gin.Engine
	api      huma.API
	schemas  *schemaNames
	metrics  metrics
	draining chan struct{}
	stop     sync.Once
	public   listener
	private  listener
}

// New makes a server that knows its own routes: operations, documentation and /v1/config. Mount adds the modules'.
func New(cfg Config, deps Deps) (*Server, error) {
	takeOverErrors()
	gin.SetMode(gin.ReleaseMode)
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	if deps.Health == nil {
		deps.Health = health.New()
	}
	if deps.Metrics == nil {
		deps.Metrics = prometheus.NewRegistry()
	}
	s := &Server{cfg: cfg, deps: deps, engine: gin.New(), draining: make(chan struct{})}
	s.metrics = newMetrics(deps.Metrics)
	if err := s.engine.SetTrustedProxies(cfg.TrustedProxies); err != nil {
		return nil, fmt.Errorf("httpserver: trusted proxies: %w", err)
	}
	s.engine.HandleMethodNotAllowed = true
	s.engine.RedirectTrailingSlash = false
	s.engine.UseRawPath = true // a %2F in an id is part of the id
	s.engine.UnescapePathValues = true
	s.engine.ContextWithFallback = true // a *gin.Context serves where a request's context is asked for
	s.engine.Use(s.begin, s.observe, s.recovery)
	if deps.Tracing != nil {
		s.engine.Use(otelgin.Middleware("atrium", otelgin.WithTracerProvider(deps.Tracing)))
	}
	s.engine.Use(securityHeaders, s.cors(), readable, s.appVersion())
	s.engine.NoRoute(notFound)
	s.engine.NoMethod(methodNotAllowed)
	s.openAPI()
	document, err := s.bootstrapDocument()
	if err != nil {
		return nil, err
	}
	s.mountPlatform(document)
	return s, nil
}

// Mount registers the modules' routes. Two modules that want the same route are a mistake of the program: it panics.
func (s *Server) Mount(routes []Routes) {
	for _, r := range routes {
		r.Register(&Router{module: r.Module, server: s})
	}
	s.schemas.admitNulls(s.api.OpenAPI().Components.Schemas.Map())
}

// Handler is the whole API as a handler.
func (s *Server) Handler() http.Handler { return s.engine }

// OpenAPI is the document of everything mounted so far.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

// guards are what a request passes on its way to a route's handler, in this order.
func (s *Server) guards(route Route) gin.HandlersChain {
	chain := gin.HandlersChain{s.bounds(route)}
	if route.Access != Anonymous {
		chain = append(chain, s.access(route))
	}
	chain = append(chain, s.rate(route))
	if route.keyed() {
		chain = append(chain, s.idempotent(route))
	}
	return chain
}

// handleTyped puts one of huma's operations on gin.
func (s *Server) handleTyped(op *huma.Operation, handler func(huma.Context)) {
	route := op.Metadata[routeKey].(Route)
	chain := s.guards(route)
	if op.RequestBody != nil {
		chain = append(chain, strictBody(op.RequestBody))
	}
	chain = append(chain, func(c *gin.Context) { handler(humagin.NewContext(op, c)) })
	s.engine.Handle(op.Method, ginPath(op.Path), chain...)
}
