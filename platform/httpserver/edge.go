package httpserver

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"atrium/platform/fault"
)

// securityHeaders are right for an API that answers JSON. A page of its own (the documentation, the dashboard) sets
// another Content-Security-Policy.
func securityHeaders(c *gin.Context) {
	h := c.Writer.Header()
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("Cross-Origin-Resource-Policy", "same-site")
	h.Set("Cache-Control", "no-store")
}

const (
	corsMethods = "GET, POST, PUT, PATCH, DELETE"
	corsHeaders = "Authorization, Content-Type, If-Match, Idempotency-Key, Last-Event-ID, X-App-Version, X-Request-Id"
	corsExposed = "ETag, Location, Retry-After, RateLimit, RateLimit-Policy, Idempotent-Replayed, X-Request-Id"
)

// cors lets the listed origins call the API from a browser, without cookies. Other origins get no CORS header at all.
func (s *Server) cors() gin.HandlerFunc {
	return func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		if origin == "" {
			return
		}
		h := c.Writer.Header()
		h.Add("Vary", "Origin")
		allowed := slices.Contains(s.cfg.CORSOrigins, origin)
		if allowed {
			h.Set("Access-Control-Allow-Origin", origin)
			h.Set("Access-Control-Expose-Headers", corsExposed)
		}
		if c.Request.Method != http.MethodOptions || c.GetHeader("Access-Control-Request-Method") == "" {
			return
		}
		if allowed {
			h.Set("Access-Control-Allow-Methods", corsMethods)
			h.Set("Access-Control-Allow-Headers", corsHeaders)
			h.Set("Access-Control-Max-Age", "600")
		}
		c.AbortWithStatus(http.StatusNoContent)
	}
}

// appVersion asks apps older than the configured version to upgrade. /v1/config stays open: it says how.
func (s *Server) appVersion() gin.HandlerFunc {
	oldest, ok := parseVersion(s.cfg.MinAppVersion)
	if !ok {
		return func(*gin.Context) {}
	}
	tooOld := fault.New(fault.KindUpgradeRequired, "app.upgrade_required", "This version of the app is too old. Please update it.").
		Detail("min_app_version", s.cfg.MinAppVersion).Detail("store_links", s.cfg.StoreLinks)
	return func(c *gin.Context) {
		header := c.GetHeader("X-App-Version")
		if header == "" || !strings.HasPrefix(c.Request.URL.Path, "/v1/") || c.FullPath() == configPath {
			return
		}
		if version, ok := parseVersion(header); ok && slices.Compare(version[:], oldest[:]) < 0 {
			Fail(c, tooOld)
		}
	}
}

// parseVersion reads "1.2.3"; missing parts are 0, and a suffix such as "-beta" is overlooked.
func parseVersion(text string) (version [3]int, ok bool) {
	text, _, _ = strings.Cut(text, "-")
	parts := strings.Split(text, ".")
	if text == "" || len(parts) > len(version) {
		return version, false
	}
	for i, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 {
			return version, false
		}
		version[i] = n
	}
	return version, true
}
