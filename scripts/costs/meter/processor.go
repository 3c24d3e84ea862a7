package meter

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// ticks is how many make a second of a processor's time in /proc, everywhere.
const ticks = 100

// stat are the fields of /proc/PID/stat after the name, so that the first is the state; nil where there is no such process or no /proc.
func stat(pid int) []string {
	content, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil
	}
	_, rest, _ := strings.Cut(string(content), ") ")
	return strings.Fields(rest)
}

func parent(pid int) int { return number(stat(pid), 1) }

// seconds are a process's seconds of processor time, with those of its children that have ended.
func seconds(pid int) float64 {
	fields, sum := stat(pid), 0
	for _, at := range []int{11, 12, 13, 14} {
		sum += number(fields, at)
	}
	return float64(sum) / ticks
}

// familySeconds are those of a process and of its living children.
func familySeconds(pid int) float64 {
	sum := seconds(pid)
	all, _ := filepath.Glob("/proc/[0-9]*") // the pattern is a good one
	for _, folder := range all {
		if child, err := strconv.Atoi(filepath.Base(folder)); err == nil && parent(child) == pid {
			sum += seconds(child)
		}
	}
	return sum
}

func number(fields []string, at int) int {
	if at >= len(fields) {
		return 0
	}
	n, _ := strconv.Atoi(fields[at]) // the kernel wrote it
	return n
}
