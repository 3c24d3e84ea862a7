//go:build !race

package app

const raceMemory = 0
