//go:build amd64 || arm64

package sandboxinit

import "syscall"

// Of linux/filter.h and linux/seccomp.h: what a filter may say, and what it knows of a call.
const (
	load        = syscall.BPF_LD | syscall.BPF_W | syscall.BPF_ABS
	ifEqual     = syscall.BPF_JMP | syscall.BPF_JEQ | syscall.BPF_K
	ifGreater   = syscall.BPF_JMP | syscall.BPF_JGT | syscall.BPF_K
	ifAnyOf     = syscall.BPF_JMP | syscall.BPF_JSET | syscall.BPF_K
	answer      = syscall.BPF_RET | syscall.BPF_K
	allow       = 0x7fff0000
	refuse      = 0x00050000 // and the error's number
	kill        = 0x80000000
	whichCall   = 0
	whichSystem = 4
	firstOfCall = 16 // the lower half of the first argument
)

// Numbers that are the same on all systems since Linux 5.1.
const (
	callPidfdSendSignal = 424
	callIOUringSetup    = 425
	callIOUringEnter    = 426
	callIOUringRegister = 427
	callOpenTree        = 428
	callMoveMount       = 429
	callFSOpen          = 430
	callFSConfig        = 431
	callFSMount         = 432
	callFSPick          = 433
	callPidfdOpen       = 434
	callClone3          = 435
	callPidfdGetfd      = 438
	// newest is the last call that a program may use: of those after it nobody has looked whether they lead out of the sandbox. Every program knows
	// how to do without them, since older systems lack them.
	newest = 439
)

// refused are the calls by which a process reaches the network, other processes, the system's configuration, or a kernel's corners that a
// decoder has no use for. Files are bounded by whom they belong to, memory and time by limits.
var refused = append([]uintptr{
	syscall.SYS_SOCKET, syscall.SYS_SOCKETPAIR, callIOUringSetup, callIOUringEnter, callIOUringRegister,

	syscall.SYS_SETPGID, syscall.SYS_SETSID, callExecveat, syscall.SYS_PTRACE, callProcessVMReadv, callProcessVMWritev, callKcmp,
	callPidfdOpen, callPidfdGetfd, callPidfdSendSignal, syscall.SYS_TKILL, syscall.SYS_RT_SIGQUEUEINFO, syscall.SYS_RT_TGSIGQUEUEINFO,
	syscall.SYS_SETPRIORITY, syscall.SYS_SCHED_SETPARAM, syscall.SYS_SCHED_SETSCHEDULER, syscall.SYS_SCHED_SETAFFINITY, callSchedSetattr,
	syscall.SYS_IOPRIO_SET, syscall.SYS_MIGRATE_PAGES, syscall.SYS_MOVE_PAGES,

	syscall.SYS_UNSHARE, callSetns, syscall.SYS_MOUNT, syscall.SYS_UMOUNT2, syscall.SYS_PIVOT_ROOT, syscall.SYS_CHROOT,
	callOpenTree, callMoveMount, callFSOpen, callFSConfig, callFSMount, callFSPick,

	callBPF, syscall.SYS_PERF_EVENT_OPEN, syscall.SYS_KEYCTL, syscall.SYS_ADD_KEY, syscall.SYS_REQUEST_KEY, callUserfaultfd, syscall.SYS_IO_SETUP,
	syscall.SYS_PERSONALITY, syscall.SYS_SHMGET, syscall.SYS_MSGGET, syscall.SYS_SEMGET, syscall.SYS_MQ_OPEN, callMemfdCreate,
}, refusedHere...)

// filter is the program by which the kernel decides on each call of the process pid and of its threads.
func filter(pid int) []syscall.SockFilter {
	no := func(fault syscall.Errno) uint32 { return refuse | uint32(fault) }
	rules := []syscall.SockFilter{
		{Code: load, K: whichSystem}, {Code: ifEqual, K: system, Jt: 1}, {Code: answer, K: kill},
		{Code: load, K: whichCall},
		{Code: ifGreater, K: newest, Jf: 1}, {Code: answer, K: no(syscall.ENOSYS)},
		{Code: ifEqual, K: callClone3, Jf: 1}, {Code: answer, K: no(syscall.ENOSYS)}, // its flags cannot be seen; all fall back to clone
	}
	for _, number := range refused {
		rules = append(rules, syscall.SockFilter{Code: ifEqual, K: uint32(number), Jf: 1}, syscall.SockFilter{Code: answer, K: no(syscall.EPERM)})
	}
	only := func(number uintptr, test uint16, first uint32) {
		rules = append(rules, syscall.SockFilter{Code: ifEqual, K: uint32(number), Jf: 4}, syscall.SockFilter{Code: load, K: firstOfCall},
			syscall.SockFilter{Code: test, K: first, Jf: 1}, syscall.SockFilter{Code: answer, K: allow}, syscall.SockFilter{Code: answer, K: no(syscall.EPERM)})
	}
	only(syscall.SYS_CLONE, ifAnyOf, syscall.CLONE_THREAD) // threads, no processes
	only(syscall.SYS_KILL, ifEqual, uint32(pid))
	only(syscall.SYS_TGKILL, ifEqual, uint32(pid))
	only(syscall.SYS_PRLIMIT64, ifEqual, 0) // its own
	return append(rules, syscall.SockFilter{Code: answer, K: allow})
}
