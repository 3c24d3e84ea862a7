package httpserver_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/platform/apptest"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/httpserver"
	"atrium/platform/identity"
	"atrium/platform/money"
	"atrium/platform/page"
)

var errLampNotFound = fault.NotFound("lamps.not_found", "There is no such lamp.")

type lampBody struct {
	Name   string      `json:"name" minLength:"1" maxLength:"20"`
	Price  money.Money `json:"price"`
	Shelf  uuid.UUID   `json:"shelf"`
	Parts  []part      `json:"parts,omitempty" maxItems:"3"`
	Weight *int32      `json:"weight,omitempty"`
	Link   string      `json:"link,omitempty" format:"uri"`
}

type part struct {
	Upload string `json:"upload_id" minLength:"3"`
}

type lamp struct {
	ID   uuid.UUID `json:"id"`
	Name string    `json:"name"`
}

type createLamp struct{ Body lampBody }

type listLamps struct {
	page.Query
	Color string `query:"color" enum:"red,green"`
}

type changeLamp struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match"`
	Body    struct {
		Name string `json:"name"`
	}
}

type onLamp struct {
	ID string `path:"id"`
}

// lamps is a module with one route for each kind of answer.
func lamps(r *httpserver.Router) {
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPost, Path: "/lamps", Name: "create-lamp", Summary: "Make a lamp", Status: http.StatusCreated},
		func(_ context.Context, in *createLamp) (*httpserver.Answer[lamp], error) {
			made := lamp{ID: uuid.New(), Name: in.Body.Name}
			return &httpserver.Answer[lamp]{Body: made, ETag: etag.Format(1), Location: "/v1/lamps/" + made.ID.String()}, nil
		})
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/lamps", Name: "list-lamps", Summary: "Lamps", Access: httpserver.Open},
		func(ctx context.Context, in *listLamps) (*httpserver.Answer[page.List[lamp]], error) {
			name := "nobody"
			if who := identity.From(ctx); who.Known() {
				name = who.UserID.String()
			}
			return httpserver.OK(page.List[lamp]{Items: []lamp{{Name: name}}}), nil
		})
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPatch, Path: "/lamps/{id}", Name: "change-lamp", Summary: "Change a lamp"},
		func(_ context.Context, in *changeLamp) (*httpserver.Answer[lamp], error) {
			id, err := httpserver.PathID(in.ID, errLampNotFound)
			if err != nil {
				return nil, err
			}
			match, err := etag.Parse(in.IfMatch)
			if err != nil {
				return nil, err
			}
			if err := match.Check(7); err != nil {
				return nil, err
			}
			return &httpserver.Answer[lamp]{Body: lamp{ID: id, Name: in.Body.Name}, ETag: etag.Format(8)}, nil
		})
	httpserver.Handle(r, httpserver.Route{Method: http.MethodPut, Path: "/lamps/{id}/like", Name: "like-lamp", Summary: "Like a lamp"},
		func(context.Context, *onLamp) (*httpserver.Empty, error) { return &httpserver.Empty{}, nil })
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/admin/lamps/{id}", Name: "inspect-lamp", Summary: "Inspect", Roles: []string{identity.RoleAdmin}, Fresh: true},
		func(context.Context, *onLamp) (*httpserver.Empty, error) { return nil, errLampNotFound })
	failing(r)
	raw(r)
}

const leak = "pq: password authentication failed for secret-user"

// failing has a route for each error that a handler can return.
func failing(r *httpserver.Router) {
	fails := map[string]error{
		"plain":       errors.New(leak),
		"huma":        huma.Error409Conflict(leak),
		"headers":     huma.ErrorWithHeaders(errors.New(leak), http.Header{"X-Leak": {leak}}),
		"internal":    fault.New(fault.KindInternal, "lamps.broken", leak),
		"cause":       errLampNotFound.Because(errors.New(leak)),
		"conflict":    fault.Conflict("lamps.moved", "It moved.").Detail("difference", map[string]any{"from": 1, "to": 2}).Detail("status", "mine"),
		"unavailable": fault.Unavailable("lamps.off", "Lamps are off.").After(90 * time.Second),
		"deadline":    context.DeadlineExceeded,
	}
	for name, err := range fails {
		httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/fail/" + name, Name: "fail-" + name, Summary: "Fails", Access: httpserver.Anonymous},
			func(context.Context, *struct{}) (*httpserver.Empty, error) { return nil, err })
	}
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/fail/panic", Name: "fail-panic", Summary: "Panics", Access: httpserver.Anonymous},
		func(context.Context, *struct{}) (*httpserver.Empty, error) { panic(leak) })
	httpserver.Handle(r, httpserver.Route{Method: http.MethodGet, Path: "/fail/slow", Name: "fail-slow", Summary: "Too slow", Access: httpserver.Anonymous, Limit: "hasty"},
		func(ctx context.Context, _ *struct{}) (*httpserver.Empty, error) {
			<-ctx.Done()
			return nil, errors.New("driver: gave up")
		})
}

