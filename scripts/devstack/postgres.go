package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// programs are the binaries that the stack runs.
type programs struct {
	postgres, initdb, redis string
}

// findPrograms looks where Debian, Ubuntu, brew and hand-made installations put
// them. A folder whose data another version made prefers that version.
func findPrograms(data string) (programs, error) {
	var found programs
	bin := postgresBin(dataVersion(data))
	found.postgres, found.initdb = filepath.Join(bin, "postgres"), filepath.Join(bin, "initdb")
	if bin == "" {
		return found, errors.New("PostgreSQL's server (postgres, initdb) is missing: run scripts/bootstrap.sh")
	}
	for _, folder := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/bin", "/usr/local/bin", "/opt/homebrew/bin") {
		if path := filepath.Join(folder, "redis-server"); executable(path) {
			found.redis = path
			return found, nil
		}
	}
	return found, errors.New("redis-server is missing: run scripts/bootstrap.sh")
}

// postgresBin answers the folder that holds both postgres and initdb, or "".
func postgresBin(wanted string) string {
	var candidates []string
	for _, folder := range filepath.SplitList(os.Getenv("PATH")) {
		if real, err := filepath.EvalSymlinks(filepath.Join(folder, "postgres")); err == nil {
			candidates = append(candidates, filepath.Dir(real))
		}
	}
	for _, pattern := range []string{
		"/usr/lib/postgresql/*/bin", "/opt/homebrew/opt/postgresql*/bin", "/usr/local/opt/postgresql*/bin",
	} {
		matches, _ := filepath.Glob(pattern)
		slices.Reverse(matches) // the newest first
		candidates = append(candidates, matches...)
	}
	candidates = slices.DeleteFunc(candidates, func(folder string) bool {
		return !executable(filepath.Join(folder, "postgres")) || !executable(filepath.Join(folder, "initdb"))
	})
	for _, folder := range candidates {
		if wanted != "" && binaryVersion(folder) == wanted {
			return folder
		}
	}
	if len(candidates) == 0 {
		return ""
	}
	return candidates[0]
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0
}

// dataVersion is the major version that made the cluster of a data folder, or "".
func dataVersion(data string) string {
	for _, folder := range []string{data, fallbackFolder(data)} {
		if content, err := os.ReadFile(filepath.Join(folder, "postgres", "PG_VERSION")); err == nil {
			return strings.TrimSpace(string(content))
		}
	}
	return ""
}

// binaryVersion is the major version of the binaries in a folder.
func binaryVersion(folder string) string {
	output, err := exec.Command(filepath.Join(folder, "postgres"), "--version").Output()
	fields := strings.Fields(string(output))
	if err != nil || len(fields) < 3 {
		return ""
	}
	major, _, _ := strings.Cut(fields[2], ".")
	return major
}

// postgresServer is one private cluster.
type postgresServer struct {
	stack   *stack
	found   programs
	account *account // who it runs as; nil for ourselves
	folder  string
	log     *os.File
}

// startPostgres brings the private cluster up, making it first where it is missing.
func (s *stack) startPostgres(ctx context.Context, found programs) error {
	log, err := s.logFile("postgres")
	if err != nil {
		return err
	}
	defer log.Close() // the server has its own copy
	server := &postgresServer{stack: s, found: found, log: log}
	if err := server.placeFolder(); err != nil {
		return err
	}
	s.reapPostgres()
	if err := server.create(ctx); err != nil {
		return err
	}
	for range 3 {
		var again bool
		if again, err = server.launch(ctx); !again {
			break
		}
	}
	return err
}

// placeFolder decides where the cluster lives and as whom it runs: PostgreSQL
// refuses root, and another user may not be able to enter the data folder.
func (p *postgresServer) placeFolder() error {
	base := p.stack.opts.data
	p.folder = filepath.Join(base, "postgres")
	if os.Getuid() != 0 {
		return nil
	}
	var err error
	if p.account, err = unprivileged(); err != nil {
		return err
	}
	if !p.account.mayEnter(base) {
		base = fallbackFolder(p.stack.opts.data)
		if err := ownFolder(base); err != nil {
			return err
		}
		p.folder = filepath.Join(base, "postgres")
		say("postgres  runs as %s, who cannot enter %s: its data is in %s", p.account.name, p.stack.opts.data, base)
	}
	return nil
}

