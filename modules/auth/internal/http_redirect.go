package internal

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"atrium/modules/auth/internal/access"
	"atrium/modules/auth/internal/provider"
	"atrium/platform/httpserver"
)

func (h *HTTP) registerRedirect(r *httpserver.Router) {
	for _, p := range []struct{ name, title string }{{provider.Google, "Google"}, {provider.Apple, "Apple"}} {
		route := func(method, path, name, summary string) httpserver.Route {
			return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Access: httpserver.Anonymous, Limit: limit,
				Key: httpserver.KeyIgnored, Status: http.StatusFound}
		}
		r.Raw(route(http.MethodGet, "/auth/"+p.name, "depart-"+p.name, "Sign in with "+p.title+" in a browser"), h.depart(p.name))
		r.Raw(route(http.MethodGet, "/auth/"+p.name+"/callback", "return-"+p.name, "Where "+p.title+" sends people back"), h.comeBack(p.name))
		if p.name == provider.Apple {
			r.Raw(route(http.MethodPost, "/auth/apple/callback", "return-apple-form", "Where Apple sends people back with a form"), h.comeBack(p.name))
		}
	}
}

func (h *HTTP) depart(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		target, err := h.auth.Depart(c.Request.Context(), departure{
			Provider: name, RedirectURI: c.Query("redirect_uri"), State: c.Query("state"),
			Challenge: c.Query("code_challenge"), Method: c.Query("code_challenge_method"),
		})
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		c.Redirect(http.StatusFound, target)
	}
}

// comeBack reads the answer from the query, or from Apple's form.
func (h *HTTP) comeBack(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		target, err := h.auth.Return(c.Request.Context(), name, answerOf(c))
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		status := http.StatusFound
		if c.Request.Method == http.MethodPost {
			status = http.StatusSeeOther // the app must not get the form
		}
		c.Redirect(status, target)
	}
}

// answerOf is the provider's answer. A form that cannot be read has no state, which is refused.
func answerOf(c *gin.Context) url.Values {
	if c.Request.Method == http.MethodPost {
		_ = c.Request.ParseForm()
		return c.Request.PostForm
	}
	return c.Request.URL.Query()
}

func (h *HTTP) jwks(c *gin.Context) {
	c.Header("Cache-Control", "public, max-age=300")
	c.JSON(http.StatusOK, struct {
		Keys []access.JWK `json:"keys"`
	}{h.keys.Public()})
}
