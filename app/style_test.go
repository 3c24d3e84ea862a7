package app

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	styleGuide = "../docs/STYLE.md"
	mostFiles  = 5 // that one grep may lead to
)

// place is a row of the table "Where is it?" in the style guide.
type place struct {
	question, grep, function, file string
}

var placeRow = regexp.MustCompile("(?m)^\\| ([^|`]+) \\| `([^`]+)` \\| `([^`]+)` in `([^`]+)` \\|$")

func tableOfGreps(t *testing.T) (rows []place) {
	t.Helper()
	guide, err := os.ReadFile(styleGuide)
	require.NoError(t, err)
	_, table, found := strings.Cut(string(guide), "\n## Where is it?\n")
	require.True(t, found, "the style guide has a table of greps")
	table, _, _ = strings.Cut(table, "\n## ")
	for _, match := range placeRow.FindAllStringSubmatch(table, -1) {
		rows = append(rows, place{match[1], match[2], match[3], match[4]})
	}
	return rows
}

// names are what a file declares: functions, methods, types, constants, variables and fields. functions are among them.
type names struct{ all, functions []string }

// declarations reads the names of every file under modules and platform, tests left out. Comments and string literals are no names.
func declarations(t *testing.T) map[string]names {
	t.Helper()
	declared := map[string]names{}
	for _, root := range []string{"modules", "platform"} {
		err := filepath.WalkDir(filepath.Join("..", root), func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
			if err != nil {
				return err
			}
			relative, err := filepath.Rel("..", path)
			declared[filepath.ToSlash(relative)] = namesOf(file)
			return err
		})
		require.NoError(t, err)
	}
	return declared
}

func namesOf(file *ast.File) (n names) {
	add := func(identifiers ...*ast.Ident) {
		for _, identifier := range identifiers {
			n.all = append(n.all, identifier.Name)
		}
	}
	for _, declaration := range file.Decls {
		switch d := declaration.(type) {
		case *ast.FuncDecl:
			add(d.Name)
			n.functions = append(n.functions, d.Name.Name)
		case *ast.GenDecl:
			ast.Inspect(d, func(node ast.Node) bool {
				switch x := node.(type) {
				case *ast.TypeSpec:
					add(x.Name)
				case *ast.ValueSpec:
					add(x.Names...)
				case *ast.StructType:
					addFields(x.Fields, add)
				case *ast.InterfaceType:
					addFields(x.Methods, add)
				case *ast.FuncLit:
					return false
				}
				return true
			})
		}
	}
	return n
}

func addFields(list *ast.FieldList, add func(...*ast.Ident)) {
	for _, field := range list.List {
		add(field.Names...)
	}
}

// Whoever greps the field's word is there in one step: the word leads to few files, and what is looked for is declared in one of them.
func TestStyle_EachPlaceIsFoundByOneGrep(t *testing.T) {
	t.Parallel()
	declared := declarations(t)
	rows := tableOfGreps(t)
	require.Len(t, rows, 8, "rows of the table")
	for _, row := range rows {
		t.Run(row.question, func(t *testing.T) {
			t.Parallel()
			grep := regexp.MustCompile("(?i)" + row.grep)
			var files []string
			for path, n := range declared {
				if grep.MatchString(filepath.Base(path)) || slices.ContainsFunc(n.all, grep.MatchString) {
					files = append(files, path)
				}
			}
			slices.Sort(files)
			require.LessOrEqual(t, len(files), mostFiles, "files that have the word: %v", files)
			require.Contains(t, files, row.file, "the grep leads there")
			require.Contains(t, declared[row.file].functions, row.function)
		})
	}
}