// ownFolder makes a folder below a place where everybody can write, and refuses
// one that somebody else put there.
func ownFolder(path string) error {
	if err := os.Mkdir(path, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return fmt.Errorf("PostgreSQL's folder cannot be made: %w", err)
	}
	info, err := os.Lstat(path)
	if err != nil {
		return fmt.Errorf("PostgreSQL's folder cannot be read: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() {
		return fmt.Errorf("%s belongs to somebody else: remove it", path)
	}
	return nil
}

// create runs initdb beside the final place and renames at the end, so that an
// interrupted first start leaves nothing that looks finished.
func (p *postgresServer) create(ctx context.Context) error {
	if content, err := os.ReadFile(filepath.Join(p.folder, "PG_VERSION")); err == nil {
		have, want := binaryVersion(filepath.Dir(p.found.postgres)), strings.TrimSpace(string(content))
		if have != want {
			return fmt.Errorf("%s was made by PostgreSQL %s and this machine has %s: install that version or remove the folder", p.folder, want, have)
		}
		return nil
	}
	fresh := p.folder + ".new"
	if err := os.RemoveAll(fresh); err != nil {
		return fmt.Errorf("PostgreSQL's folder cannot be made: %w", err)
	}
	if err := os.Mkdir(fresh, 0o700); err != nil {
		return fmt.Errorf("PostgreSQL's folder cannot be made: %w", err)
	}
	if err := p.account.own(fresh); err != nil {
		return fmt.Errorf("PostgreSQL's folder cannot be made: %w", err)
	}
	if err := p.initdb(ctx, fresh); err != nil {
		return err
	}
	// Single-user mode needs neither a port nor a client program.
	single := exec.Command(p.found.postgres, "--single", "-D", fresh, "postgres")
	single.Stdin = strings.NewReader("CREATE DATABASE atrium\n")
	if err := p.runTool(ctx, single); err != nil {
		return fmt.Errorf("the database could not be made (see %s): %w", p.log.Name(), err)
	}
	if err := os.Rename(fresh, p.folder); err != nil {
		return fmt.Errorf("PostgreSQL's folder cannot be made: %w", err)
	}
	return nil
}

func (p *postgresServer) initdb(ctx context.Context, folder string) error {
	password := filepath.Join(folder+".password", "")
	if err := os.WriteFile(password, []byte(p.stack.secrets.DatabasePassword+"\n"), 0o600); err != nil {
		return fmt.Errorf("PostgreSQL's password cannot be written: %w", err)
	}
	defer func() { _ = os.Remove(password) }()
	if err := p.account.own(password); err != nil {
		return fmt.Errorf("PostgreSQL's password cannot be written: %w", err)
	}
	var err error
	// Without C.UTF-8 pg_trgm overlooks Korean; plain C is the last resort.
	for _, locale := range []string{"C.UTF-8", "C"} {
		args := []string{"-D", folder, "--encoding=UTF8", "--locale=" + locale, "--username=atrium", "--pwfile=" + password}
		if p.stack.opts.ephemeral {
			args = append(args, "--no-sync", "--auth=trust") // hundreds of test pools connect
		} else {
			args = append(args, "--auth=scram-sha-256")
		}
		if err = p.runTool(ctx, exec.Command(p.found.initdb, args...)); err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("initdb failed (see %s): %w", p.log.Name(), err)
	}
	return nil
}

// launch starts the server on a free port; again asks for another try when
// somebody took the port meanwhile.
func (p *postgresServer) launch(ctx context.Context) (again bool, err error) {
	port, err := freePort()
	if err != nil {
		return false, err
	}
	settings := []string{"listen_addresses=127.0.0.1", "unix_socket_directories=", "timezone=UTC", "log_timezone=UTC", "max_connections=300"}
	if p.stack.opts.ephemeral && !p.stack.opts.durable {
		settings = append(settings, "fsync=off", "synchronous_commit=off", "full_page_writes=off")
	} else {
		settings = append(settings, "fsync=on", "synchronous_commit=on", "full_page_writes=on", "shared_buffers=256MB")
	}
	if p.stack.opts.statements {
		settings = append(settings, "shared_preload_libraries=pg_stat_statements")
	}
	args := []string{"-D", p.folder, "-p", strconv.Itoa(port)}
	for _, setting := range settings {
		args = append(args, "-c", setting)
	}
	// Killed with us, it must not wait for clients: the log makes that safe.
	running, err := p.startTool(exec.Command(p.found.postgres, args...), syscall.SIGQUIT)
	if err != nil {
		return false, fmt.Errorf("PostgreSQL could not be started: %w", err)
	}
	if err := p.waitReady(ctx, running); err != nil {
		ended := running.ended()
		running.stop(10*time.Second, syscall.SIGQUIT)
		return ended && !portFree("127.0.0.1", port), err
	}
	p.stack.urls.Database = fmt.Sprintf("postgres://atrium:%s@127.0.0.1:%d/atrium?sslmode=disable", p.stack.secrets.DatabasePassword, port)
	p.stack.started("postgres", fmt.Sprintf("127.0.0.1:%d", port), func() {
		running.stop(30*time.Second, syscall.SIGINT, syscall.SIGQUIT)
	})
	return false, nil
}

// waitReady reads the status line of postmaster.pid, as pg_ctl does.
func (p *postgresServer) waitReady(ctx context.Context, running *process) error {
	deadline := time.Now().Add(90 * time.Second) // a crashed cluster recovers first
	for time.Now().Before(deadline) {
		pid, status := readPostmaster(p.folder)
		if pid == running.cmd.Process.Pid && status == "ready" {
			return nil
		}
		if running.ended() {
			return fmt.Errorf("PostgreSQL ended at its start: see %s", p.log.Name())
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(25 * time.Millisecond):
		}
	}
	return fmt.Errorf("PostgreSQL is not ready after 90 seconds: see %s", p.log.Name())
}

// reapPostgres ends a server that a crashed run left on this folder and removes
// its pid file. The folder's lock is ours, so no living stack owns it. A number
// in a stale file may by now belong to a stranger, who is left alone.
func (s *stack) reapPostgres() {
	for _, base := range []string{s.opts.data, fallbackFolder(s.opts.data)} {
		folder := filepath.Join(base, "postgres")
		pid, _ := readPostmaster(folder)
		if pid <= 1 {
			continue
		}
		if strings.Contains(commandLine(pid), "-D "+folder+" ") {
			say("postgres  an earlier run left it running: it is stopped first")
			_ = syscall.Kill(pid, syscall.SIGQUIT)
			for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline) && syscall.Kill(pid, 0) == nil; {
				time.Sleep(50 * time.Millisecond) //nolint:forbidigo // between two looks, within a deadline
			}
		}
		_ = os.Remove(filepath.Join(folder, "postmaster.pid"))
	}
}

