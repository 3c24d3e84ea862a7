package oauth

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"atrium/modules/auth/internal/session"
	"atrium/modules/auth/internal/throttle"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
)

// adminHome is where a signed-in admin is sent.
const adminHome = "/admin/queues"

const pageHead = `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Atrium</title>`

// The pages have no script and no style, so the API's strict Content-Security-Policy fits them too.
const (
	signInPage = pageHead + `</head><body><h1>Atrium</h1>
<p><a href="/admin/sign-in/google">Sign in with Google</a></p></body></html>`
	// The cookie is SameSite=Strict: a browser does not send it along a redirect that began at Google. A page of ours in between
	// begins a navigation of our own.
	continuePage = pageHead + `<meta http-equiv="refresh" content="0;url=` + adminHome + `"></head>
<body><p><a href="` + adminHome + `">Continue</a></p></body></html>`
	appealPage = pageHead + `</head><body><h1>Your account is suspended</h1>
<p>If you think that this is a mistake, answer the mail that told you so within six months. A person who was not part of the decision
looks at it again and tells you the outcome and the reasons.</p></body></html>`
	noAccessPage = pageHead + `</head><body><p>There is nothing here for this account.</p>
<p><a href="/admin/sign-in">Sign in with another one</a></p></body></html>`
)

func (h *HTTP) registerAdmin(r *httpserver.Router) {
	r.Root(http.MethodGet, "/admin/sign-in", func(c *gin.Context) { htmlPage(c, http.StatusOK, signInPage) })
	r.Root(http.MethodGet, "/admin/sign-in/google", h.authorizeAdmin)
	r.Root(http.MethodGet, adminCallbackPath, h.callbackAdmin)
	r.Root(http.MethodPost, "/admin/sign-out", h.logoutAdmin)
	r.Root(http.MethodGet, "/appeal", func(c *gin.Context) { htmlPage(c, http.StatusOK, appealPage) })
}

func (h *HTTP) authorizeAdmin(c *gin.Context) {
	target, state, err := h.oauth.AuthorizeAdmin(c.Request.Context())
	if err != nil {
		httpserver.Fail(c, err)
		return
	}
	h.setCookie(c, h.cookie+"_state", state, int(stateTTL.Seconds()), http.SameSiteLaxMode) // Lax: it comes back from Google
	c.Redirect(http.StatusFound, target)
}

func (h *HTTP) callbackAdmin(c *gin.Context) {
	state, _ := c.Cookie(h.cookie + "_state")
	h.setCookie(c, h.cookie+"_state", "", -1, http.SameSiteLaxMode)
	cookie, err := h.oauth.CallbackAdmin(c.Request.Context(), state, c.Request.URL.Query(), throttle.OriginOf(c))
	switch kind := fault.KindOf(err); {
	case err == nil:
		h.setCookie(c, h.cookie, cookie, int(session.AdminTTL.Seconds()), http.SameSiteStrictMode)
		htmlPage(c, http.StatusOK, continuePage)
	case kind == fault.KindNotFound, kind == fault.KindUnauthenticated:
		htmlPage(c, http.StatusNotFound, noAccessPage)
	default:
		httpserver.Fail(c, err)
	}
}

func (h *HTTP) logoutAdmin(c *gin.Context) {
	cookie, _ := c.Cookie(h.cookie)
	if err := h.sessions.LogoutAdmin(c.Request.Context(), cookie); err != nil {
		httpserver.Fail(c, err)
		return
	}
	h.setCookie(c, h.cookie, "", -1, http.SameSiteStrictMode)
	c.Redirect(http.StatusSeeOther, "/admin/sign-in")
}

func (h *HTTP) setCookie(c *gin.Context, name, value string, maxAge int, mode http.SameSite) {
	http.SetCookie(c.Writer, &http.Cookie{ //nolint:gosec // Secure wherever the public URL is https
		Name: name, Value: value, Path: "/", MaxAge: maxAge, Secure: h.secure, HttpOnly: true, SameSite: mode,
	})
}

func htmlPage(c *gin.Context, status int, html string) {
	c.Data(status, "text/html; charset=utf-8", []byte(html))
}
