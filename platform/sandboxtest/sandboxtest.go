// Package sandboxtest is for tests of what runs in a sandbox, on Linux.
package sandboxtest