// commandLine is how a process was started, "" for none.
func commandLine(pid int) string {
	if content, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid)); err == nil {
		return strings.ReplaceAll(string(content), "\x00", " ")
	}
	output, _ := exec.Command("ps", "-ww", "-o", "command=", "-p", strconv.Itoa(pid)).Output()
	return string(output)
}

// readPostmaster answers the process id and the status in postmaster.pid.
func readPostmaster(folder string) (pid int, status string) {
	content, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		return 0, ""
	}
	lines := strings.Split(string(content), "\n")
	pid, _ = strconv.Atoi(strings.TrimSpace(lines[0]))
	if len(lines) > 7 {
		status = strings.TrimSpace(lines[7])
	}
	return pid, status
}

// runTool runs one of PostgreSQL's programs to its end.
func (p *postgresServer) runTool(ctx context.Context, cmd *exec.Cmd) error {
	running, err := p.startTool(cmd, syscall.SIGKILL)
	if err != nil {
		return err
	}
	select {
	case <-running.done:
	case <-ctx.Done():
	}
	running.stop(5*time.Second, syscall.SIGTERM)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if code := running.exitCode(); code != 0 {
		return fmt.Errorf("it ended with %d", code)
	}
	return nil
}

func (p *postgresServer) startTool(cmd *exec.Cmd, deathSignal syscall.Signal) (*process, error) {
	cmd.Dir = p.account.home(p.folder)
	cmd.Stdout, cmd.Stderr = p.log, p.log
	cmd.Env = append(slices.DeleteFunc(os.Environ(), func(pair string) bool {
		return strings.HasPrefix(pair, "PG") || strings.HasPrefix(pair, "LC_") || strings.HasPrefix(pair, "LANG")
	}), "LC_ALL=C")
	if p.account != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account.credential}
	}
	return p.stack.guard.start(cmd, deathSignal)
}

// account is the user that PostgreSQL runs as when we are root. A nil one is us.
type account struct {
	name       string
	credential *syscall.Credential
}

// unprivileged answers postgres where that user exists, else nobody.
func unprivileged() (*account, error) {
	for _, name := range []string{"postgres", "nobody"} {
		found, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(found.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(found.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &account{name, &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, nil
		}
	}
	return nil, errors.New("PostgreSQL does not run as root, and there is no user postgres or nobody to run it as")
}

// mayEnter asks the system itself: modes alone do not tell about mounts and lists.
func (a *account) mayEnter(folder string) bool {
	cmd := exec.Command("/bin/sh", "-c", `cd "$0" && cd / && test -x "$0"`, folder)
	cmd.Dir = "/"
	cmd.Stdout, cmd.Stderr = io.Discard, io.Discard
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: a.credential}
	return cmd.Run() == nil
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Chown(path, int(a.credential.Uid), int(a.credential.Gid))
}

// home is a folder that the account can stand in.
func (a *account) home(folder string) string {
	if a == nil {
		return filepath.Dir(folder)
	}
	return "/"
}
