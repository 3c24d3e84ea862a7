//go:build !linux

package imaging

import (
	"os"
	"os/exec"
	"syscall"
	"time"
)

// ownGroup puts a child into its own process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// runLimited only bounds the time: other systems have no limits for a running child. Production is Linux.
func (p *Processor) runLimited(cmd *exec.Cmd, _ time.Duration) error { return cmd.Run() }
