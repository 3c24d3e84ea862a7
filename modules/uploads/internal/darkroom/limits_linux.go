package darkroom

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
func (d *Darkroom) runLimited(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := cmd.Start(); err != nil {
		return err
	}
	if err := d.limit(cmd.Process.Pid); err != nil {
		_ = killGroup(cmd.Process)
		_ = cmd.Wait()
		return err
	}
	return cmd.Wait()
}

// limit bounds a running child. It has had no time to read any of the picture.
func (d *Darkroom) limit(pid int) error {
	for resource, most := range map[int]int64{
		unix.RLIMIT_DATA:   d.limits.Memory,
		unix.RLIMIT_FSIZE:  d.limits.Disk,
		unix.RLIMIT_CPU:    int64(d.limits.Time/time.Second) + 1,
		unix.RLIMIT_NOFILE: 256,
		unix.RLIMIT_CORE:   0,
	} {
		limit := unix.Rlimit{Cur: uint64(most), Max: uint64(most)}
		if err := unix.Prlimit(pid, resource, &limit, nil); err != nil && err != unix.ESRCH { // it may be done already
			return fmt.Errorf("limiting the child: %w", err)
		}
	}
	return nil
}
