package imaging

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/sandbox"
)

// spy is a program in the place of libvips, which was taken over by a picture. It tells what it finds, by what bash does in its own process.
const spy = `#!/bin/bash
declare -x
echo "folder $PWD"
ulimit -a
while read -r line; do echo "$line"; done < /proc/self/status
echo >&2
exec 3<>/dev/tcp/127.0.0.1/1
kill -9 $PPID
read -r -d '' first < /proc/$PPID/environ
( : )
`

func TestFault_K7_AChildFindsNothingOfTheServer(t *testing.T) {
	require.NoError(t, sandbox.HideProcess())
	t.Setenv("ATRIUM_KEYS_MASTER", "a secret of the server")
	folder, work := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), []byte(spy), 0o700))
	var told bytes.Buffer
	err := NewProcessor(roomy, folder).runInto(t.Context(), &told, work, Source{Pixels: 1, HEIF: true}.input(), "vips")
	require.ErrorIs(t, err, ErrCorrupt, "it is the picture's fault, and the server lives")

	for _, line := range strings.Split(told.String(), "\n") {
		variable, ok := strings.CutPrefix(line, "declare -x ")
		name, _, _ := strings.Cut(variable, "=")
		require.True(t, !ok || strings.HasPrefix(name, "VIPS_") ||
			strings.Contains(" PATH HOME TMPDIR LC_ALL MALLOC_ARENA_MAX GLIBC_TUNABLES OLDPWD PWD SHLVL ", " "+name+" "), line)
	}
	for _, want := range []string{"folder " + work + "\n", `NoNewPrivs:\s1\n`, `Seccomp:\s2\n`, `CapEff:\s0+\n`, `core file size .* 0\n`, `cpu time .* 60\n`,
		`file size .* 430080\n`, `data seg size .* 393216\n`, `open files .* 256\n`, `virtual memory .* 1871872\n`} {
		require.Regexp(t, want, told.String())
	}
	for _, want := range []string{"socket: Operation not permitted", "kill: .* - Operation not permitted",
		"environ: Permission denied", "fork: Operation not permitted"} {
		require.Regexp(t, want, err.Error())
	}
}

func TestAProgramThatCannotBeRunIsNoFaultOfThePicture(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), nil, 0o700))
	err := NewProcessor(roomy, folder).run(t.Context(), folder, Source{}.input(), "vips")
	require.ErrorIs(t, err, sandbox.ErrNotStarted)
	require.NotErrorIs(t, err, ErrCorrupt)
}
