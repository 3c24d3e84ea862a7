//go:build race

package app

// raceMemory is what the race detector keeps beside a worker's own memory: its programs are built with it where the tests are.
const raceMemory = 128 << 20
