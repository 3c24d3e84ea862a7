package httpserver

import (
	"fmt"
	"net/http"
	"sync"

	"github.com/gin-gonic/gin"
	"github.com/swaggest/swgui/v5emb"
	"go.uber.org/zap"

	"atrium/platform/health"
)

// docsPolicy lets the documentation's page load its own assets, which are in the binary, and try requests on this host.
const docsPolicy = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; " +
	"font-src 'self'; connect-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"

// probes are what says whether a process lives, is ready and has started.
var probes = []string{"/livez", "/readyz", "/startupz"}

// mountPlatform registers the routes that are there whatever modules are on.
func (s *Server) mountPlatform(document map[string]any) {
	r := &Router{module: "config", server: s}
	mountBootstrap(r, document)
	s.page("/openapi.json", s.serveOpenAPI("application/json", s.Document))
	s.page("/openapi.yaml", s.serveOpenAPI("application/yaml", s.OpenAPI().YAML))
	docs := gin.WrapH(v5emb.New("Atrium", "/openapi.json", "/docs"))
	withPolicy := func(c *gin.Context) {
		c.Header("Content-Security-Policy", docsPolicy)
		docs(c)
	}
	s.page("/docs", withPolicy)
	s.page("/docs/*file", withPolicy)
	s.page("/livez", func(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "alive"}) })
	s.page("/readyz", s.readyz)
	s.page("/startupz", func(c *gin.Context) {
		if !s.deps.Health.Started() {
			c.JSON(http.StatusServiceUnavailable, gin.H{"status": "starting"})
			return
		}
		c.JSON(http.StatusOK, gin.H{"status": "started"})
	})
}

func (s *Server) page(path string, handler gin.HandlerFunc) { s.handle(http.MethodGet, path, handler) }

// serveOpenAPI writes the document once: nothing is mounted after the first request.
func (s *Server) serveOpenAPI(contentType string, write func() ([]byte, error)) gin.HandlerFunc {
	once := sync.OnceValues(write)
	return func(c *gin.Context) {
		document, err := once()
		if err != nil {
			Fail(c, fmt.Errorf("httpserver: write the OpenAPI document: %w", err))
			return
		}
		c.Data(http.StatusOK, contentType, document)
	}
}

// readyz answers 503 only where the load balancer should look elsewhere; degraded is ready.
func (s *Server) readyz(c *gin.Context) {
	report := s.deps.Health.Report(c.Request.Context())
	for name, err := range report.Errors {
		s.deps.Log.Warn("health check failing", zap.String("check", name), zap.Error(err))
	}
	status := http.StatusOK
	if report.Status == health.Unavailable {
		status = http.StatusServiceUnavailable
	}
	c.JSON(status, report)
}
