package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMain lets the test binary stand in for devstack itself: the run tests and
// the guard start it again with these words.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && (os.Args[1] == "run" || os.Args[1] == "exec" || os.Args[1] == "guard") {
		main()
		return
	}
	code := m.Run()
	if sharedData != "" {
		shared.stop()
		_ = os.RemoveAll(sharedData)
	}
	os.Exit(code)
}

var (
	shared     *stack
	sharedData string
	shareOnce  sync.Once
)

// standIns answers a stack whose in-process servers run: one for all tests,
// because there can be one S3 server in a process.
func standIns(t *testing.T) *stack {
	t.Helper()
	shareOnce.Do(func() {
		var err error
		sharedData, err = os.MkdirTemp("", "devstack-test-")
		require.NoError(t, err)
		shared = &stack{opts: options{data: sharedData, endpoints: sharedData + "/endpoints.json"}}
		shared.secrets, err = loadSecrets(sharedData + "/keys.json")
		require.NoError(t, err)
		require.NoError(t, shared.startStandIns(context.Background()))
	})
	require.NotNil(t, shared, "the stand-ins did not start")
	return shared
}

// call sends JSON (or nothing for nil) and decodes the JSON answer into answer.
func call(t *testing.T, method, url string, body, answer any) *http.Response {
	t.Helper()
	var reader io.Reader
	if body != nil {
		content, err := json.Marshal(body)
		require.NoError(t, err)
		reader = bytes.NewReader(content)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, url, reader)
	require.NoError(t, err)
	return send(t, request, answer)
}

func send(t *testing.T, request *http.Request, answer any) *http.Response {
	t.Helper()
	response, err := http.DefaultTransport.RoundTrip(request) // no redirects followed
	require.NoError(t, err)
	defer response.Body.Close()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	if answer != nil {
		require.NoError(t, json.Unmarshal(content, answer), "%s", content)
	}
	return response
}

// eventually polls with a deadline.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	require.Eventually(t, holds, 30*time.Second, 10*time.Millisecond, what)
}

type object = map[string]any

func TestRecentForgetsTheOldest(t *testing.T) {
	t.Parallel()
	r := newRecent[int](3)
	for i := range 5 {
		r.put(fmt.Sprint(i), i)
	}
	r.put("3", 33)
	require.Equal(t, []int{2, 33, 4}, r.values())
	r.remove("3")
	r.remove("3")
	require.Equal(t, []int{2, 4}, r.values())
	_, known := r.get("0")
	require.False(t, known)
}

func TestOptions(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no data":        {"run", "--", "true"},
		"no command":     {"run", "--data", "/tmp/x"},
		"unknown flag":   {"run", "--data", "/tmp/x", "--nonsense", "--", "true"},
		"unknown action": {"walk"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := parseOptions(args)
			require.Error(t, err)
		})
	}
	opts, err := parseOptions([]string{"run", "--data", "/tmp/x", "--", "sh", "-c", "true"})
	require.NoError(t, err)
	require.Equal(t, []string{"sh", "-c", "true"}, opts.command)
	require.Equal(t, "/tmp/x/endpoints.json", opts.endpoints)
}
