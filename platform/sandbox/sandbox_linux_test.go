package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"atrium/platform/sandboxtest"
)

var roomy = Limits{CPU: 20 * time.Second, Memory: 256 << 20, Address: 1 << 40, File: 1 << 20, Files: 64}

// asNobody makes this test binary tell what a server of the least rights sees of itself once it is hidden, and what its children can do.
const asNobody = "TEST_AS_NOBODY"

// asServer makes this test binary run a program that never ends, after it told its number.
const asServer = "TEST_AS_SERVER"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(asNobody) != "":
		os.Exit(tellAsNobody())
	case os.Getenv(asServer) != "":
		fmt.Println(Run(context.Background(), Program{
			Path: "sh", Arguments: []string{"-c", "echo $$; exec sleep 600"}, Folder: "/", Stdout: os.Stdout, Limits: roomy,
		}))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func tellAsNobody() int {
	if err := HideProcess(); err != nil {
		fmt.Println(err)
		return 1
	}
	files, err := os.ReadDir("/proc/self/fd")
	fmt.Println("open files", len(files) > 2, err)
	_, err = os.ReadFile("/proc/self/stat")
	fmt.Println("figures", err)
	fmt.Println("check", Check(context.Background()))
	return 0
}

// ran runs a program of the system in a sandbox, and returns all that it wrote.
func ran(t *testing.T, limits Limits, path string, arguments ...string) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Run(t.Context(), Program{
		Path: path, Arguments: arguments, Folder: t.TempDir(), Environment: []string{"GIVEN=this"}, Stdout: &out, Stderr: &out, Limits: limits,
	})
	return out.String(), err
}

