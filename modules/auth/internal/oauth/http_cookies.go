package oauth

import (
	"encoding/hex"
	"net/http"
	"regexp"
	"time"

	"github.com/gin-gonic/gin"

	"atrium/platform/secret"
)

// browserTTL is how long a browser is known again. Its cookie opens nothing: it only tells a visit from a new device.
const browserTTL = 365 * 24 * time.Hour

var browserValue = regexp.MustCompile(`^[A-Za-z0-9_-]{43}$`)

// browser returns the lasting id of the browser, a new one where it has none.
func (h *HTTP) browser(c *gin.Context) string {
	if known, err := c.Cookie(h.flowCookie("browser")); err == nil && browserValue.MatchString(known) {
		return known
	}
	id, _ := secret.NewToken()
	return id
}

// bindingCookie names the cookie of one flow, so that two tabs do not take each other's away.
func (h *HTTP) bindingCookie(state string) string {
	return h.flowCookie("sign_in_" + hex.EncodeToString(secret.Hash(state)[:8]))
}

// flowCookie returns the name of a cookie of the redirect flow. Where cookies need TLS its prefix binds it to the host.
func (h *HTTP) flowCookie(name string) string {
	if h.secure {
		return "__Host-atrium_" + name
	}
	return "atrium_" + name
}

// setFlowCookie sets a cookie of the redirect flow, or removes it where age is 0. Apple posts its form from its own site, with which
// a browser sends only cookies of SameSite=None, and those must be secure; on plain loopback, Lax will do.
func (h *HTTP) setFlowCookie(c *gin.Context, name, value string, age time.Duration) {
	mode, maxAge := http.SameSiteLaxMode, int(age.Seconds())
	if h.secure {
		mode = http.SameSiteNoneMode
	}
	if age == 0 {
		maxAge = -1
	}
	h.setCookie(c, name, value, maxAge, mode)
}
