package app

import (
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The rules of the house, as HOUSE_STYLE and docs/ARCHITECTURE.md tell them:
//   - platform knows no module;
//   - a module's root package (its face) is a leaf: the standard library, uuid and platform's small ideas;
//   - a module imports only the faces of other modules (their test fakes in tests, and in packages named so);
//   - the packages of a module stand in the order of docs/ARCHITECTURE.md, leaf first: none imports a later one;
//   - no package imports its parent or its child;
//   - each technology has its place.

// smallIdeas are the platform packages that a face may import.
var smallIdeas = []string{"fault", "identity", "page", "money", "photo", "etag", "secret"}

// places say which packages may import a technology; a test file may use what it tests.
var places = map[string]func(pkg, file string) bool{
	"gorm.io/": func(pkg, file string) bool {
		return inside(pkg, "platform/database") || isInternal(pkg)
	},
	"github.com/gin-gonic/gin":      isEdge,
	"github.com/danielgtaylor/huma": isEdge,
	"github.com/hibiken/asynq":      func(pkg, _ string) bool { return inside(pkg, "platform/tasks") },
	"go.uber.org/fx": func(pkg, _ string) bool {
		return inside(pkg, "app", "platform/plug") || strings.HasSuffix(pkg, "fx") || isTestKit(pkg)
	},
}

// reference is what the benchmarks measure the product against: it goes straight to where it wants.
const reference = "scripts/bench/server"

func isEdge(pkg, file string) bool {
	name := filepath.Base(file)
	return inside(pkg, "platform/httpserver", "platform/apptest", "platform/telemetry", "app") ||
		isInternal(pkg) && (strings.HasPrefix(name, "http") || strings.HasSuffix(name, "_http.go"))
}

func isInternal(pkg string) bool { return strings.Contains(pkg+"/", "/internal/") }

func inside(pkg string, roots ...string) bool {
	return slices.ContainsFunc(roots, func(root string) bool { return pkg == root || strings.HasPrefix(pkg, root+"/") })
}

// violation says what is wrong with one import of one file, or nothing. pkg is the package's folder from the top; orders are the
// packages below each module's internal, leaf first.
func violation(orders map[string][]string, pkg, file, imported string) string {
	ours, isOurs := strings.CutPrefix(imported, "atrium/")
	isTest := strings.HasSuffix(file, "_test.go") || isTestKit(pkg)
	if isOurs && !isTest && (isInternal(pkg) || inside(pkg, "platform")) {
		if why := outOfOrder(orders, pkg, ours); why != "" {
			return why
		}
	}
	if strings.HasPrefix(pkg, "platform") && strings.HasPrefix(ours, "modules/") && isOurs {
		return "platform knows no module"
	}
	if owner, ok := moduleOf(pkg); ok && isOurs {
		if other, isModule := moduleOf(ours); isModule && other != owner && ours != "modules/"+other && !((isTest || strings.HasSuffix(pkg, "test")) && ours == "modules/"+other+"/"+other+"test") {
			return "a module imports only the faces of other modules"
		}
		if isFace(pkg) && !isTest && !leafMayImport(ours) {
			return "a face is a leaf: the standard library, uuid and platform's small ideas"
		}
	} else if ok && isFace(pkg) && !isTest && strings.Contains(strings.Split(imported, "/")[0], ".") && imported != "github.com/google/uuid" {
		return "a face is a leaf: the standard library, uuid and platform's small ideas"
	}
	for technology, allowed := range places {
		if strings.HasPrefix(imported, technology) && !isTest && !allowed(pkg, file) && !inside(pkg, reference) {
			return technology + " has another place"
		}
	}
	return ""
}

// outOfOrder says what is wrong with the direction of an import between two packages of ours, or nothing.
func outOfOrder(orders map[string][]string, pkg, imported string) string {
	if !isFace(imported) && (filepath.Dir(pkg) == imported || filepath.Dir(imported) == pkg) {
		return "no package imports its parent or its child"
	}
	owner, _ := moduleOf(pkg)
	root := "modules/" + owner + "/internal/"
	name, inModule := strings.CutPrefix(pkg, root)
	other, inSame := strings.CutPrefix(imported, root)
	if !inModule || !inSame {
		return ""
	}
	at, otherAt := slices.Index(orders[owner], name), slices.Index(orders[owner], other)
	if at < 0 || otherAt < 0 {
		return "docs/ARCHITECTURE.md does not list one of the two packages"
	}
	if otherAt >= at {
		return "docs/ARCHITECTURE.md lists " + other + " after " + name
	}
	return ""
}

// isTestKit reports whether a package is there for tests alone: it may use what tests may.
func isTestKit(pkg string) bool { return strings.HasSuffix(pkg, "test") }

func moduleOf(pkg string) (string, bool) {
	rest, ok := strings.CutPrefix(pkg, "modules/")
	name, _, _ := strings.Cut(rest, "/")
	return name, ok && name != ""
}

func isFace(pkg string) bool {
	return strings.HasPrefix(pkg, "modules/") && strings.Count(pkg, "/") == 1
}

func leafMayImport(ours string) bool {
	idea, ok := strings.CutPrefix(ours, "platform/")
	return ok && slices.Contains(smallIdeas, idea)
}

// violations walks a tree laid out like the repository and lists every import against the rules.
func violations(t *testing.T, root string, orders map[string][]string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() && (strings.HasPrefix(entry.Name(), ".") && path != root || entry.Name() == "testdata" && path != root || entry.Name() == "node_modules") {
			if err == nil {
				err = filepath.SkipDir
			}
			return err
		}
		if entry.IsDir() || !strings.HasSuffix(path, ".go") {
			return nil
		}
		source, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		relative, _ := filepath.Rel(root, path)
		for _, spec := range source.Imports {
			imported, _ := strconv.Unquote(spec.Path.Value)
			if why := violation(orders, filepath.ToSlash(filepath.Dir(relative)), relative, imported); why != "" {
				found = append(found, relative+" imports "+imported+": "+why)
			}
		}
		return nil
	})
	require.NoError(t, err)
	return found
}

