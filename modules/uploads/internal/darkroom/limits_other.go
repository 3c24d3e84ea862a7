//go:build !linux

package darkroom

import (
	"os"
	"os/exec"
	"syscall"
)

// ownGroup puts a child into its own process group.
func ownGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

func killGroup(p *os.Process) error { return syscall.Kill(-p.Pid, syscall.SIGKILL) }

// runLimited only bounds the time: other systems have no limits for a running child. Production is Linux.
func (d *Darkroom) runLimited(cmd *exec.Cmd) error { return cmd.Run() }
