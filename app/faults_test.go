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

var (
	faultRow  = regexp.MustCompile(`(?m)^\| ([A-Z]\d+) \| .+ \| (.+) \|$`)
	faultTest = regexp.MustCompile(`(?m)^func (TestFault_\w+)\(`)
	faultName = regexp.MustCompile("`(TestFault_\\w+)`")
)

// Every row of docs/faults.md names tests that there are, and every such test is named. Rows without a test are listed by -v.
func TestFaults_AreHeldByTheirTests(t *testing.T) {
	t.Parallel()
	there := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && entry.Name() != ".." {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(path, "_test.go") {
			return nil
		}
		source, err := os.ReadFile(path)
		for _, match := range faultTest.FindAllSubmatch(source, -1) {
			there[string(match[1])] = true
		}
		return err
	})
	require.NoError(t, err)

	named := map[string]bool{}
	var open []string
	declined := 0
	for _, row := range faultRow.FindAllStringSubmatch(paper(t, "docs/faults.md"), -1) {
		id, held := row[1], row[2]
		tests := faultName.FindAllStringSubmatch(held, -1)
		switch {
		case held == "open":
			open = append(open, id)
		case strings.HasPrefix(held, "declined: "):
			declined++
		default:
			require.NotEmpty(t, tests, "%s names no test", id)
		}
		for _, test := range tests {
			require.True(t, there[test[1]], "%s names %s, which is not there", id, test[1])
			require.Contains(t, test[1]+"_", "_"+id+"_", "the test of %s is called for it", id)
			named[test[1]] = true
		}
	}
	require.NotEmpty(t, named)
	require.LessOrEqual(t, declined, 5)
	for test := range there {
		ours := slices.ContainsFunc(strings.Split(test, "_"), func(word string) bool { return strings.HasPrefix(word, "T") && len(word) < 4 && word != "T" })
		require.True(t, named[test] || ours, "docs/faults.md does not name %s", test)
	}
	t.Logf("without a test: %d: %s", len(open), strings.Join(open, " "))
}
