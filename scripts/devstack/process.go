package main

import (
	"errors"
	"os/exec"
	"runtime"
	"syscall"
	"time"
)

// process is a started program in a process group of its own.
type process struct {
	cmd   *exec.Cmd
	guard *guard
	done  chan struct{} // closed once the program has ended and was reaped
}

// signal reaches the program and everything it started in its group.
func (p *process) signal(sig syscall.Signal) { _ = syscall.Kill(-p.cmd.Process.Pid, sig) }

// ended tells without waiting.
func (p *process) ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// waitFor answers whether the program ended within the time.
func (p *process) waitFor(d time.Duration) bool {
	select {
	case <-p.done:
		return true
	case <-time.After(d):
		return false
	}
}

// stop asks with each signal in turn and kills at last. The group is gone after it.
func (p *process) stop(grace time.Duration, asks ...syscall.Signal) {
	for _, sig := range asks {
		p.signal(sig)
		if p.waitFor(grace) {
			break
		}
	}
	p.signal(syscall.SIGKILL)
	p.waitFor(grace)
	p.guard.forget(p.cmd.Process.Pid)
}

// endGroup ends what a program left running in its group when it ended itself.
func (p *process) endGroup(grace time.Duration) {
	endGroup(p.cmd.Process.Pid, syscall.SIGTERM, grace)
	p.guard.forget(p.cmd.Process.Pid)
}

// exitCode is the program's own, or 128 + the signal that ended it, as a shell says it.
func (p *process) exitCode() int {
	if status, ok := p.cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return 128 + int(status.Signal())
	}
	return p.cmd.ProcessState.ExitCode()
}

// endGroup sends sig to a whole group, waits for it to be empty, then kills it.
func endGroup(pgid int, sig syscall.Signal, grace time.Duration) {
	if errors.Is(syscall.Kill(-pgid, sig), syscall.ESRCH) {
		return
	}
	deadline := time.Now().Add(grace)
	for time.Now().Before(deadline) {
		if errors.Is(syscall.Kill(-pgid, 0), syscall.ESRCH) {
			return
		}
		time.Sleep(20 * time.Millisecond) //nolint:forbidigo // between two looks, within a deadline
	}
	_ = syscall.Kill(-pgid, syscall.SIGKILL)
}

// starts is served by one goroutine on one thread that never ends: Linux sends
// a parent-death signal when the *thread* that forked ends, not the process.
var starts = func() chan func() {
	queue := make(chan func())
	go func() {
		runtime.LockOSThread()
		for start := range queue {
			start()
		}
	}()
	return queue
}()

// spawn starts cmd in its own group; deathSignal reaches it when this process
// dies (where the system has that; the guard does the same everywhere).
func spawn(cmd *exec.Cmd, deathSignal syscall.Signal) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	dieWithParent(cmd.SysProcAttr, deathSignal)
	result := make(chan error)
	starts <- func() { result <- cmd.Start() }
	return <-result
}