func TestFault_K7_AProgramBeginsWithNothing(t *testing.T) {
	t.Parallel()
	left, err := os.Open(os.DevNull) // as one that whoever started the server left open in it
	require.NoError(t, err)
	defer left.Close()
	const number = 77
	require.NoError(t, unix.Dup3(int(left.Fd()), number, 0))
	defer func() { _ = unix.Close(number) }()

	out, err := ran(t, roomy, "env")
	require.NoError(t, err)
	require.Equal(t, "GIVEN=this\n", out)
	out, err = ran(t, roomy, "ls", "/proc/self/fd")
	require.NoError(t, err)
	require.Equal(t, "0\n1\n2\n3\n", out, "its input, output and error, and what ls itself opened")
	out, err = ran(t, roomy, "pwd")
	require.NoError(t, err)
	require.NotEqual(t, out, must(os.Getwd())+"\n")
	out, err = ran(t, roomy, "cat", "/proc/self/status")
	require.NoError(t, err)
	require.Regexp(t, `CapInh:\s0+\nCapPrm:\s0+\nCapEff:\s0+\n`, out)
	require.Regexp(t, `CapAmb:\s0+\nNoNewPrivs:\s1\nSeccomp:\s2\n`, out)
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func TestFault_K7_AProgramReachesNothingOutside(t *testing.T) {
	t.Parallel()
	require.NoError(t, HideProcess())
	server := uintptr(os.Getpid())
	const itself = 1 << 20 // stands for the program's own number
	for name, c := range map[string]struct {
		call []uintptr
		want syscall.Errno
	}{
		"a socket":                      {[]uintptr{unix.SYS_SOCKET, unix.AF_INET, unix.SOCK_STREAM}, unix.EPERM},
		"a socket of this machine":      {[]uintptr{unix.SYS_SOCKET, unix.AF_UNIX, unix.SOCK_STREAM}, unix.EPERM},
		"a socket of the kernel's":      {[]uintptr{unix.SYS_SOCKET, unix.AF_NETLINK, unix.SOCK_RAW}, unix.EPERM},
		"a pair of sockets":             {[]uintptr{unix.SYS_SOCKETPAIR, unix.AF_UNIX, unix.SOCK_STREAM}, unix.EPERM},
		"a ring, which makes sockets":   {[]uintptr{unix.SYS_IO_URING_SETUP, 1}, unix.EPERM},
		"another process":               {[]uintptr{unix.SYS_CLONE, uintptr(unix.SIGCHLD)}, unix.EPERM},
		"another process, by new means": {[]uintptr{unix.SYS_CLONE3}, unix.ENOSYS},
		"its own group":                 {[]uintptr{unix.SYS_SETSID}, unix.EPERM},
		"its own users":                 {[]uintptr{unix.SYS_UNSHARE, unix.CLONE_NEWUSER}, unix.EPERM},
		"the server's memory":           {[]uintptr{unix.SYS_PROCESS_VM_READV, server}, unix.EPERM},
		"the server, traced":            {[]uintptr{unix.SYS_PTRACE, unix.PTRACE_SEIZE, server}, unix.EPERM},
		"the server, by a handle":       {[]uintptr{unix.SYS_PIDFD_OPEN, server}, unix.EPERM},
		"the server, killed":            {[]uintptr{unix.SYS_KILL, server}, unix.EPERM},
		"a thread of it, killed":        {[]uintptr{unix.SYS_TGKILL, server, server}, unix.EPERM},
		"the server's group, killed":    {[]uintptr{unix.SYS_KILL, ^uintptr(0)}, unix.EPERM},
		"the server's limits":           {[]uintptr{unix.SYS_PRLIMIT64, server, unix.RLIMIT_NOFILE}, unix.EPERM},
		"the server's priority":         {[]uintptr{unix.SYS_SETPRIORITY, unix.PRIO_PROCESS, server, 19}, unix.EPERM},
		"memory beside its limit":       {[]uintptr{unix.SYS_MEMFD_CREATE}, unix.EPERM},
		"keys":                          {[]uintptr{unix.SYS_KEYCTL}, unix.EPERM},
		"a program for the kernel":      {[]uintptr{unix.SYS_BPF}, unix.EPERM},
		"calls of a later kernel":       {[]uintptr{unix.SYS_FUTEX_WAITV}, unix.ENOSYS},
		"a signal to itself":            {[]uintptr{unix.SYS_KILL, itself}, 0},
		"its own limits":                {[]uintptr{unix.SYS_PRLIMIT64, 0, unix.RLIMIT_NOFILE}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			const perl = `my @call = map { $_ eq "itself" ? $$ : $_ + 0 } @ARGV; my $n = shift @call; push @call, 0 while @call < 6; print syscall($n, @call) == -1 ? $! + 0 : 0`
			arguments := []string{"-e", perl}
			for _, number := range c.call {
				if number == itself {
					arguments = append(arguments, "itself")
					continue
				}
				arguments = append(arguments, fmt.Sprint(int64(number)))
			}
			out, err := ran(t, roomy, "perl", arguments...)
			require.NoError(t, err, out)
			require.Equal(t, fmt.Sprint(int(c.want)), out)
		})
	}
	for _, look := range [][]string{{"cat", "environ"}, {"cat", "mem"}, {"cat", "maps"}, {"cat", "io"}, {"cat", "fd/0"}, {"ls", "cwd/"}} {
		t.Run("the server's "+look[1], func(t *testing.T) {
			t.Parallel()
			out, err := ran(t, roomy, look[0], fmt.Sprintf("/proc/%d/%s", server, look[1]))
			require.Error(t, err, out)
			require.Contains(t, out, "Permission denied")
		})
	}
}

