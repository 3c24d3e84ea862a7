package httpserver_test

import (
	"context"
	"encoding/json"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/platform/apptest"
	"atrium/platform/httpserver"
	"atrium/platform/openapitest"
)

func document(t *testing.T, server *httpserver.Server) (map[string]any, []byte) {
	t.Helper()
	answer := plain(t, server, "GET", "/openapi.json", "")
	require.Equal(t, http.StatusOK, answer.Code)
	var doc map[string]any
	require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &doc))
	return doc, answer.Body.Bytes()
}

func TestOpenAPI(t *testing.T) {
	t.Parallel()
	app := setup(t)
	doc, raw := document(t, app.Server)
	paths := doc["paths"].(map[string]any)
	operation := func(path, method string) map[string]any {
		return paths[path].(map[string]any)[method].(map[string]any)
	}

	t.Run("it is valid OpenAPI 3.1", func(t *testing.T) {
		openapitest.Valid(t, raw)
		require.Equal(t, "3.1.0", doc["openapi"])
	})
	t.Run("it and the router know the same routes", func(t *testing.T) {
		documented := map[string]bool{}
		for path, item := range paths {
			for method := range item.(map[string]any) {
				documented[strings.ToUpper(method)+" "+path] = true
			}
		}
		served := map[string]bool{}
		name := regexp.MustCompile(`:(\w+)`)
		for _, route := range app.Server.Handler().(*gin.Engine).Routes() {
			if strings.HasPrefix(route.Path, "/v1/") && route.Method != http.MethodHead { // which is wherever GET is
				served[route.Method+" "+name.ReplaceAllString(route.Path, "{$1}")] = true
			}
		}
		require.Equal(t, served, documented)
	})
	t.Run("operations say their module, their access and their key", func(t *testing.T) {
		create := operation("/v1/lamps", "post")
		require.Equal(t, []any{"lamps"}, create["tags"])
		require.Equal(t, []any{map[string]any{"bearer": []any{}}}, create["security"])
		require.Contains(t, string(raw), `"Idempotency-Key"`)
		require.Len(t, operation("/v1/lamps", "get")["security"], 2)
		require.NotContains(t, operation("/v1/config", "get"), "security")
		require.Contains(t, operation("/v1/webhooks/lamps", "post"), "responses")
		for _, item := range paths {
			for _, op := range item.(map[string]any) {
				responses := op.(map[string]any)["responses"].(map[string]any)
				content := responses["default"].(map[string]any)["content"].(map[string]any)
				require.Contains(t, content, "application/problem+json")
			}
		}
	})
	t.Run("schemas have plain names", func(t *testing.T) {
		schemas := doc["components"].(map[string]any)["schemas"].(map[string]any)
		for _, name := range []string{"Money", "Problem", "Lamp", "LampList"} {
			require.Contains(t, schemas, name)
		}
	})
	t.Run("YAML says the same", func(t *testing.T) {
		answer := app.Do(t, apptest.Request{Method: "GET", Path: "/openapi.yaml"}).Want(200)
		require.Contains(t, string(answer.Body), "operationId: create-lamp")
	})
	t.Run("the page works offline", func(t *testing.T) {
		page := app.Do(t, apptest.Request{Method: "GET", Path: "/docs"}).Want(200)
		require.Contains(t, page.Header.Get("Content-Security-Policy"), "script-src 'self'")
		assets := regexp.MustCompile(`(?:src|href)="([^"]+)"`).FindAllStringSubmatch(string(page.Body), -1)
		require.NotEmpty(t, assets)
		for _, asset := range assets {
			require.Truef(t, strings.HasPrefix(asset[1], "/docs/"), "%s is not ours", asset[1])
			app.Do(t, apptest.Request{Method: "GET", Path: asset[1]}).Want(200)
		}
	})
}

func TestTypesOfTheSameName(t *testing.T) {
	t.Parallel()
	type lamp struct {
		Watts int `json:"watts"`
	}
	other := func(r *httpserver.Router) {
		httpserver.Handle(r, httpserver.Route{Method: "GET", Path: "/bulbs", Name: "list-bulbs", Summary: "Lists bulbs"},
			func(ctx context.Context, in *struct{}) (*httpserver.Answer[lamp], error) { return nil, nil })
	}
	server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{})
	require.NoError(t, err)
	require.PanicsWithValue(t, "httpserver: atrium/platform/httpserver_test.lamp and atrium/platform/httpserver_test.lamp have the same schema name Lamp: "+
		"give one of them a SchemaName of its own", func() {
		server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}, {Module: "bulbs", Register: other}})
	})
}

// A server without anything behind it still writes its document: `atrium openapi` does.
func TestOpenAPINeedsNoServer(t *testing.T) {
	t.Parallel()
	server, err := httpserver.New(defaults.Section[httpserver.Config]("http"), httpserver.Deps{})
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}})
	require.Contains(t, server.OpenAPI().Paths, "/v1/lamps")
	require.NotContains(t, server.OpenAPI().Paths, "/hello/*any")
}

func TestConfigDocument(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[httpserver.Config]("http")
	cfg.MinAppVersion = "1.4.0"
	deps := httpserver.Deps{Modules: []string{"auth", "posts"}, Bootstrap: []httpserver.Bootstrap{{Members: map[string]any{"styles": []string{"japandi"}}}}}
	server, err := httpserver.New(cfg, deps)
	require.NoError(t, err)
	server.Mount([]httpserver.Routes{{Module: "lamps", Register: lamps}})

	t.Run("it merges what the modules say", func(t *testing.T) {
		answer := plain(t, server, "GET", "/v1/config", "")
		var doc map[string]any
		require.NoError(t, json.Unmarshal(answer.Body.Bytes(), &doc))
		require.Equal(t, []any{"auth", "posts"}, doc["modules"])
		require.Equal(t, []any{"japandi"}, doc["styles"])
		require.Equal(t, "1.4.0", doc["min_app_version"])
		require.Contains(t, doc["limits"], "body_bytes")
	})
	t.Run("a name twice is refused", func(t *testing.T) {
		deps := deps
		deps.Bootstrap = append(deps.Bootstrap, deps.Bootstrap[0])
		_, err := httpserver.New(cfg, deps)
		require.ErrorContains(t, err, `"styles"`)
	})
	t.Run("an old app is asked to upgrade, but may read the config", func(t *testing.T) {
		ask := func(path, version string) int {
			return send(t, server, path, "X-App-Version", version).Code
		}
		require.Equal(t, 426, ask("/v1/lamps", "1.3.9"))
		require.Equal(t, 426, ask("/v1/lamps", "1"))
		require.Equal(t, 200, ask("/v1/lamps", "1.4.0-beta"))
		require.Equal(t, 200, ask("/v1/lamps", "1.10"))
		require.Equal(t, 200, ask("/v1/lamps", "latest"))
		require.Equal(t, 200, ask("/v1/config", "1.3.9"))
		require.Contains(t, send(t, server, "/v1/lamps", "X-App-Version", "0.1").Body.String(), `"code":"app.upgrade_required"`)
	})
}
