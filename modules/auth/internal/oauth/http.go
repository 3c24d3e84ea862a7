package oauth

import (
	"context"
	"net/http"
	"net/url"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/provider"
	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
	"atrium/platform/httpserver"
)

// authorizeClass is the class of the rate limit of what begins a sign-in: each keeps a state, and none is a sign-in yet.
const authorizeClass = "authorize"

// HTTP serves the redirect flow to apps, and the pages by which admins sign in to the back office.
type HTTP struct {
	oauth    *Service
	sessions *session.Service
	secure   bool // cookies need TLS
	cookie   string
}

// NewHTTP names the cookie after the public URL and marks it as secure where that is https.
func NewHTTP(oauth *Service, sessions *session.Service, web httpserver.Config) *HTTP {
	return &HTTP{
		oauth: oauth, sessions: sessions, secure: strings.HasPrefix(web.PublicURL, "https://"), cookie: auth.CookieName(web.PublicURL),
	}
}

// Routes are the package's routes.
func Routes(h *HTTP) httpserver.Routes {
	return httpserver.Routes{Module: "auth", Register: func(r *httpserver.Router) {
		h.register(r)
		h.registerAdmin(r)
	}}
}

func (h *HTTP) register(r *httpserver.Router) {
	for _, p := range []struct{ name, title, authorize string }{
		{provider.Google, "Google", "https://accounts.google.com/o/oauth2/v2/auth?client_id=..."},
		{provider.Apple, "Apple", "https://appleid.apple.com/auth/authorize?client_id=..."},
	} {
		route := func(method, path, name, summary string, docs func(op *huma.Operation)) httpserver.Route {
			return httpserver.Route{Method: method, Path: path, Name: name, Summary: summary, Access: httpserver.Anonymous,
				Limit: throttle.LimitClass, Key: httpserver.KeyIgnored, Status: http.StatusFound, Outside: true, Docs: docs}
		}
		start := route(http.MethodGet, "/auth/"+p.name, "start-"+p.name+"-sign-in", "Starts a sign-in with "+p.title+" in a browser", authorizeDocs(p.title, p.authorize))
		start.Limit = authorizeClass
		r.Raw(start, h.authorize(p.name))
		r.Raw(route(http.MethodGet, "/auth/"+p.name+"/callback", "complete-"+p.name+"-sign-in", "Completes a sign-in with "+p.title, callbackDocs), h.callback(p.name))
		if p.name == provider.Apple {
			r.Raw(route(http.MethodPost, "/auth/apple/callback", "complete-apple-form-sign-in",
				"Completes a sign-in with Apple from the form that Apple posts", callbackFormDocs), h.callback(p.name))
		}
	}
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/auth/token", Name: "redeem-code",
		Summary: "Exchanges the code of the redirect flow for a session", Access: httpserver.Anonymous, Limit: throttle.LimitClass}, h.exchange)
}

func (h *HTTP) authorize(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := httpserver.OnlyQuery(c, "redirect_uri", "state", "code_challenge", "code_challenge_method"); err != nil {
			httpserver.Fail(c, err)
			return
		}
		browser := h.browser(c)
		begun, err := h.oauth.Authorize(c.Request.Context(), Authorization{
			Provider: name, RedirectURI: c.Query("redirect_uri"), State: c.Query("state"),
			CodeChallenge: c.Query("code_challenge"), CodeChallengeMethod: c.Query("code_challenge_method"),
			Browser: browser,
		})
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		h.setFlowCookie(c, h.bindingCookie(begun.State), begun.Binding, stateTTL)
		h.setFlowCookie(c, h.flowCookie("browser"), browser, browserTTL)
		c.Redirect(http.StatusFound, begun.Target)
	}
}

// callback reads the answer from the query, or from Apple's form.
func (h *HTTP) callback(name string) gin.HandlerFunc {
	return func(c *gin.Context) {
		form := callbackForm(c)
		cookie := h.bindingCookie(form.Get("state"))
		binding, _ := c.Cookie(cookie)
		target, err := h.oauth.Callback(c.Request.Context(), name, form, binding, throttle.OriginOf(c))
		if err != nil {
			httpserver.Fail(c, err)
			return
		}
		h.setFlowCookie(c, cookie, "", 0)
		status := http.StatusFound
		if c.Request.Method == http.MethodPost {
			status = http.StatusSeeOther // the app must not get the form
		}
		c.Redirect(status, target)
	}
}

// callbackForm returns the provider's answer. A form that cannot be parsed has no state, which is refused.
func callbackForm(c *gin.Context) url.Values {
	if c.Request.Method == http.MethodPost {
		_ = c.Request.ParseForm()
		return c.Request.PostForm
	}
	return c.Request.URL.Query()
}

type exchangeRequest struct {
	throttle.Caller
	Body struct {
		Code         string              `json:"code" maxLength:"200" doc:"what came back to redirect_uri" example:"Zm9vYmFyYmF6cXV4"`
		CodeVerifier string              `json:"code_verifier" maxLength:"200" doc:"what code_challenge was made from" example:"dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"`
		Device       *session.DeviceBody `json:"device,omitempty"`
	}
}

func (h *HTTP) exchange(ctx context.Context, in *exchangeRequest) (*httpserver.Answer[session.TokensResponse], error) {
	return session.ToResponse(h.oauth.Exchange(ctx, in.Body.Code, in.Body.CodeVerifier, in.Body.Device.Device(), in.Origin()))
}