func raw(r *httpserver.Router) {
	r.Raw(httpserver.Route{Method: http.MethodPost, Path: "/webhooks/lamps", Name: "lamp-webhook", Summary: "Events", Access: httpserver.Anonymous, MaxBody: 16},
		func(c *gin.Context) {
			body, err := c.GetRawData()
			if err != nil {
				httpserver.Fail(c, err)
				return
			}
			c.String(http.StatusOK, "%s", body)
		})
	r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/lamps/{id}/picture", Name: "lamp-picture", Summary: "Picture", Access: httpserver.Open},
		func(c *gin.Context) { c.Redirect(http.StatusFound, "/pictures/"+c.Param("id")) })
	r.Raw(httpserver.Route{Method: http.MethodGet, Path: "/fail/stream", Name: "fail-stream", Summary: "Breaks off", Access: httpserver.Anonymous},
		func(c *gin.Context) {
			c.String(http.StatusOK, "half")
			c.Writer.Flush()
			panic(leak)
		})
	r.Root("", "/hello/*any", func(c *gin.Context) { c.String(http.StatusOK, "hello") })
}

func setup(t *testing.T) *apptest.App {
	t.Helper()
	return apptest.New(t, httpserver.Routes{Module: "lamps", Register: lamps})
}

var (
	ana   = uuid.MustParse("01890000-0000-7000-8000-000000000001")
	shelf = uuid.MustParse("01890000-0000-7000-8000-000000000002")
)

func aLamp() map[string]any {
	return map[string]any{"name": "Moon", "price": money.Of(1299, "EUR"), "shelf": shelf}
}

func with(changes map[string]any) map[string]any {
	body := aLamp()
	for name, value := range changes {
		body[name] = value
	}
	return body
}

func TestTypedRoutes(t *testing.T) {
	t.Parallel()
	app := setup(t)

	t.Run("a creation answers 201 with place and tag", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "POST", Path: "/v1/lamps", Token: apptest.As(ana), Body: aLamp()}).Want(http.StatusCreated)
		require.Equal(t, `"1"`, answer.Header.Get("ETag"))
		require.Equal(t, "/v1/lamps/"+apptest.Read[lamp](answer).ID.String(), answer.Header.Get("Location"))
		require.Equal(t, "application/json", answer.Header.Get("Content-Type"))
		require.NotContains(t, string(answer.Body), "$schema")
	})
	t.Run("an empty answer is 204", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "PUT", Path: "/v1/lamps/1/like", Token: apptest.As(ana)}).Want(http.StatusNoContent)
		require.Empty(t, answer.Body)
	})
	t.Run("a raw route sees its path and may redirect", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "GET", Path: "/v1/lamps/a%2Fb/picture"}).Want(http.StatusFound)
		require.Equal(t, "/pictures/a/b", answer.Header.Get("Location"))
	})
	t.Run("a root route answers every method", func(t *testing.T) {
		app.Do(t, apptest.Request{Method: "DELETE", Path: "/hello/you"}).Want(http.StatusOK)
	})
	t.Run("a request id from outside is kept, a strange one is not", func(t *testing.T) {
		kept := app.Do(t, apptest.Request{Method: "GET", Path: "/v1/lamps", Header: map[string]string{"X-Request-Id": "trace-1.a_B"}})
		require.Equal(t, "trace-1.a_B", kept.Header.Get("X-Request-Id"))
		for _, strange := range []string{"", "two words", strings.Repeat("x", 65), "<script>"} {
			made := app.Do(t, apptest.Request{Method: "GET", Path: "/v1/lamps", Header: map[string]string{"X-Request-Id": strange}})
			id, err := uuid.Parse(made.Header.Get("X-Request-Id"))
			require.NoError(t, err)
			require.Equal(t, uuid.Version(7), id.Version())
		}
	})
}

