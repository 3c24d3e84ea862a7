package app

import (
	"bytes"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"
	"go.uber.org/fx"

	"atrium/config"
	"atrium/platform/httpserver"
	"atrium/platform/plug"
)

// printDocument makes the test binary print the document and exit: each run of it is a process like `atrium openapi`.
const printDocument = "ATRIUM_TEST_PRINT_DOCUMENT"

// checkedIn is docs/openapi.json.
func checkedIn(t *testing.T) string {
	t.Helper()
	document, err := os.ReadFile("../docs/openapi.json")
	require.NoError(t, err)
	return string(document)
}

// sameDocument compares without printing both documents whole.
func sameDocument(t *testing.T, want, got string) {
	t.Helper()
	if want == got {
		return
	}
	wanted, gotten := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range min(len(wanted), len(gotten)) {
		require.Equal(t, wanted[i], gotten[i], "line %d of docs/openapi.json is not what the code says: make generate", i+1)
	}
	require.Len(t, gotten, len(wanted), "docs/openapi.json is not as long as the code says: make generate")
}

func TestDocument_TwentyProcessesPrintWhatIsCheckedIn(t *testing.T) {
	t.Parallel()
	if os.Getenv(printDocument) != "" {
		os.Exit(Main([]string{"openapi"}, nil, os.Stdout, os.Stderr))
	}
	want := checkedIn(t)
	for range 20 {
		command := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$")
		command.Env = []string{printDocument + "=1"}
		var errOut bytes.Buffer
		command.Stderr = &errOut
		got, err := command.Output()
		require.NoError(t, err, errOut.String())
		sameDocument(t, want, string(got))
	}
}

func TestDocument_OrderOfRegistrationDoesNotMatter(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadOffline(moduleNames(), "", nil)
	require.NoError(t, err)
	var routes []httpserver.Routes
	var bootstrap []httpserver.Bootstrap
	_, err = assemble(cfg, fx.Invoke(func(r plug.All[httpserver.Routes], b plug.All[httpserver.Bootstrap]) { routes, bootstrap = r, b }))
	require.NoError(t, err)
	require.NotEmpty(t, routes)
	slices.SortStableFunc(routes, func(a, b httpserver.Routes) int { return strings.Compare(a.Module, b.Module) })

	orders := map[string][]httpserver.Routes{"forwards": routes, "backwards": slices.Clone(routes)}
	slices.Reverse(orders["backwards"])
	for seed := range uint64(5) {
		shuffled := slices.Clone(routes)
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		orders["shuffled "+string('0'+rune(seed))] = shuffled
	}
	want := checkedIn(t)
	for name, order := range orders {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, err := httpserver.New(cfg.HTTP, httpserver.Deps{Bootstrap: bootstrap})
			require.NoError(t, err)
			for _, one := range order { // each by itself: Mount would sort them
				server.Mount([]httpserver.Routes{one})
			}
			got, err := server.Document()
			require.NoError(t, err)
			sameDocument(t, want, string(got))
		})
	}
}

// What waits for a provider must not hold up what does not: it has a lane of its own. (What follows by task waits for nobody.)
func TestDocument_WhatCallsProvidersSaysSo(t *testing.T) {
	t.Parallel()
	cfg, err := config.LoadOffline(moduleNames(), "", nil)
	require.NoError(t, err)
	var routes []httpserver.Routes
	_, err = assemble(cfg, fx.Invoke(func(all plug.All[httpserver.Routes]) { routes = all }))
	require.NoError(t, err)
	server, err := httpserver.New(cfg.HTTP, httpserver.Deps{})
	require.NoError(t, err)
	server.Mount(routes)
	var outside []string
	for _, path := range server.OpenAPI().Paths {
		for _, op := range []*huma.Operation{path.Get, path.Post, path.Put, path.Patch, path.Delete} {
			if op == nil {
				continue
			}
			if route, ok := op.Metadata["route"].(httpserver.Route); ok && route.Outside {
				outside = append(outside, op.OperationID)
			}
		}
	}
	require.ElementsMatch(t, []string{
		"link-identity", "sign-in-with-google", "sign-in-with-apple", "start-google-sign-in", "complete-google-sign-in", // Google, Apple
		"start-apple-sign-in", "complete-apple-sign-in", "complete-apple-form-sign-in", "receive-apple-notice",
		"create-order", "settle-payment", "cancel-order", "cancel-order-for-shop", // Stripe
		"complete-upload", // S3
	}, outside)
}

// reserved are names that generators of clients have for themselves, or that say nothing beside six other modules.
var reserved = strings.Fields(`Any Array Body Boolean Change Class Client Config Data Date Day Default Entry Enum Error Exception Field File Function Input
	Integer Interface Item Kind Line List Map Model Module Null Number Object Open Option Outcome Output Package Pin Point Promise Ref Request Response
	Result Return Set Shown String Term Thing Time Type Value Variant Viewer Void`)

func TestDocument_Names(t *testing.T) {
	t.Parallel()
	var document struct {
		Info       struct{ Version string }
		Components struct{ Schemas map[string]json.RawMessage }
		Paths      map[string]map[string]struct{ OperationID, Summary string }
	}
	require.NoError(t, json.Unmarshal([]byte(checkedIn(t)), &document))
	require.Equal(t, "1", document.Info.Version, "the version is the contract's, not the build's")

	noun := regexp.MustCompile(`^[A-Z][a-z]+([A-Z][a-z]+)*$`)
	for name := range document.Components.Schemas {
		require.Regexp(t, noun, name, "a schema's name is words, without a number")
		require.NotContains(t, reserved, name)
		require.NotRegexp(t, `(Shown|Response|Body|DTO|Patch)$|^(List|Nullable)[A-Z]`, name)
	}
	verbNoun := regexp.MustCompile(`^[a-z]+(-[a-z]+)+$`)
	third := regexp.MustCompile(`^[A-Z][a-z]+s\b.*[^.]$`)
	seen := map[string]string{}
	for path, operations := range document.Paths {
		for method, operation := range operations {
			where := strings.ToUpper(method) + " " + path
			require.Regexp(t, verbNoun, operation.OperationID, where)
			require.Regexp(t, third, operation.Summary, "%s: a summary is in the third person, without a full stop", where)
			require.Empty(t, seen[operation.OperationID], "%s: the operation %s is there twice", where, operation.OperationID)
			seen[operation.OperationID] = where
		}
	}
}

// Every list says where it goes on. What else has items is one thing that consists of them.
func TestFault_H9_EveryListHasItsNextCursor(t *testing.T) {
	t.Parallel()
	type reference struct {
		Ref string `json:"$ref"`
	}
	var document struct {
		Paths map[string]struct {
			Get struct {
				Responses map[string]struct {
					Content map[string]struct{ Schema reference }
				}
			}
		}
		Components struct {
			Schemas map[string]struct{ Properties map[string]any }
		}
	}
	require.NoError(t, json.Unmarshal([]byte(checkedIn(t)), &document))
	wholes, lists := []string{"Cart", "Order", "PostShop"}, 0
	for path, item := range document.Paths {
		for _, answer := range item.Get.Responses {
			for _, content := range answer.Content {
				name := strings.TrimPrefix(content.Schema.Ref, "#/components/schemas/")
				properties := document.Components.Schemas[name].Properties
				if properties["items"] == nil || slices.Contains(wholes, name) {
					continue
				}
				require.Contains(t, properties, "next_cursor", path)
				lists++
			}
		}
	}
	require.Greater(t, lists, 20)
}
