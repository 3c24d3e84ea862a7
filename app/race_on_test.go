//go:build race

package app

// raceMemory is what the race detector keeps beside a worker's own memory: its programs are built with it where the tests are, and each
// child begins as one of them before it becomes what decodes (package sandbox).
const raceMemory = 448 << 20
