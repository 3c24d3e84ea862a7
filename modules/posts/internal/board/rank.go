package board

import "strings"

// digits in the order in which PostgreSQL's "C" collation compares them.
const digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

// longest is the length at which ranks are made anew: it takes some dozens of moves to one place to come that far.
const longest = 48

// between returns a rank after a ("": the start) and before b ("": the end). Ranks are fractions, written without trailing zeros, so
// there is always one between two. At the ends it goes in small steps, since most items are put there.
func between(a, b string) string {
	shared := 0
	for shared < len(b) && digitAt(a, shared) == digitAt(b, shared) {
		shared++
	}
	if shared > 0 {
		return b[:shared] + between(a[min(shared, len(a)):], b[shared:])
	}
	low, high := digitAt(a, 0), len(digits)
	if b != "" {
		high = digitAt(b, 0)
	}
	switch {
	case high-low > 1 && a != "" && b == "":
		return digits[low+1 : low+2]
	case high-low > 1 && a == "" && b != "":
		return digits[high-1 : high]
	case high-low > 1:
		middle := (low + high) / 2
		return digits[middle : middle+1]
	case len(b) > 1:
		return b[:1]
	case a == "":
		return digits[low:low+1] + between("", "")
	}
	return digits[low:low+1] + between(a[1:], "")
}

// digitAt returns the value of a digit; beyond the end of a fraction there are zeros.
func digitAt(rank string, i int) int {
	if i >= len(rank) {
		return 0
	}
	return strings.IndexByte(digits, rank[i])
}

// spread returns n short ranks in their order.
func spread(n int) []string {
	ranks := make([]string, n)
	for i := range ranks {
		ranks[i] = string([]byte{digits[i/len(digits)], digits[i%len(digits)], 'V'})
	}
	return ranks
}
