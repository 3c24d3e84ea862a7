package sandbox

import (
	"bytes"
	"context"
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"atrium/platform/sandboxinit"
)

// thisProgram stays the same even when its file is replaced while it runs.
const thisProgram = "/proc/self/exe"

// HideProcess keeps processes of the same user from reading this one's environment and memory, and from tracing it. In turn there are no core dumps,
// and debuggers and tracers need the capability SYS_PTRACE.
func HideProcess() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("sandbox: hiding this process: %w", err)
	}
	return nil
}

// ownGroup puts a child into its own process group, and has it killed when this process dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

// confine has this program's own binary started in place of the command: there, before anything else, package sandboxinit confines the process and
// becomes the command.
func confine(cmd *exec.Cmd, limits Limits) {
	cmd.Args[0] = cmd.Path
	cmd.Path = thisProgram
	cmd.Env = append(cmd.Env, sandboxinit.Variable+"="+limits.order())
}

// order tells sandboxinit the limits.
func (l Limits) order() string {
	seconds := int64((l.CPU + time.Second - 1) / time.Second)
	limits := []struct {
		resource   int
		soft, hard int64
	}{
		{unix.RLIMIT_CORE, 0, 0},
		{unix.RLIMIT_CPU, seconds, seconds + 1}, // the signal at the soft limit tells why, the one at the hard limit does not
		{unix.RLIMIT_FSIZE, l.File, l.File},
		{unix.RLIMIT_NOFILE, int64(l.Files), int64(l.Files)},
		{unix.RLIMIT_DATA, l.Memory, l.Memory},
		{unix.RLIMIT_AS, l.Address, l.Address},
	}
	entries := make([]string, len(limits))
	for i, limit := range limits {
		entries[i] = fmt.Sprintf("%d:%d:%d", limit.resource, limit.soft, limit.hard)
	}
	return strings.Join(entries, ",")
}

// start starts the command and waits. The thread stays locked because Pdeathsig follows the thread that forked.
func start(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return cmd.Run()
}

// check lists what a child can still do.
func check(ctx context.Context) ([]string, error) {
	var out, errOut bytes.Buffer
	limits := Limits{CPU: time.Minute, Memory: 1 << 30, Address: 1 << 40, File: 0, Files: 16}
	cmd := exec.CommandContext(ctx, thisProgram)
	cmd.Env = []string{sandboxinit.Variable + "=" + sandboxinit.Check + limits.order()}
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = "/", &out, &errOut, ownGroup()
	if err := start(cmd); err != nil {
		return nil, fmt.Errorf("%w: %w: %s", ErrNotStarted, err, errOut.String())
	}
	return strings.FieldsFunc(out.String(), func(r rune) bool { return r == '\n' }), nil
}
