package app

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/platform/sandboxtest"
	"atrium/scripts/demo/client"
)

// A program in the place of libvips, as one that a picture took over: it tells by its errors, which are in the worker's log.
const takenOver = `#!/bin/bash
echo "variables: ${!ATRIUM_*} ${!AWS_*}." >&2
exec 3<>/dev/tcp/127.0.0.1/1
read -r -d '' first < /proc/$PPID/environ
kill -9 $PPID
exit 1
`

// withoutRights is a command as a server is run: by a user who is nobody else.
func withoutRights(command *exec.Cmd) *exec.Cmd {
	if os.Getuid() == 0 {
		const nobody = 65534
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	}
	return command
}

func TestFault_K7_WhoTakesOverADecoderInTheWorkerFindsNothing(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "atrium-sandbox-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), []byte(takenOver), 0o755))
	i := install(t, "ATRIUM_UPLOADS_VIPS_FOLDER="+folder)
	for _, open := range []string{folder, i.folder} {
		require.NoError(t, os.Chmod(open, 0o755))
	}
	p := i.start("all", withoutRights(exec.Command(filepath.Join(i.folder, "atrium"), "serve")))
	require.NotContains(t, p.log.String(), "does not confine")
	ada, _, err := client.SignIn(t.Context(), i.stack, "sandbox-ada", "ada@atrium.test", "Ada", "ada")
	require.NoError(t, err)
	u, _, err := ada.DeclareAs(t.Context(), "image/jpeg", smallJPEG(t))
	require.NoError(t, err)
	_, err = u.Put(t.Context(), smallJPEG(t))
	require.NoError(t, err)
	i.does(ada, "POST", "/uploads/"+u.ID+"/complete", nil)
	i.eventually(20*time.Second, "the picture is refused", func() bool {
		return i.count("SELECT count(*) FROM uploads WHERE id = ? AND status = 'failed'", u.ID) == 1
	})
	for _, want := range []string{`variables:\s+\. `, `socket: Operation not permitted`, fmt.Sprintf(`/proc/%d/environ: Permission denied`, p.command.Process.Pid),
		fmt.Sprintf(`kill: \(%d\) - Operation not permitted`, p.command.Process.Pid)} {
		require.Regexp(t, want, p.log.String())
	}
}

func TestFault_K7_AServerSaysAtItsStartWhatASystemDoesNotPermit(t *testing.T) {
	t.Parallel()
	i := install(t)
	var log syncBuffer
	command := exec.CommandContext(t.Context(), filepath.Join(i.folder, "atrium"), "serve", "--role", "worker")
	command.Env, command.Stdout, command.Stderr = i.environ, &log, &log
	require.NoError(t, sandboxtest.WithoutFilters(command.Start))
	i.eventually(20*time.Second, "it serves", func() bool { return strings.Contains(log.String(), "atrium serves") })
	require.NoError(t, command.Process.Signal(syscall.SIGTERM))
	require.NoError(t, command.Wait())
	require.Equal(t, 1, strings.Count(log.String(), "pictures are decoded by programs that this system does not confine fully"))
	require.Contains(t, log.String(), "they can open sockets, send signals to the server")
}
