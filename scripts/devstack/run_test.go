package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// self is the test binary, which TestMain turns into devstack.
func devstack(t *testing.T, args ...string) (*exec.Cmd, *bytes.Buffer) {
	t.Helper()
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), binary, append([]string{"run"}, args...)...)
	cmd.Dir = t.TempDir()
	output := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	return cmd, output
}

// dataFolder is a stack's own, cleaned also where PostgreSQL had to go elsewhere.
func dataFolder(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	t.Cleanup(func() { _ = os.RemoveAll(fallbackFolder(dir)) })
	return dir
}

func TestRunGivesTheChildEverythingAndItsExitCode(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	cmd, output := devstack(t, "--data", dir, "--ephemeral", "--", "sh", "-c", `
		cp "$ATRIUM_ENDPOINTS" endpoints.json; env > env.txt; exit 7`)
	cmd.Env = append(os.Environ(), "ATRIUM_MODULES_ORDERS=off", "ATRIUM_S3_BUCKET=mine")
	require.Error(t, cmd.Run())
	require.Equal(t, 7, cmd.ProcessState.ExitCode(), "%s", output)

	content, err := os.ReadFile(filepath.Join(cmd.Dir, "endpoints.json"))
	require.NoError(t, err)
	var urls map[string]string
	require.NoError(t, json.Unmarshal(content, &urls))
	require.Len(t, urls, 14)
	for name, url := range urls {
		require.Contains(t, url, "://", name)
		require.False(t, strings.HasSuffix(url, "/"), name)
	}
	content, err = os.ReadFile(filepath.Join(cmd.Dir, "env.txt"))
	require.NoError(t, err)
	env := string(content)
	for name := range (&stack{secrets: &secrets{}}).variables() {
		require.Contains(t, env, name+"=")
	}
	require.Contains(t, env, "ATRIUM_MODULES_ORDERS=off")
	require.Contains(t, env, "ATRIUM_S3_BUCKET=atrium\n", "the stack's own names win")
	require.Contains(t, env, "ATRIUM_S3_ENDPOINT="+urls["s3"]+"\n")
	require.NoFileExists(t, filepath.Join(dir, "endpoints.json"))
	require.NoDirExists(t, filepath.Join(dir, "s3"))
	require.NoDirExists(t, fallbackFolder(dir))
	require.FileExists(t, filepath.Join(dir, "log", "postgres.log"), "the logs of a failed run stay")
}

// The child of these tests leaves a grandchild in the background and says when
// it is up.
const lingering = `sleep 1000 & echo up > up; trap 'echo drained > drained; exit 9' INT; while :; do sleep 0.05; done`

// startLingering answers the running stack and all processes that it made.
func startLingering(t *testing.T, dir string) (*exec.Cmd, map[int]string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("reads /proc")
	}
	cmd, output := devstack(t, "--data", dir, "--ephemeral", "--", "sh", "-c", lingering)
	require.NoError(t, cmd.Start())
	eventually(t, "the child runs", func() bool {
		_, err := os.Stat(filepath.Join(cmd.Dir, "up"))
		return err == nil
	})
	made := descendants(cmd.Process.Pid)
	names := fmt.Sprint(made)
	for _, wanted := range []string{"postgres", "redis", "sleep"} {
		require.Contains(t, names, wanted, "%s", output)
	}
	return cmd, made
}

func TestInterruptEndsEverything(t *testing.T) {
	t.Parallel()
	cmd, made := startLingering(t, dataFolder(t))
	require.NoError(t, cmd.Process.Signal(syscall.SIGINT))
	require.Error(t, cmd.Wait())
	require.Equal(t, 9, cmd.ProcessState.ExitCode())
	require.FileExists(t, filepath.Join(cmd.Dir, "drained"))
	requireGone(t, made)
}

func TestKillEndsEverything(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	cmd, made := startLingering(t, dir)
	require.NoError(t, cmd.Process.Kill())
	require.Error(t, cmd.Wait())
	requireGone(t, made)
	require.NoDirExists(t, filepath.Join(dir, "s3"), "the guard wipes, too")
	next, output := devstack(t, "--data", dir, "--ephemeral", "--", "true")
	require.NoError(t, next.Run(), "%s", output)
	require.NoDirExists(t, dir)
}

// descendants are all processes below pid: number and when it started, so that
// a number used again is not mistaken.
func descendants(root int) map[int]string {
	parents, started := map[int]int{}, map[int]string{}
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, path := range stats {
		content, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		text := string(content)
		fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
		pid, _ := strconv.Atoi(strings.Split(path, "/")[2])
		parents[pid], _ = strconv.Atoi(fields[1])
		started[pid] = text[strings.Index(text, "("):strings.LastIndex(text, ")")+1] + fields[19]
	}
	below := map[int]string{}
	for pid := range parents {
		for up := parents[pid]; up > 1; up = parents[up] {
			if up == root {
				below[pid] = started[pid]
				break
			}
		}
	}
	return below
}

// requireGone waits until none of the processes runs; one that only waits to be
// reaped by init has ended.
func requireGone(t *testing.T, made map[int]string) {
	t.Helper()
	left := map[int]string{}
	require.Eventually(t, func() bool {
		clear(left)
		for pid, name := range made {
			content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
			if err != nil {
				continue
			}
			text := string(content)
			fields := strings.Fields(text[strings.LastIndex(text, ")")+1:])
			same := strings.HasSuffix(name, ")"+fields[19])
			if same && fields[0] != "Z" && fields[0] != "X" {
				left[pid] = name
			}
		}
		return len(left) == 0
	}, 30*time.Second, 20*time.Millisecond, "still running: %v", left)
}

