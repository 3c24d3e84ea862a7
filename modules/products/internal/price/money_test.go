package price_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/dbtest"
)

// TestMoney_NoFloatIsNear looks for floating point in the code and the tables that money passes through. What people think of a
// product is an average, and no money.
func TestMoney_NoFloatIsNear(t *testing.T) {
	t.Parallel()
	seen := 0
	for _, root := range []string{"../..", "../../../../platform/money"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			seen++
			requireNoFloat(t, path)
			return nil
		}))
	}
	require.Greater(t, seen, 15, "the files were found")

	db := dbtest.Tx(t)
	var columns []string
	require.NoError(t, db.Conn(t.Context()).Raw(`SELECT table_name || '.' || column_name FROM information_schema.columns
		WHERE table_schema = 'public' AND data_type IN ('real', 'double precision', 'numeric', 'money')
			AND (table_name LIKE 'product%' OR table_name IN ('price_history', 'stock_movements'))`).Scan(&columns).Error)
	require.NotContains(t, strings.Join(columns, " "), ".", "money is bigint")
}

func requireNoFloat(t *testing.T, path string) {
	t.Helper()
	files := token.NewFileSet()
	file, err := parser.ParseFile(files, path, nil, 0)
	require.NoError(t, err)
	ast.Inspect(file, func(node ast.Node) bool {
		switch node := node.(type) {
		case *ast.Field:
			return len(node.Names) != 1 || node.Names[0].Name != "Average"
		case *ast.KeyValueExpr:
			key, named := node.Key.(*ast.Ident)
			return !named || key.Name != "Average"
		case *ast.Ident:
			require.NotContains(t, []string{"float32", "float64"}, node.Name, "%s", files.Position(node.Pos()))
		case *ast.BasicLit:
			require.NotEqual(t, token.FLOAT, node.Kind, "%s", files.Position(node.Pos()))
		}
		return true
	})
}
