//go:build !amd64 && !arm64

package sandboxinit

import "syscall"

// filter is empty: nobody has listed the calls of this processor.
func filter(int) []syscall.SockFilter { return nil }
