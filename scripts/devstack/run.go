package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// childGrace is how long the child may take to drain after a signal.
const childGrace = 40 * time.Second

// part is one thing that was started and how to stop it.
type part struct {
	name string
	stop func()
}

// stack is one running set of servers with its data folder.
type stack struct {
	opts    options
	guard   *guard
	secrets *secrets
	urls    endpoints

	mu    sync.Mutex // parts are started side by side
	parts []part
}

// run does everything that the command line asks for and answers the exit code.
// Whatever goes wrong is told in one sentence on stderr.
func run(opts options) int {
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	code, err := runStack(opts, signals)
	if err != nil {
		fmt.Fprintf(os.Stderr, "devstack: %v\n", err)
	}
	return code
}

func runStack(opts options, signals chan os.Signal) (int, error) {
	lock, err := lockData(opts.data)
	if err != nil {
		return 1, err
	}
	defer lock.Close()
	s := &stack{opts: opts}
	programs, err := s.prepare()
	if err != nil {
		return 1, err
	}
	if s.guard, err = startGuard(lock); err != nil {
		return 1, err
	}
	code := 1
	defer func() {
		s.stop()
		s.wipe(code == 0)
		s.guard.dismiss()
	}()
	if s.opts.ephemeral {
		s.guard.wipe(s.dataPaths()...)
	}
	s.guard.wipe(opts.endpoints, environmentFile(opts.data))

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	started := make(chan error, 1)
	go func() { started <- s.start(ctx, programs) }()
	select {
	case err = <-started:
	case sig := <-signals:
		cancel()
		<-started //nolint:errcheck // the signal ended it, whatever it says
		code = 128 + int(sig.(syscall.Signal))
		return code, nil
	}
	if err != nil {
		return code, err
	}
	code, err = s.runChild(signals)
	return code, err
}

// prepare checks everything that can be checked before anything is started.
func (s *stack) prepare() (programs, error) {
	found, err := findPrograms(s.opts.data)
	if err != nil {
		return found, err
	}
	if s.opts.apiAddr, err = claimAddr(s.opts.apiAddr, "e.g. `make run port=8090`"); err != nil {
		return found, err
	}
	if s.opts.privateAddr, err = claimAddr(s.opts.privateAddr, "with `--private-addr`"); err != nil {
		return found, err
	}
	if err := s.prepareData(); err != nil {
		return found, err
	}
	s.urls.API = "http://" + reachable(s.opts.apiAddr)
	s.urls.Private = "http://" + reachable(s.opts.privateAddr)
	return found, nil
}

// start brings all servers up, the slow ones side by side.
func (s *stack) start(ctx context.Context, found programs) error {
	var err error
	if s.secrets, err = loadSecrets(filepath.Join(s.opts.data, "keys.json")); err != nil {
		return err
	}
	slow := []func() error{
		func() error { return s.startPostgres(ctx, found) },
		func() error { return s.startRedis(ctx, found) },
		func() error { return s.startStandIns(ctx) },
	}
	failures := make([]error, len(slow))
	var wait sync.WaitGroup
	for i, start := range slow {
		wait.Go(func() { failures[i] = start() })
	}
	wait.Wait()
	for _, err := range failures {
		if err != nil {
			return err
		}
	}
	if err := s.urls.write(s.opts.endpoints); err != nil {
		return fmt.Errorf("the endpoints file could not be written: %w", err)
	}
	if err := s.writeEnvironment(); err != nil {
		return fmt.Errorf("the environment file could not be written: %w", err)
	}
	return nil
}

// serve starts a stand-in on a free port and answers its URL, which the handler
// gets to know before it serves.
func (s *stack) serve(name string, handler func(url string) http.Handler) (string, error) {
	listener, err := listenLocal()
	if err != nil {
		return "", fmt.Errorf("%s could not be started: %w", name, err)
	}
	url := "http://" + listener.Addr().String()
	server := &http.Server{Handler: handler(url), ReadHeaderTimeout: 10 * time.Second}
	go func() { _ = server.Serve(listener) }()
	s.started(name, listener.Addr().String(), func() { _ = server.Close() })
	return url, nil
}

// always is for a handler that does not ask for its URL.
func always(handler http.Handler) func(string) http.Handler {
	return func(string) http.Handler { return handler }
}

// started remembers what is to be stopped later and tells where it listens.
func (s *stack) started(name, addr string, stop func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parts = append(s.parts, part{name, stop})
	say("%-9s %s", name, addr)
}

// stop ends all parts, the last started first.
func (s *stack) stop() {
	_ = os.Remove(s.opts.endpoints)
	_ = os.Remove(environmentFile(s.opts.data))
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := len(s.parts) - 1; i >= 0; i-- {
		s.parts[i].stop()
	}
	s.parts = nil
}

// runChild runs the command to its end and answers its exit code.
func (s *stack) runChild(signals chan os.Signal) (int, error) {
	cmd := exec.Command(s.opts.command[0], s.opts.command[1:]...)
	cmd.Dir = s.opts.workDir
	cmd.Env = s.environment(os.Environ())
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	// A background group that reads from a terminal would be stopped by it.
	if info, err := os.Stdin.Stat(); err == nil && info.Mode()&os.ModeCharDevice == 0 {
		cmd.Stdin = os.Stdin
	}
	child, err := s.guard.start(cmd, syscall.SIGTERM)
	if err != nil {
		var missing *exec.Error
		if errors.As(err, &missing) {
			return 127, fmt.Errorf("the command %q was not found", s.opts.command[0])
		}
		return 126, fmt.Errorf("the command %q could not be started: %w", s.opts.command[0], err)
	}
	var deadline <-chan time.Time
	for {
		select {
		case sig := <-signals:
			child.signal(sig.(syscall.Signal))
			if deadline == nil {
				deadline = time.After(childGrace)
			}
		case <-deadline:
			say("the command did not end within %s and is killed", childGrace)
			child.signal(syscall.SIGKILL)
		case <-child.done:
			child.endGroup(5 * time.Second)
			return child.exitCode(), nil
		}
	}
}

func say(format string, args ...any) { fmt.Printf(format+"\n", args...) }
