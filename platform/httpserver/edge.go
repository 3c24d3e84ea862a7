package httpserver

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"golang.org/x/net/idna"

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

// parseOrigins brings configured origins into the form in which browsers write them (RFC 6454): in lower case, an international
// host in ASCII, without the scheme's own port and without a slash. What is more than an origin is refused.
func parseOrigins(configured []string) (map[string]bool, error) {
	origins := map[string]bool{}
	for _, text := range configured {
		u, err := url.Parse(text)
		if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Hostname() == "" || u.User != nil ||
			strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
			return nil, fmt.Errorf("httpserver: http.cors_origins: %q is not an origin such as https://shop.example", text)
		}
		host, err := idna.Lookup.ToASCII(u.Hostname())
		if err != nil { // not a name: an address
			host = strings.ToLower(u.Hostname())
		}
		if strings.Contains(host, ":") {
			host = "[" + host + "]"
		}
		if port := u.Port(); port != "" && port != map[string]string{"http": "80", "https": "443"}[u.Scheme] {
			host += ":" + port
		}
		origins[u.Scheme+"://"+host] = true
	}
	return origins, nil
}

// cors lets the listed origins call the API from a browser, without cookies. Other origins get no CORS header at all.
func (s *Server) cors() gin.HandlerFunc {
	return func(c *gin.Context) {
		origin := c.GetHeader("Origin")
		if origin == "" {
			return
		}
		h := c.Writer.Header()
		h.Add("Vary", "Origin")
		allowed := s.origins[origin]
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
			s.refuse(c, tooOld)
		}
	}
}

var versionNumbers = regexp.MustCompile(`^\s*[vV]?\s*(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?`)

// parseVersion reads "1.2.3", also as apps write it: "v1.2.3", "1.2.3-beta", "1.2.3+45", "1.2.3 (345)", "1.2.3.4". Missing parts are 0,
// and what follows the third is overlooked.
func parseVersion(text string) (version [3]int, ok bool) {
	found := versionNumbers.FindStringSubmatch(text)
	if found == nil {
		return version, false
	}
	for i, part := range found[1:] {
		version[i], _ = strconv.Atoi(part) // digits, or nothing
	}
	return version, true
}
