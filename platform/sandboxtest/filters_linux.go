package sandboxtest

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// WithoutFilters calls start as on a system that permits no seccomp filters: whatever processes it starts cannot set any.
func WithoutFilters(start func() error) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with what it may not do
		err := refuseFilters()
		if err == nil {
			err = start()
		}
		done <- err
	}()
	return <-done
}

// refuseFilters has the kernel refuse further filters to this thread, and to what it starts.
func refuseFilters() error {
	const load, ifEqual, answer = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_RET | unix.BPF_K
	const firstArgument = 16
	rules := []unix.SockFilter{
		{Code: load}, {Code: ifEqual, K: unix.SYS_PRCTL, Jf: 3},
		{Code: load, K: firstArgument}, {Code: ifEqual, K: unix.PR_SET_SECCOMP, Jf: 1}, {Code: answer, K: unix.SECCOMP_RET_ERRNO | uint32(unix.EINVAL)},
		{Code: answer, K: unix.SECCOMP_RET_ALLOW},
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(rules)), Filter: &rules[0]}
	return unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&program)), 0, 0)
}
