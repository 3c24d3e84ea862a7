package httpserver

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/trace"
	"go.uber.org/zap"

	"atrium/platform/cache"
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
	Cache         *cache.Cache         // nil: nothing that requests ask of caches is brought together
	Health        *health.Registry     // nil: always ready
	Metrics       *prometheus.Registry // nil: one of its own
	Tracing       trace.TracerProvider // nil: no spans
	Modules       []string             // the modules that are on, for GET /v1/config
	Bootstrap     []Bootstrap
}

// Limiter is what the server needs of a *ratelimit.Limiter.
type Limiter interface {
	// Allow asks whether key may do the deed n times now, and counts it if so.
	Allow(ctx context.Context, class ratelimit.Class, key string, n int) (ratelimit.Decision, error)
}

// Server is Atrium's HTTP server.
type Server struct {
	cfg         Config
	deps        Deps
	engine      *gin.Engine
	api         huma.API
	registering string // the operation, while a route is registered
	proxies     []netip.Prefix
	origins     map[string]bool // of browsers that may call the API, as they write them
	metrics     metrics
	refusals    func(c *gin.Context) error // counts a request that reaches no handler
	bodies      bodies
	lane        *admission // of what is worked on here
	outside     *admission // of what waits for others outside the database
	draining    chan struct{}
	leaving     atomic.Bool // the drain has begun
	stop        sync.Once
	public      listener
	private     listener
}

// New makes a server that knows its own routes: operations, documentation and /v1/config. Mount adds the modules'.
func New(cfg Config, deps Deps) (*Server, error) {
	if deps.Log == nil {
		deps.Log = zap.NewNop()
	}
	if deps.Health == nil {
		deps.Health = health.New()
	}
	if deps.Metrics == nil {
		deps.Metrics = prometheus.NewRegistry()
	}
	s := &Server{cfg: cfg, deps: deps, engine: gin.New(), draining: make(chan struct{}), bodies: bodies{incoming: map[*incoming]bool{}, timeout: bodyTimeout}}
	s.refusals = s.counter(cfg.limit(Route{Method: http.MethodGet}))
	s.metrics = newMetrics(deps.Metrics)
	s.lane, s.outside = newAdmission(cfg.Admission, s.metrics.refused), newAdmission(cfg.Admission, s.metrics.refused)
	for _, cidr := range cfg.TrustedProxies {
		prefix, err := netip.ParsePrefix(cidr)
		if err != nil {
			return nil, fmt.Errorf("httpserver: trusted proxies: %w", err)
		}
		s.proxies = append(s.proxies, prefix)
	}
	var err error
	if s.origins, err = parseOrigins(cfg.CORSOrigins); err != nil {
		return nil, err
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
	s.engine.Use(securityHeaders, s.cors(), s.readable, s.appVersion())
	s.engine.NoRoute(s.notFound)
	s.engine.NoMethod(s.methodNotAllowed)
	s.openAPI()
	document, err := s.bootstrapDocument()
	if err != nil {
		return nil, err
	}
	s.mountPlatform(document)
	return s, nil
}

// Mount registers the modules' routes. Two modules that want the same route are a mistake of the program: it panics.
// They are registered by module, in whatever order they come.
func (s *Server) Mount(routes []Routes) {
	routes = slices.SortedStableFunc(slices.Values(routes), func(a, b Routes) int { return strings.Compare(a.Module, b.Module) })
	for _, r := range routes {
		r.Register(&Router{module: r.Module, server: s})
	}
	admitNulls(s.api.OpenAPI().Components.Schemas)
}

// Handler is the whole API as a handler.
func (s *Server) Handler() http.Handler { return s.engine }

// OpenAPI is the document of everything mounted so far.
func (s *Server) OpenAPI() *huma.OpenAPI { return s.api.OpenAPI() }

// Document is OpenAPI as indented JSON: the same bytes for the same modules, whatever the order in which they were mounted.
func (s *Server) Document() ([]byte, error) {
	document, err := json.MarshalIndent(s.OpenAPI(), "", "  ")
	return append(document, '\n'), err
}

// guards are what a request passes on its way to a route's handler, in this order.
func (s *Server) guards(route Route) gin.HandlersChain {
	chain := gin.HandlersChain{s.bounds(route)}
	if s.cfg.timeout(route.class()) > 0 {
		chain = append(chain, s.inTurn(route))
	}
	if route.Access != Anonymous {
		chain = append(chain, s.access(route))
	}
	chain = append(chain, s.rate(route))
	if route.keyed() {
		chain = append(chain, s.idempotent(route))
	}
	return chain
}

// handle registers a route, and with GET also HEAD: the same answer, of which net/http leaves the body out.
func (s *Server) handle(method, path string, chain ...gin.HandlerFunc) {
	s.engine.Handle(method, path, chain...)
	if method == http.MethodGet {
		s.engine.Handle(http.MethodHead, path, chain...)
	}
}

// handleTyped puts one of huma's operations on gin.
func (s *Server) handleTyped(op *huma.Operation, handler func(huma.Context)) {
	route := op.Metadata[routeKey].(Route)
	chain := s.guards(route)
	switch {
	case op.RequestBody != nil:
		chain = append(chain, strictBody(op.RequestBody))
		if op.Method == http.MethodPatch {
			chain = append(chain, refuseNulls(s.api.OpenAPI().Components.Schemas, op.RequestBody))
		}
	case op.Method != http.MethodGet:
		chain = append(chain, noBody)
	}
	chain = append(chain, s.whole(route, func(c *gin.Context) { handler(humagin.NewContext(op, c)) }))
	s.handle(op.Method, ginPath(op.Path), chain...)
}
