package stacktest

import (
	"flag"
	"os"
	"strconv"
	"testing"
)

// Budget chooses between the small count of `make test` and the long one of `make soak`.
func Budget(short, long int) int {
	if os.Getenv("SOAK") != "" {
		return long
	}
	return short
}

// Properties sets how many cases rapid draws in this package, and in a soak from which seed.
func Properties(t testing.TB, short, long int) {
	t.Helper()
	set := func(name, value string) {
		if err := flag.Set(name, value); err != nil {
			t.Fatalf("the package's tests do not use rapid: %v", err)
		}
	}
	set("rapid.checks", strconv.Itoa(Budget(short, long)))
	if seed := os.Getenv("SOAK_SEED"); seed != "" {
		set("rapid.seed", seed)
	}
}
