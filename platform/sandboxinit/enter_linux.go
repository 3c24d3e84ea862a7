package sandboxinit

import (
	"syscall"
	"unsafe"
)

// Of linux/prctl.h, linux/capability.h and linux/close_range.h.
const (
	prCapBSetDrop       = 24
	prSetSeccomp        = 22
	prSetNoNewPrivs     = 38
	prGetNoNewPrivs     = 39
	prCapAmbient        = 47
	prCapAmbientClear   = 4
	seccompModeFilter   = 2
	capabilityVersion   = 0x20080522
	lastCapability      = 63
	callCloseRange      = 436
	firstInherited      = 3 // after standard input, output and error
	mostWithoutTheRange = 1 << 12
)

func init() {
	if order, ok := syscall.Getenv(Variable); ok {
		enter(order)
	}
}

// enter confines this process and becomes the program that its arguments name, whose first is its path. It does not return.
func enter(order string) {
	checks := len(order) > len(Check) && order[:len(Check)] == Check
	if checks {
		order = order[len(Check):]
	}
	args, env := pointers(arguments()), pointers(environment())
	rules, most := filter(syscall.Getpid()), limits(order)
	closeInherited()
	set(most)
	dropCapabilities()
	// Where the system refuses one of these, the program runs all the same: whoever serves has said so at its start (see Check).
	setting(prSetNoNewPrivs, 1)
	install(rules)
	if checks {
		report()
	}
	_, _, fault := syscall.RawSyscall(syscall.SYS_EXECVE, uintptr(unsafe.Pointer(args[0])), uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&env[0])))
	fail("becoming the program", fault)
}

// setting makes a setting of this process, as far as the system permits it, or returns the value of one that is only asked for.
func setting(operation, value uintptr) (current uintptr) {
	current, _, _ = syscall.RawSyscall6(syscall.SYS_PRCTL, operation, value, 0, 0, 0, 0)
	return current
}

// arguments are the program's path and what it is called with: what this process was called with.
func arguments() []string {
	fd, err := syscall.Open("/proc/self/cmdline", syscall.O_RDONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		fail("opening the arguments", err)
	}
	var raw []byte
	for chunk := make([]byte, 4096); ; {
		n, err := syscall.Read(fd, chunk)
		if err != nil {
			fail("reading the arguments", err)
		}
		if n == 0 {
			break
		}
		raw = append(raw, chunk[:n]...)
	}
	return split(string(raw), 0)
}

// environment is this process's without the order.
func environment() []string {
	var env []string
	for _, pair := range syscall.Environ() {
		if len(pair) <= len(Variable) || pair[:len(Variable)+1] != Variable+"=" {
			env = append(env, pair)
		}
	}
	return env
}

// pointers is a list as execve wants it.
func pointers(texts []string) []*byte {
	list, err := syscall.SlicePtrFromStrings(texts)
	if err != nil {
		fail("preparing the program", err)
	}
	return list
}

// closeInherited closes files that whoever started the server left open in it: the server's own are closed when a program starts.
func closeInherited() {
	if _, _, fault := syscall.RawSyscall(callCloseRange, firstInherited, ^uintptr(0), 0); fault == 0 {
		return
	}
	for fd := firstInherited; fd < mostWithoutTheRange; fd++ { // before Linux 5.9
		_ = syscall.Close(fd)
	}
}

type limit struct {
	resource int
	most     syscall.Rlimit
}

// limits reads the limits of an order.
func limits(order string) []limit {
	var all []limit
	for _, entry := range split(order, ',') {
		numbers := split(entry, ':')
		if len(numbers) != 3 {
			fail("reading the limits "+order, syscall.EINVAL)
		}
		all = append(all, limit{int(number(numbers[0])), syscall.Rlimit{Cur: number(numbers[1]), Max: number(numbers[2])}})
	}
	return all
}

// set limits this process, which does not ask for memory any more.
func set(all []limit) {
	for i := range all {
		if err := syscall.Setrlimit(all[i].resource, &all[i].most); err != nil {
			fail("limiting the resource "+text(all[i].resource), err)
		}
	}
}

// dropCapabilities leaves a server that runs as root none that its children could use: root is then a user like any other.
func dropCapabilities() {
	for capability := uintptr(0); capability <= lastCapability; capability++ {
		setting(prCapBSetDrop, capability)
	}
	setting(prCapAmbient, prCapAmbientClear)
	header := struct {
		version uint32
		pid     int32
	}{version: capabilityVersion}
	var none [2]struct{ effective, permitted, inheritable uint32 }
	_, _, _ = syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&none)), 0)
}

func install(rules []syscall.SockFilter) {
	if len(rules) == 0 {
		return
	}
	program := syscall.SockFprog{Len: uint16(len(rules)), Filter: &rules[0]}
	_, _, _ = syscall.RawSyscall(syscall.SYS_PRCTL, prSetSeccomp, seccompModeFilter, uintptr(unsafe.Pointer(&program)))
}

// report tries what a child must not be able to do, tells what it could, and ends.
func report() {
	parent := syscall.Getppid()
	if fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0); err == nil {
		_ = syscall.Close(fd)
		say(1, CanConnect)
	}
	if syscall.Kill(parent, 0) == nil {
		say(1, CanSignal)
	}
	if readable("/proc/" + text(parent) + "/environ") {
		say(1, CanReadHost)
	}
	if setting(prGetNoNewPrivs, 0) != 1 {
		say(1, CanGain)
	}
	syscall.Exit(0)
}

func readable(path string) bool {
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		return false
	}
	_, err = syscall.Read(fd, make([]byte, 1))
	return err == nil
}

// fail ends a child that cannot be confined as ordered.
func fail(what string, err error) {
	say(2, "sandbox: "+what+": "+err.Error())
	syscall.Exit(Failed)
}

func say(fd int, line string) { _, _ = syscall.Write(fd, []byte(line+"\n")) }

// split is strings.FieldsFunc for one separator; number and text are strconv's for numbers that are not negative.
func split(joined string, separator byte) (parts []string) {
	start := 0
	for i := range len(joined) {
		if joined[i] == separator {
			parts, start = append(parts, joined[start:i]), i+1
		}
	}
	if start < len(joined) {
		parts = append(parts, joined[start:])
	}
	return parts
}

func number(digits string) (n uint64) {
	for i := range len(digits) {
		if digits[i] < '0' || digits[i] > '9' {
			fail("reading the number "+digits, syscall.EINVAL)
		}
		n = n*10 + uint64(digits[i]-'0')
	}
	return n
}

func text(n int) (digits string) {
	for ; n > 0; n /= 10 {
		digits = string(rune('0'+n%10)) + digits
	}
	return digits
}