func TestRefusalsAreSentences(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() }) // after the parallel subtests
	port := listener.Addr().(*net.TCPAddr).Port
	dir := dataFolder(t)
	require.NoError(t, os.MkdirAll(dir, 0o755))
	held := dataFolder(t)
	lock, err := lockData(held)
	require.NoError(t, err)
	t.Cleanup(func() { lock.Close() })
	lasting := dataFolder(t)
	_, err = func() (*secrets, error) {
		require.NoError(t, os.MkdirAll(lasting, 0o755))
		return loadSecrets(filepath.Join(lasting, "keys.json"))
	}()
	require.NoError(t, err)
	for name, c := range map[string]struct {
		args []string
		path string
		want string
	}{
		"busy port": {
			[]string{"--data", dir, "--api-addr", fmt.Sprintf("127.0.0.1:%d", port), "--", "true"}, "",
			fmt.Sprintf("devstack: port %d is in use: stop what listens there or choose another, e.g. `make run port=8090`\n", port),
		},
		"same folder":           {[]string{"--data", held, "--", "true"}, "", "devstack: another stack runs on " + held},
		"a lasting stack":       {[]string{"--data", lasting, "--ephemeral", "--", "true"}, "", "devstack: " + lasting + " holds a lasting stack"},
		"an address that isn't": {[]string{"--data", dir, "--api-addr", "nonsense", "--", "true"}, "", "devstack: \"nonsense\" is not an address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd, output := devstack(t, c.args...)
			require.Error(t, cmd.Run())
			require.Equal(t, 1, cmd.ProcessState.ExitCode())
			require.Contains(t, output.String(), c.want)
			require.Equal(t, 1, strings.Count(output.String(), "\n"), "one sentence: %s", output)
		})
	}
}

func TestCommandThatIsMissing(t *testing.T) {
	t.Parallel()
	cmd, output := devstack(t, "--data", dataFolder(t), "--ephemeral", "--", "no-such-command")
	require.Error(t, cmd.Run())
	require.Equal(t, 127, cmd.ProcessState.ExitCode())
	require.Contains(t, output.String(), `the command "no-such-command" was not found`)
}

func TestLastingStackKeepsEverything(t *testing.T) {
	t.Parallel()
	_, err := exec.LookPath("psql")
	require.NoError(t, err, "psql comes with PostgreSQL: run scripts/bootstrap.sh")
	dir := dataFolder(t)
	if os.Getuid() == 0 { // as in a clone below /root, which PostgreSQL's user cannot enter
		require.NoError(t, os.Chmod(filepath.Dir(dir), 0o700))
	}
	first, output := devstack(t, "--data", dir, "--", "sh", "-ec", `
		psql -q "$ATRIUM_DATABASE_URL" -c "create table kept as select 'yes'::text as answer"
		echo "$ATRIUM_KEYS_MASTER $ATRIUM_S3_SECRET_ACCESS_KEY" > keys`)
	require.NoError(t, first.Run(), "%s", output)

	// A crash leaves its pid file, here with the number of a living stranger.
	pidFile := filepath.Join(dir, "postgres", "postmaster.pid")
	if os.Getuid() == 0 {
		require.Contains(t, output.String(), "who cannot enter "+dir)
		pidFile = filepath.Join(fallbackFolder(dir), "postgres", "postmaster.pid")
	}
	require.NoError(t, os.WriteFile(pidFile, fmt.Appendf(nil, "%d\n/nowhere\n", os.Getpid()), 0o600))

	second, output := devstack(t, "--data", dir, "--", "sh", "-ec", `
		test "$(psql -At "$ATRIUM_DATABASE_URL" -c "select answer, current_setting('fsync'), current_setting('lc_collate') <> '' from kept")" = "yes|on|t"
		echo "$ATRIUM_KEYS_MASTER $ATRIUM_S3_SECRET_ACCESS_KEY" > keys`)
	require.NoError(t, second.Run(), "%s", output)
	before, err := os.ReadFile(filepath.Join(first.Dir, "keys"))
	require.NoError(t, err)
	after, err := os.ReadFile(filepath.Join(second.Dir, "keys"))
	require.NoError(t, err)
	require.Equal(t, string(before), string(after))
}

func TestExecJoinsARunningStackAndOnlyThat(t *testing.T) {
	t.Parallel()
	dir := dataFolder(t)
	binary, err := os.Executable()
	require.NoError(t, err)
	cmd, output := devstack(t, "--data", dir, "--ephemeral", "--", "sh", "-c",
		fmt.Sprintf(`%q exec --data %q -- sh -c 'test "$ATRIUM_DATABASE_URL" = "'"$ATRIUM_DATABASE_URL"'" && exit 9'`, binary, dir))
	require.Error(t, cmd.Run())
	require.Equal(t, 9, cmd.ProcessState.ExitCode(), "%s", output)

	out, err := exec.CommandContext(t.Context(), binary, "exec", "--data", dir, "--", "true").CombinedOutput()
	require.Error(t, err)
	require.Equal(t, "devstack: no stack is running here: start one with `make run`\n", string(out))
}
