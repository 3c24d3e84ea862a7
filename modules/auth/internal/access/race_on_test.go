//go:build race

package access

// raceDetector says that the measurements are of instrumented code.
const raceDetector = true