func TestFault_K7_AProgramIsLimited(t *testing.T) {
	t.Parallel()
	out, err := ran(t, roomy, "cat", "/proc/self/limits")
	require.NoError(t, err)
	for _, limit := range []string{`cpu time +20 +21 `, `file size +1048576 +1048576 `, `data size +268435456 +268435456 `, `core file size +0 +0 `,
		`open files +64 +64 `, `address space +1099511627776 +1099511627776 `} {
		require.Regexp(t, "Max "+limit, out)
	}
	ended := func(signal syscall.Signal, limits Limits, path string, arguments ...string) {
		t.Helper()
		out, err := ran(t, limits, path, arguments...)
		var exit *exec.ExitError
		require.ErrorAs(t, err, &exit, out)
		require.Equal(t, signal, exit.Sys().(syscall.WaitStatus).Signal(), out)
	}
	ended(syscall.SIGXFSZ, roomy, "dd", "if=/dev/zero", "of=large", "bs=1M", "count=3")
	brief := roomy
	brief.CPU = 100 * time.Millisecond // rounded up to a second
	ended(syscall.SIGXCPU, brief, "perl", "-e", "1 while 1")
	out, err = ran(t, roomy, "perl", "-e", `my $x = "a" x (300 << 20)`)
	require.Error(t, err)
	require.Contains(t, out, "Out of memory")
	narrow := roomy
	narrow.Address = 64 << 20
	out, err = ran(t, narrow, "perl", "-e", `my $x = "a" x (100 << 20)`)
	require.Error(t, err)
	require.Contains(t, out, "Out of memory")
}

func TestRun_TellsAProgramThatDidNotStartFromOneThatFailed(t *testing.T) {
	t.Parallel()
	_, err := ran(t, roomy, "false")
	var exit *exec.ExitError
	require.ErrorAs(t, err, &exit)
	require.NotErrorIs(t, err, ErrNotStarted)

	empty := filepath.Join(t.TempDir(), "empty")
	require.NoError(t, os.WriteFile(empty, nil, 0o700))
	for _, path := range []string{"no such program", "/no/such/program", empty} {
		_, err = ran(t, roomy, path)
		require.ErrorIs(t, err, ErrNotStarted, path)
	}
	require.ErrorIs(t, Run(t.Context(), Program{Path: "true", Folder: "/no/such/folder", Limits: roomy}), ErrNotStarted)
}

func TestRun_KillsWhenTheContextEnds(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	require.Error(t, Run(ctx, Program{Path: "sleep", Arguments: []string{"600"}, Folder: t.TempDir(), Limits: roomy}))
	require.Less(t, time.Since(began), 10*time.Second)
}

func TestRun_AProgramDoesNotOutliveItsServer(t *testing.T) {
	t.Parallel()
	server := exec.CommandContext(t.Context(), thisProgram)
	server.Env = append(os.Environ(), asServer+"=1")
	out, err := server.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, server.Start())
	var program int
	_, err = fmt.Fscanln(out, &program)
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(program, 0), "it runs")
	require.NoError(t, server.Process.Kill())
	require.Error(t, server.Wait())
	require.Eventually(t, func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", program))
		return err != nil || bytes.Contains(state, []byte(") Z ")) // nobody may wait for it
	}, 10*time.Second, 10*time.Millisecond)
}

func TestCheck_FindsNothingMissingHere(t *testing.T) {
	t.Parallel()
	require.NoError(t, HideProcess())
	require.NoError(t, Check(t.Context()))
}

func TestCheck_OfAServerWithoutRights(t *testing.T) {
	t.Parallel()
	nobody := exec.CommandContext(t.Context(), thisProgram)
	nobody.Env = []string{asNobody + "=1"}
	if os.Getuid() == 0 {
		nobody.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	out, err := nobody.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Equal(t, "open files true <nil>\nfigures <nil>\ncheck <nil>\n", string(out))
}

// A system that takes no filters, as some containers, is told from one that does, and programs run all the same.
func TestCheck_SaysWhatIsMissing(t *testing.T) {
	t.Parallel()
	require.NoError(t, HideProcess())
	require.NoError(t, sandboxtest.WithoutFilters(func() error {
		err := Check(t.Context())
		assert.EqualError(t, err, ErrIncomplete.Error()+": they can open sockets, send signals to the server")
		assert.ErrorIs(t, err, ErrIncomplete)
		return Run(t.Context(), Program{Path: "true", Folder: t.TempDir(), Limits: roomy})
	}))
}
