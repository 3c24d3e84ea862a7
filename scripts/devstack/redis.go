package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// startRedis starts a private Redis that keeps nothing: the product treats it as
// disposable, and a local one that forgets holds it to that.
func (s *stack) startRedis(ctx context.Context, found programs) error {
	folder := filepath.Join(s.opts.data, "redis")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("the folder of Redis cannot be made: %w", err)
	}
	log, err := s.logFile("redis")
	if err != nil {
		return err
	}
	defer log.Close() // the server has its own copy
	for range 3 {
		var port int
		if port, err = freePort(); err != nil {
			return err
		}
		cmd := exec.Command(found.redis, "--port", strconv.Itoa(port), "--bind", "127.0.0.1",
			"--dir", folder, "--databases", "256", "--save", "", "--appendonly", "no",
			"--maxmemory-policy", "noeviction", "--daemonize", "no")
		cmd.Stdout, cmd.Stderr = log, log
		running, startErr := s.guard.start(cmd, syscall.SIGKILL)
		if startErr != nil {
			return fmt.Errorf("redis could not be started: %w", startErr)
		}
		if err = waitRedis(ctx, running, port); err == nil {
			s.urls.Redis = fmt.Sprintf("redis://127.0.0.1:%d/0", port)
			s.started("redis", fmt.Sprintf("127.0.0.1:%d", port), func() { running.stop(5*time.Second, syscall.SIGTERM) })
			return nil
		}
		running.stop(5*time.Second, syscall.SIGTERM)
		if ctx.Err() != nil || portFree("127.0.0.1", port) {
			break
		}
	}
	return fmt.Errorf("redis could not be started (see %s): %w", log.Name(), err)
}

// waitRedis waits until the very process that was started answers on the port.
func waitRedis(ctx context.Context, running *process, port int) error {
	deadline := time.Now().Add(20 * time.Second)
	for time.Now().Before(deadline) {
		if running.ended() {
			return errors.New("it ended at its start")
		}
		if redisProcess(port) == running.cmd.Process.Pid {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("it does not answer after 20 seconds")
}

// redisProcess asks the Redis on a port for its process id; 0 for none.
func redisProcess(port int) int {
	conn, err := net.DialTimeout("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), time.Second)
	if err != nil {
		return 0
	}
	defer func() { _ = conn.Close() }()
	_ = conn.SetDeadline(time.Now().Add(time.Second))
	fmt.Fprint(conn, "INFO server\r\n")
	for lines := bufio.NewScanner(conn); lines.Scan(); {
		if text, found := strings.CutPrefix(lines.Text(), "process_id:"); found {
			pid, _ := strconv.Atoi(strings.TrimSpace(text))
			return pid
		}
	}
	return 0
}
