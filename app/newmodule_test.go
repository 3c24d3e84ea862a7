package app

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// `make new-module` lays out a module that keeps the rules of the house, starts in every combination, and whose own tests
// pass. The tree it is laid into is this one, seen through an overlay, so nothing is written here.
func TestNewModule_IsLaidOutWorking(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	catalogue, err := os.ReadFile("modules.go")
	require.NoError(t, err)
	require.NoError(t, os.MkdirAll(filepath.Join(root, "app"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(root, "app", "modules.go"), catalogue, 0o600))
	script := filepath.Join("..", "scripts", "new-module", "new-module.sh")
	lay := func(name string) (string, error) {
		out, err := exec.CommandContext(t.Context(), script, name, root).CombinedOutput()
		return string(out), err
	}

	out, err := lay("atelier")
	require.NoError(t, err, out)
	require.Empty(t, violations(t, root, map[string][]string{}), "the architecture's rules")

	files := overlay(t, root)
	for _, tests := range []struct{ pkg, folder, run string }{
		{"./modules/atelier/internal/note", filepath.Join(root, "modules", "atelier", "internal", "note"), "TestNotes"},
		{"./app", ".", "TestEveryCombinationOfModules"},
	} {
		binary := filepath.Join(t.TempDir(), "tests")
		build := exec.CommandContext(t.Context(), "go", "test", "-c", "-vet=off", "-ldflags=-s -w", "-overlay", files, "-o", binary, tests.pkg)
		build.Dir = ".."
		raw, err := build.CombinedOutput()
		require.NoError(t, err, "%s", raw)
		run := exec.CommandContext(t.Context(), binary, "-test.v", "-test.run", tests.run)
		run.Dir = tests.folder
		raw, err = run.CombinedOutput()
		require.NoError(t, err, "%s", raw)
		require.Contains(t, string(raw), "--- PASS: "+tests.run)
	}

	again, err := lay("atelier")
	require.Error(t, err)
	require.Equal(t, "modules/atelier is there already\n", again)
	odd, err := lay("../etc")
	require.Error(t, err)
	require.Contains(t, odd, "make new-module name=")
}

// overlay writes down for the go command which files of root stand in, or beside, those of this repository.
func overlay(t *testing.T, root string) string {
	t.Helper()
	here, err := filepath.Abs("..")
	require.NoError(t, err)
	replace := map[string]string{}
	err = filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		relative, err := filepath.Rel(root, path)
		replace[filepath.Join(here, relative)] = path
		return err
	})
	require.NoError(t, err)
	raw, err := json.Marshal(map[string]any{"Replace": replace})
	require.NoError(t, err)
	file := filepath.Join(t.TempDir(), "overlay.json")
	require.NoError(t, os.WriteFile(file, raw, 0o600))
	return file
}