func TestAccess(t *testing.T) {
	t.Parallel()
	app := setup(t)
	admin := "/v1/admin/lamps/1"
	app.Run(t,
		apptest.Scenario{Name: "nobody on a signed-in route", Method: "POST", Path: "/v1/lamps", Body: aLamp(), Status: 401, Code: "auth.required"},
		apptest.Scenario{Name: "nobody is told so before the body is judged", Method: "POST", Path: "/v1/lamps", Body: "{", Status: 401, Code: "auth.required"},
		apptest.Scenario{Name: "nobody on an open route", Path: "/v1/lamps", Status: 200, Contains: []string{"nobody"}},
		apptest.Scenario{Name: "somebody on an open route", As: ana, Path: "/v1/lamps", Status: 200, Contains: []string{ana.String()}},
		apptest.Scenario{Name: "a bad token on an open route", Token: "rubbish", Path: "/v1/lamps", Status: 401, Code: "auth.invalid_token"},
		apptest.Scenario{Name: "another scheme", Header: map[string]string{"Authorization": "Basic YTpi"}, Path: "/v1/lamps", Status: 401, Code: "auth.invalid_token"},
		apptest.Scenario{Name: "an empty token", Header: map[string]string{"Authorization": "Bearer "}, Path: "/v1/lamps", Status: 401, Code: "auth.invalid_token"},
		apptest.Scenario{Name: "a bad token on an anonymous route", Token: "rubbish", Path: "/v1/config", Status: 200},
		apptest.Scenario{Name: "without the role", As: ana, Path: admin, Status: 403, Code: "auth.forbidden"},
		apptest.Scenario{Name: "with the role but not fresh", Token: apptest.Stale(ana, "admin"), Path: admin, Status: 403, Code: "auth.reauth_required"},
		apptest.Scenario{Name: "with the role, fresh", Token: apptest.As(ana, "admin"), Path: admin, Status: 404, Code: "lamps.not_found"},
	)
	t.Run("401 names the scheme", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "POST", Path: "/v1/lamps"})
		require.Equal(t, "Bearer", answer.Header.Get("WWW-Authenticate"))
	})
	t.Run("without an authenticator nobody is signed in", func(t *testing.T) {
		server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{})
		require.NoError(t, err)
		server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}})
		require.Equal(t, 401, plain(t, server, "PUT", "/v1/lamps/1/like", "").Code)
		require.Equal(t, 401, plain(t, server, "PUT", "/v1/lamps/1/like", "any").Code)
	})
}

func TestConditions(t *testing.T) {
	t.Parallel()
	app := setup(t)
	path := "/v1/lamps/" + ana.String()
	body := map[string]any{"name": "Sun"}
	change := func(name, tag string, status int, code string) apptest.Scenario {
		sc := apptest.Scenario{Name: name, As: ana, Method: "PATCH", Path: path, Body: body, Status: status, Code: code}
		if tag != "" {
			sc.Header = map[string]string{"If-Match": tag}
		}
		return sc
	}
	app.Run(t,
		change("without If-Match", "", 428, "request.if_match_required"),
		change("with a stale tag", `"6"`, 412, "request.stale_version"),
		change("with the current tag", `"7"`, 200, ""),
		change("with any tag", "*", 200, ""),
		apptest.Scenario{Name: "a malformed id is an unknown one", As: ana, Method: "PATCH", Path: "/v1/lamps/1", Body: body,
			Header: map[string]string{"If-Match": "*"}, Status: 404, Code: "lamps.not_found"},
	)
	t.Run("412 tells the current tag", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "PATCH", Path: path, Token: apptest.As(ana), Body: body, Header: map[string]string{"If-Match": `"1"`}})
		require.Equal(t, `"7"`, answer.Header.Get("ETag"))
		require.Equal(t, `"7"`, answer.JSON()["current_etag"])
	})
}
