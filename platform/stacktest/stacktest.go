// Package stacktest tells tests where the local stack is that they run against.
package stacktest

import (
	"encoding/json"
	"os"
	"testing"
)

// Env returns a variable of the environment that the stack gives to its command, and ends the test without it.
func Env(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	if value == "" {
		t.Fatalf("%s is not set: this test needs the local stack, run it by `make test`.", name)
	}
	return value
}

// Endpoint returns the URL of a server of the stack by its key in the endpoints file ("mail"), and ends the test
// without it.
func Endpoint(t testing.TB, key string) string {
	t.Helper()
	content, err := os.ReadFile(Env(t, "ATRIUM_ENDPOINTS"))
	if err != nil {
		t.Fatalf("the endpoints file is not readable: run this test by `make test`: %v", err)
	}
	var endpoints map[string]string
	if err := json.Unmarshal(content, &endpoints); err != nil {
		t.Fatalf("the endpoints file is not JSON: %v", err)
	}
	if endpoints[key] == "" {
		t.Fatalf("the endpoints file has no %q: run this test by `make test`.", key)
	}
	return endpoints[key]
}
