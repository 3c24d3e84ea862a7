package app

import (
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"
	"github.com/redis/go-redis/v9"
	"go.uber.org/zap"

	"atrium/modules/auth"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/tasks"
)

const dashboardPath = "/admin/queues"

// mountDashboard puts asynq's dashboard behind the admins' sign-in. To everybody else it does not exist.
func mountDashboard(server *httpserver.Server, rdb redis.UniversalClient, web httpserver.Config, admins auth.Admins, log *zap.Logger) {
	d := &dashboardDoor{admins: admins, cookie: auth.CookieName(web.PublicURL), origin: origin(web.PublicURL), log: log,
		inside: tasks.Dashboard(rdb, dashboardPath)}
	server.Mount([]httpserver.Routes{{Module: "admin", Register: func(r *httpserver.Router) {
		r.Root("", dashboardPath, d.enter)
		r.Root("", dashboardPath+"/*rest", d.enter)
	}}})
}

// dashboardDoor lets admins in, and writes only from our own pages.
type dashboardDoor struct {
	admins auth.Admins
	cookie string
	origin string
	log    *zap.Logger
	inside http.Handler
}

var errNoSuchPage = fault.NotFound("request.not_found", "There is nothing here.")

func (d *dashboardDoor) enter(c *gin.Context) {
	cookie, _ := c.Cookie(d.cookie)
	admin, err := d.admins.FromCookie(c.Request.Context(), cookie)
	if err != nil || !admin.Has(identity.RoleAdmin) {
		httpserver.Fail(c, errNoSuchPage)
		return
	}
	if isWrite(c.Request.Method) {
		if !d.ownPage(c.Request) {
			httpserver.Fail(c, fault.Forbidden("admin.foreign_origin", "This came from a page that is not ours."))
			return
		}
		d.log.Info("dashboard write", zap.Stringer("admin_id", admin.UserID), zap.String("method", c.Request.Method), zap.String("path", c.Request.URL.Path))
	}
	// The dashboard's page carries its own inline script and styles.
	c.Header("Content-Security-Policy", "default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "+
		"font-src 'self' data:; img-src 'self' data:; frame-ancestors 'none'")
	c.Header("Cache-Control", "no-store")
	d.inside.ServeHTTP(c.Writer, c.Request)
}

func isWrite(method string) bool { return method != http.MethodGet && method != http.MethodHead }

// ownPage reports whether a write comes from our own origin, by what browsers cannot be talked into forging.
func (d *dashboardDoor) ownPage(r *http.Request) bool {
	if site := r.Header.Get("Sec-Fetch-Site"); site != "" && site != "same-origin" {
		return false
	}
	return r.Header.Get("Origin") == d.origin
}

func origin(publicURL string) string {
	u, err := url.Parse(publicURL)
	if err != nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
