package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

// environmentFile keeps the variables of a running stack, for `devstack exec`.
func environmentFile(data string) string { return filepath.Join(data, "environment.json") }

// writeEnvironment lets further commands join the running stack. The file holds secrets of this machine's stand-ins: only its owner reads it.
func (s *stack) writeEnvironment() error {
	content, err := json.Marshal(s.variables())
	if err != nil {
		return err
	}
	return writeAtomic(environmentFile(s.opts.data), content, 0o600)
}

// join turns this process into the command, inside the stack that runs on the data folder.
func join(opts options) error {
	content, err := os.ReadFile(environmentFile(opts.data))
	if errors.Is(err, os.ErrNotExist) {
		return errors.New("no stack is running here: start one with `make run`")
	}
	if err != nil {
		return err
	}
	variables := map[string]string{}
	if err := json.Unmarshal(content, &variables); err != nil {
		return fmt.Errorf("the stack's environment is not readable: %w", err)
	}
	program, err := exec.LookPath(opts.command[0])
	if err != nil {
		return err
	}
	return syscall.Exec(program, opts.command, overlay(os.Environ(), variables))
}
