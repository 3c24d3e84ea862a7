package app

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func paper(t *testing.T, path string) string {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", path))
	require.NoError(t, err)
	return string(raw)
}

var (
	quoted   = regexp.MustCompile("`([^`\n]+)`")
	inTree   = regexp.MustCompile(`^(app|config|docs|migrations|modules|platform|scripts)/[\w./-]+$`)
	adrTitle = regexp.MustCompile(`^# (\d+)\. (.+)\n\n- Date: (\d{4}-\d{2}-\d{2})\n- Status: (accepted|superseded by \d+)\n\n`)
)

func TestPapers_EveryPathExists(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"README.md", "CONTRIBUTING.md", "docs/ARCHITECTURE.md", "docs/STYLE.md"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var found int
			for _, match := range quoted.FindAllStringSubmatch(paper(t, name), -1) {
				// Only what begins with a folder of the tree is a path; boards is the module that examples make.
				if path := match[1]; inTree.MatchString(path) && !strings.HasPrefix(path, "modules/boards/") {
					found++
					require.FileExists(t, pathOrFile(t, path), "%s names %s", name, path)
				}
			}
			require.NotZero(t, found, "paths in %s", name)
		})
	}
}

// pathOrFile is the path itself, or any file of the folder that it names.
func pathOrFile(t *testing.T, path string) string {
	t.Helper()
	full := filepath.Join("..", path)
	if entries, err := os.ReadDir(full); err == nil {
		require.NotEmpty(t, entries, "%s is empty", path)
		err := filepath.WalkDir(full, func(inner string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			full = inner
			return filepath.SkipAll
		})
		require.NoError(t, err)
	}
	return full
}

func TestPapers_EveryDecisionIsListed(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("../docs/adr/[0-9]*.md")
	require.NoError(t, err)
	var want []string
	for _, page := range pages {
		name := filepath.Base(page)
		match := adrTitle.FindStringSubmatch(paper(t, "docs/adr/"+name))
		require.NotNil(t, match, "%s begins with its title, date and status", name)
		number := strings.TrimLeft(name[:4], "0")
		require.Equal(t, number, match[1], name)
		want = append(want, "| "+number+" | ["+match[2]+"]("+name+") | "+match[3]+" | "+match[4]+" |")
	}
	var got []string
	for line := range strings.Lines(paper(t, "docs/adr/README.md")) {
		if strings.Contains(line, ".md) |") {
			got = append(got, strings.TrimSpace(line))
		}
	}
	require.Equal(t, want, got, "docs/adr/README.md lists every decision as its page says it")
}

// Migrations cannot be renamed once they have run. These have a name without their owner.
var unownedMigrations = []string{
	"20260101120500_idempotency.sql", "20261125010000_wishes_alternatives.sql", "20261125030000_covers_focal_points.sql",
	"20261125040000_categories_edit.sql", "20261125050000_coupon_uses_given_back.sql",
}

var migrationName = regexp.MustCompile(`^\d{14}_([a-z]+)(_[a-z0-9_]+)?\.sql$`)

func TestPapers_EveryMigrationNamesItsOwner(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../migrations/*.sql")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	owners := append(moduleNames(), "platform")
	for _, file := range files {
		name := filepath.Base(file)
		if slices.Contains(unownedMigrations, name) {
			continue
		}
		match := migrationName.FindStringSubmatch(name)
		require.NotNil(t, match, "migrations are called YYYYMMDDhhmmss_<module>_<what>.sql: %s", name)
		require.Contains(t, owners, match[1], name)
	}
}

var orderRow = regexp.MustCompile("(?m)^\\| ([a-z]+) \\| (`[a-z.]+`(?:, `[a-z./]+`)*) \\|$")

// packageOrders reads the packages of each module, leaf first, from docs/ARCHITECTURE.md. A dot is internal itself.
func packageOrders(t *testing.T) map[string][]string {
	t.Helper()
	_, table, found := strings.Cut(paper(t, "docs/ARCHITECTURE.md"), "\n## The packages of a module\n")
	require.True(t, found)
	table, _, _ = strings.Cut(table, "\n## ")
	orders := map[string][]string{}
	for _, row := range orderRow.FindAllStringSubmatch(table, -1) {
		for _, name := range quoted.FindAllStringSubmatch(row[2], -1) {
			orders[row[1]] = append(orders[row[1]], name[1])
		}
	}
	return orders
}

// That they stand leaf first, TestArchitecture holds.
func TestPapers_ThePackagesOfAModuleAreListed(t *testing.T) {
	t.Parallel()
	orders := packageOrders(t)
	for _, module := range moduleNames() {
		t.Run(module, func(t *testing.T) {
			t.Parallel()
			require.ElementsMatch(t, packagesBelow(t, "../modules/"+module+"/internal"), orders[module], "the row of %s in docs/ARCHITECTURE.md", module)
		})
	}
}

// packagesBelow are the folders below root that hold code beside tests, by their path from there.
func packagesBelow(t *testing.T, root string) []string {
	t.Helper()
	var packages []string
	err := filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		name, err := filepath.Rel(root, filepath.Dir(path))
		if !slices.Contains(packages, filepath.ToSlash(name)) {
			packages = append(packages, filepath.ToSlash(name))
		}
		return err
	})
	require.NoError(t, err)
	return packages
}
