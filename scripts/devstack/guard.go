package main

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// guard is a second process of this binary that outlives a SIGKILL of the first.
// It reads from a pipe which groups run; when the pipe ends without a farewell,
// it ends those groups and removes what was to be removed. A parent-death signal
// alone would miss the grandchildren, and exists on Linux only.
type guard struct {
	mu   sync.Mutex
	pipe io.WriteCloser
	cmd  *exec.Cmd
}

// startGuard hands the folder's lock on to the guard, so that no new stack enters
// the folder before the guard is through with it.
func startGuard(lock *os.File) (*guard, error) {
	binary, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("the guard could not be started: %w", err)
	}
	cmd := exec.Command(binary, "guard")
	cmd.ExtraFiles = []*os.File{lock}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	pipe, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("the guard could not be started: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("the guard could not be started: %w", err)
	}
	return &guard{pipe: pipe, cmd: cmd}, nil
}

// start runs cmd under the guard; sig is what ends it when this process is killed.
func (g *guard) start(cmd *exec.Cmd, sig syscall.Signal) (*process, error) {
	if err := spawn(cmd, sig); err != nil {
		return nil, err
	}
	g.tell("group %d %d", cmd.Process.Pid, int(sig))
	p := &process{cmd: cmd, guard: g, done: make(chan struct{})}
	go func() {
		_ = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

func (g *guard) forget(pgid int) { g.tell("forget %d", pgid) }

func (g *guard) wipe(paths ...string) {
	for _, path := range paths {
		g.tell("wipe %s", strconv.Quote(path))
	}
}

// dismiss ends the guard with nothing to do.
func (g *guard) dismiss() {
	g.tell("farewell")
	_ = g.pipe.Close()
	_ = g.cmd.Wait()
}

func (g *guard) tell(format string, args ...any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	fmt.Fprintf(g.pipe, format+"\n", args...)
}

type guardedGroup struct {
	pgid int
	sig  syscall.Signal
}

// guardMain is the second process.
func guardMain(pipe io.Reader) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP, syscall.SIGPIPE)
	var groups []guardedGroup
	var paths []string
	lines := bufio.NewScanner(pipe)
	for lines.Scan() {
		word, rest, _ := strings.Cut(lines.Text(), " ")
		switch word {
		case "group":
			var group guardedGroup
			if _, err := fmt.Sscanf(rest, "%d %d", &group.pgid, &group.sig); err == nil && group.pgid > 1 {
				groups = append(groups, group)
			}
		case "forget":
			groups = slices.DeleteFunc(groups, func(g guardedGroup) bool { return strconv.Itoa(g.pgid) == rest })
		case "wipe":
			if path, err := strconv.Unquote(rest); err == nil {
				paths = append(paths, path)
			}
		case "farewell":
			return 0
		}
	}
	for _, group := range slices.Backward(groups) {
		endGroup(group.pgid, group.sig, 5*time.Second)
	}
	_ = removeAll(paths)
	return 0
}
