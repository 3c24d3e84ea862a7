package app

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"atrium/config"
	"atrium/platform/httpserver"
	"atrium/platform/openapitest"
)

// switched says which modules are off in one combination.
func switched(mask int) (off []string, environ []string) {
	for i, m := range catalogue {
		if mask&(1<<i) != 0 {
			off = append(off, m.name)
			environ = append(environ, "ATRIUM_MODULES_"+strings.ToUpper(m.name)+"=off")
		}
	}
	return off, environ
}

// Every combination either starts, without the routes of what is off, or is refused with a sentence that names the need.
func TestEveryCombinationOfModules(t *testing.T) {
	t.Parallel()
	refused, started := 0, 0
	for mask := range 1 << len(catalogue) {
		off, environ := switched(mask)
		cfg, err := config.LoadOffline(moduleNames(), "", environ)
		require.NoError(t, err, "off: %v", off)
		var server *httpserver.Server
		_, err = assemble(cfg, fx.Populate(&server))
		if missing := unmet(off); missing != "" {
			require.ErrorContains(t, err, missing, "off: %v", off)
			refused++
			continue
		}
		require.NoError(t, err, "off: %v", off)
		tags := map[string]bool{}
		for _, path := range server.OpenAPI().Paths {
			for _, operation := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
				if operation != nil {
					for _, tag := range operation.Tags {
						tags[tag] = true
					}
				}
			}
		}
		for _, m := range catalogue {
			require.Equal(t, !slices.Contains(off, m.name), tags[m.name], "off: %v; routes of %s", off, m.name)
		}
		started++
	}
	t.Logf("%d combinations start, %d are refused", started, refused)
	require.Positive(t, started)
	require.Positive(t, refused)
}

// unmet returns a need that is not met, as the refusal must spell it, worked out independently of choose.
func unmet(off []string) string {
	for _, m := range catalogue {
		if slices.Contains(off, m.name) {
			continue
		}
		for _, need := range m.needs {
			if slices.Contains(off, need) {
				return fmt.Sprintf("%s needs %s", m.name, need)
			}
		}
	}
	return ""
}

func TestCommandsThatNeedNoServer(t *testing.T) {
	t.Parallel()
	command := func(environ []string, args ...string) (code int, out, errOut string) {
		var o, e bytes.Buffer
		code = Main(args, environ, &o, &e)
		return code, o.String(), e.String()
	}
	t.Run("modules prints the table, also of what would be refused", func(t *testing.T) {
		t.Parallel()
		code, out, _ := command([]string{"ATRIUM_MODULES_PRODUCTS=off"}, "modules")
		require.Zero(t, code)
		require.Regexp(t, `products\s+off`, out)
		require.Contains(t, out, "orders needs products: switch products on or orders off")
	})
	t.Run("openapi prints a valid document of the modules that are on", func(t *testing.T) {
		t.Parallel()
		code, out, errOut := command([]string{"ATRIUM_MODULES_ORDERS=off"}, "openapi")
		require.Zero(t, code, errOut)
		document := openapitest.Valid(t, []byte(out))
		require.Contains(t, out, `"avatar": {
            "oneOf": [`, "an avatar may be null")
		require.Contains(t, document["paths"], "/v1/feed")
		require.NotContains(t, document["paths"], "/v1/cart")
	})
	t.Run("openapi refuses like serve, in one sentence", func(t *testing.T) {
		t.Parallel()
		code, _, errOut := command([]string{"ATRIUM_MODULES_USERS=off"}, "openapi")
		require.Equal(t, 1, code)
		require.Equal(t, 1, strings.Count(errOut, "\n"))
		require.Contains(t, errOut, "auth needs users")
	})
	t.Run("serve lists all faults of the configuration at once", func(t *testing.T) {
		t.Parallel()
		code, _, errOut := command([]string{"ATRIUM_HTTP_DRAIN_TIMEOUT=soon", "ATRIUM_HTP_ADDR=:1", "ATRIUM_DATABASE_MAX_CONNECTIONS=0"}, "serve")
		require.Equal(t, 1, code)
		for _, fault := range []string{"http.drain_timeout", "ATRIUM_HTP_ADDR: unknown", "database.max_connections: must be at least 1", "database.url: is missing"} {
			require.Contains(t, errOut, fault)
		}
	})
}
