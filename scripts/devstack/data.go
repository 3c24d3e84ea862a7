package main

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// lockPatience bridges the moment in which the guard of a killed stack still
// cleans up behind it.
const lockPatience = 3 * time.Second

// lockData makes the folder this process's own until the lock is closed.
func lockData(dir string) (*os.File, error) {
	// Other users pass through (PostgreSQL runs as one); keys.json is closed to them.
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("the data folder cannot be made: %w", err)
	}
	path := filepath.Join(dir, "lock")
	deadline := time.Now().Add(lockPatience)
	for {
		file, err := tryLock(path)
		if err == nil {
			return file, nil
		}
		if !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, fmt.Errorf("the data folder cannot be locked: %w", err)
		}
		if time.Now().After(deadline) {
			return nil, fmt.Errorf("another stack runs on %s: stop it or choose another folder with --data", dir)
		}
		time.Sleep(100 * time.Millisecond) //nolint:forbidigo // between two looks, within a deadline
	}
}

// tryLock takes the lock only when the file it locked is still the one at path:
// an ephemeral stack removes its lock file at its end.
func tryLock(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		file.Close()
		return nil, err
	}
	mine, err1 := file.Stat()
	there, err2 := os.Stat(path)
	if err1 != nil || err2 != nil || !os.SameFile(mine, there) {
		file.Close()
		return nil, syscall.EWOULDBLOCK
	}
	return file, nil
}

// prepareData makes the folder fit for this run. A lasting stack is never wiped
// by an ephemeral one.
func (s *stack) prepareData() error {
	marker := filepath.Join(s.opts.data, "ephemeral")
	_, err := os.Stat(marker)
	wasEphemeral := err == nil
	_, err = os.Stat(filepath.Join(s.opts.data, "keys.json"))
	if err == nil && !wasEphemeral && s.opts.ephemeral {
		return fmt.Errorf("%s holds a lasting stack: choose another folder for --ephemeral", s.opts.data)
	}
	if wasEphemeral {
		s.reapPostgres()
		if err := removeAll(s.dataPaths()); err != nil {
			return fmt.Errorf("what an earlier stack left cannot be removed: %w", err)
		}
	}
	if s.opts.ephemeral {
		if err := os.WriteFile(marker, nil, 0o600); err != nil {
			return fmt.Errorf("the data folder cannot be written: %w", err)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.opts.data, "log"), 0o755); err != nil {
		return fmt.Errorf("the data folder cannot be written: %w", err)
	}
	return nil
}

// dataPaths are all that a stack keeps, but its logs. Nothing else in the folder
// is ever removed.
func (s *stack) dataPaths() []string {
	paths := []string{fallbackFolder(s.opts.data)}
	for _, name := range []string{"postgres", "postgres.new", "redis", "s3", "s3-meta", "keys.json", "ephemeral"} {
		paths = append(paths, filepath.Join(s.opts.data, name))
	}
	return paths
}

// wipe removes what an ephemeral stack made. The logs of a failed run stay.
func (s *stack) wipe(succeeded bool) {
	if !s.opts.ephemeral {
		return
	}
	paths := s.dataPaths()
	if succeeded {
		paths = append(paths, filepath.Join(s.opts.data, "log"), filepath.Join(s.opts.data, "lock"))
	} else {
		say("logs      %s", filepath.Join(s.opts.data, "log"))
	}
	if err := removeAll(paths); err != nil {
		say("the data folder could not be wiped: %v", err)
	}
	_ = os.Remove(s.opts.data) // only when nothing foreign is in it
}

func removeAll(paths []string) error {
	var failures []error
	for _, path := range paths {
		failures = append(failures, os.RemoveAll(path))
	}
	return errors.Join(failures...)
}

// fallbackFolder is where PostgreSQL's data goes when its user cannot enter dir.
func fallbackFolder(dir string) string {
	sum := sha256.Sum256([]byte(dir))
	return "/var/tmp/atrium-devstack-" + hex.EncodeToString(sum[:6])
}

// logFile opens DIR/log/NAME.log anew; the log before it stays as NAME.log.old.
func (s *stack) logFile(name string) (*os.File, error) {
	path := filepath.Join(s.opts.data, "log", name+".log")
	_ = os.Rename(path, path+".old")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("the log of %s cannot be written: %w", name, err)
	}
	return file, nil
}

// writeAtomic lets readers see the old file or the new one, nothing between.
func writeAtomic(path string, content []byte, mode os.FileMode) error {
	temporary, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(temporary.Name()) }()
	_, err = temporary.Write(content)
	err = errors.Join(err, temporary.Chmod(mode), temporary.Close())
	if err != nil {
		return err
	}
	return os.Rename(temporary.Name(), path)
}
