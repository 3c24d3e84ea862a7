package money

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// floatsIn lists the floating-point types and literals in the Go files below a folder, tests aside.
func floatsIn(t *testing.T, root string) (found []string) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		files++
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.Ident:
				if strings.HasPrefix(n.Name, "float") || strings.HasPrefix(n.Name, "Float") || n.Name == "ParseFloat" {
					found = append(found, set.Position(n.Pos()).String())
				}
			case *ast.BasicLit:
				if n.Kind == token.FLOAT {
					found = append(found, set.Position(n.Pos()).String())
				}
			}
			return true
		})
		return nil
	}))
	require.Positive(t, files, root)
	return found
}

func TestNoFloatNearMoney(t *testing.T) {
	t.Parallel()
	for _, root := range []string{".", "../payment", "../../modules/orders"} {
		require.Empty(t, floatsIn(t, root))
	}
	require.NotEmpty(t, floatsIn(t, "../../platform/telemetry"), "the search finds what is there")
}
