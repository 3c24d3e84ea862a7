// Package sandbox runs programs that read what strangers sent, so that one that is taken over by its input reaches nothing: no network, no other
// process, no environment but its own, no file that the server has open, and not more time, memory and disk than it was given.
// docs/adr/0066 says by which means, and what they do not do.
package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"atrium/platform/sandboxinit"
)

// Limits bound one program.
type Limits struct {
	CPU     time.Duration // that it may compute, all its threads together; rounded up to seconds
	Memory  int64         // bytes that it may write to: its heap and the stacks of its threads
	Address int64         // bytes of addresses: its memory, its libraries and the files that it maps
	File    int64         // bytes of a file that it may write
	Files   int           // that it may have open
}

// Program is what runs in a sandbox, once.
type Program struct {
	Path           string // or a name to be found in the PATH
	Arguments      []string
	Folder         string   // in which it works
	Environment    []string // all of it
	Stdout, Stderr io.Writer
	Limits         Limits
}

// ErrNotStarted: the program was not run. It is not to blame, nor is what it was to read.
var ErrNotStarted = errors.New("sandbox: the program was not started")

// ending is how long output may still come from a program that was killed.
const ending = time.Second

// Run runs a program to its end and kills it when ctx ends. It returns an *exec.ExitError where the program failed, and ErrNotStarted where it did not
// begin.
func Run(ctx context.Context, p Program) error {
	cmd := exec.CommandContext(ctx, p.Path, p.Arguments...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = p.Folder, p.Environment, p.Stdout, p.Stderr
	cmd.SysProcAttr = ownGroup()
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = ending
	confine(cmd, p.Limits)
	err := start(cmd)
	var exit *exec.ExitError
	switch {
	case err == nil || ctx.Err() != nil:
		return err
	case !errors.As(err, &exit), exit.ExitCode() == sandboxinit.Failed:
		return fmt.Errorf("%w: %s: %w", ErrNotStarted, p.Path, err)
	}
	return err
}

// ErrIncomplete: this system does not permit all that a sandbox is made of. Programs run in what is left of it.
var ErrIncomplete = errors.New("sandbox: programs are not fully confined on this system")

// Check tries a sandbox out. It returns ErrIncomplete with what programs can do all the same.
func Check(ctx context.Context) error {
	can, err := check(ctx)
	if err != nil {
		return err
	}
	if len(can) > 0 {
		return fmt.Errorf("%w: they can %s", ErrIncomplete, strings.Join(can, ", "))
	}
	return nil
}