func TestArchitecture(t *testing.T) {
	t.Parallel()
	require.Empty(t, violations(t, "..", packageOrders(t)))
}

// The fixture breaks each rule once, so a rule that stopped biting is noticed; what is right passes.
func TestArchitecture_FindsEveryViolationOfTheFixture(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	orders := map[string][]string{"posts": {"content", "post", "feed", "feed/fanout"}}
	wrong := map[string]string{
		"platform/cache/bad.go":                   "atrium/modules/posts",
		"platform/cache/child.go":                 "atrium/platform/cache/lru",
		"modules/posts/internal/post/bad.go":      "atrium/modules/users/internal",
		"modules/posts/internal/post/wired.go":    "atrium/modules/users/usersfx",
		"modules/posts/bad.go":                    "atrium/platform/database",
		"modules/posts/heavy.go":                  "github.com/gin-gonic/gin",
		"modules/posts/internal/post/store.go":    "github.com/hibiken/asynq",
		"modules/posts/internal/post/tasks.go":    "go.uber.org/fx",
		"modules/posts/internal/post/later.go":    "atrium/modules/posts/internal/feed",
		"modules/posts/internal/post/unlisted.go": "atrium/modules/posts/internal/extra",
		"modules/posts/internal/feed/child.go":    "atrium/modules/posts/internal/feed/fanout",
		"modules/posts/internal/feed/fanout/x.go": "atrium/modules/posts/internal/feed",
		"platform/mail/bad.go":                    "gorm.io/gorm",
	}
	right := map[string]string{
		"modules/posts/internal/feed/good.go":       "atrium/modules/posts/internal/post",
		"modules/posts/internal/post/later_test.go": "atrium/modules/posts/internal/feed",
		"modules/posts/internal/post/face.go":       "atrium/modules/posts",
		"platform/cache/good.go":                    "atrium/platform/database",
	}
	for _, files := range []map[string]string{wrong, right} {
		for path, imported := range files {
			require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(root, path)), 0o755))
			source := "package x\n\nimport _ \"" + imported + "\"\n"
			require.NoError(t, os.WriteFile(filepath.Join(root, path), []byte(source), 0o600))
		}
	}
	var caught []string
	for _, v := range violations(t, root, orders) {
		path, _, _ := strings.Cut(v, " ")
		caught = append(caught, path)
	}
	require.ElementsMatch(t, slices.Collect(maps.Keys(wrong)), caught)
}
