//go:build !linux

package main

import "syscall"

// dieWithParent has no equivalent here: the guard alone cleans up.
func dieWithParent(*syscall.SysProcAttr, syscall.Signal) {}
