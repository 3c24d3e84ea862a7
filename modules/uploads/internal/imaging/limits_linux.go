package imaging

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// ownGroup puts a child into its own process group, and has it killed when the worker dies.
func ownGroup() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// runLimited starts the child, limits it and waits. The thread stays locked because Pdeathsig follows the thread that forked.
func (p *Processor) runLimited(cmd *exec.Cmd, compute time.Duration) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := p.limit(cmd.Process.Pid, compute); err != nil {
		_ = killGroup(cmd.Process)
		_ = cmd.Wait()
		return err
	}
	return cmd.Wait()
}

// limit bounds a running child. It has had no time to read any of the picture.
func (p *Processor) limit(pid int, compute time.Duration) error {
	for resource, most := range map[int]int64{
		unix.RLIMIT_DATA:   p.limits.Memory,
		unix.RLIMIT_FSIZE:  p.limits.Disk,
		unix.RLIMIT_CPU:    int64(compute/time.Second) + 1,
		unix.RLIMIT_NOFILE: 256,
		unix.RLIMIT_CORE:   0,
	} {
		limit := unix.Rlimit{Cur: uint64(most), Max: uint64(most)}
		if resource == unix.RLIMIT_CPU {
			limit.Max++ // the signal at the soft limit tells why, the one at the hard limit does not
		}
		if err := unix.Prlimit(pid, resource, &limit, nil); err != nil && err != unix.ESRCH { // it may be done already
			return fmt.Errorf("limiting the child: %w", err)
		}
	}
	return nil
}
