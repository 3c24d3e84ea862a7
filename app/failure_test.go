package app

import (
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/fx"
	"go.uber.org/zap"

	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
	"atrium/scripts/demo/client"
)

// A process outlives the loss of its servers: what was lost comes back under the same pid, without anybody starting anything.
func TestFailure_LostServersComeBackToTheSameProcess(t *testing.T) {
	t.Parallel()
	i := install(t)
	redisLine, databaseLine := stacktest.NewProxy(t, i.redisURL), stacktest.NewProxy(t, i.dbURL)
	i.environ = append(i.environ, "ATRIUM_REDIS_URL="+redisLine.URL(),
		"ATRIUM_DATABASE_URL="+databaseLine.URL(), "ATRIUM_DATABASE_DIRECT_URL="+databaseLine.URL())
	p := i.serve("all")
	ada, _, err := client.SignIn(t.Context(), i.stack, "failure-ada", "ada@atrium.test", "Ada", "ada")
	require.NoError(t, err)
	reads := func() bool {
		_, err := ada.Call(t.Context(), http.MethodGet, "/me", nil, nil)
		return err == nil
	}
	events := func() bool { // the relay and the worker hear of commits again
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	}
	ready := func() bool {
		_, err := client.Call(t.Context(), http.MethodGet, i.stack.API+"/readyz", "", nil, nil, nil)
		return err == nil
	}
	require.True(t, reads())

	redisLine.Cut()
	i.eventually(10*time.Second, "reads go on without Redis", reads)
	redisLine.Mend()
	i.eventually(20*time.Second, "it is ready with Redis back", ready)

	databaseLine.Cut()
	i.eventually(20*time.Second, "it is not ready without PostgreSQL", func() bool { return !ready() })
	databaseLine.Mend()
	i.eventually(20*time.Second, "it is ready with PostgreSQL back", ready)
	require.True(t, reads())

	_, err = ada.Call(t.Context(), http.MethodPatch, "/me", map[string]string{"display_name": "Ada L"}, nil, "If-Match", "*")
	require.NoError(t, err)
	i.eventually(time.Minute, "events are worked on", events) // also what a worker had in its hands when Redis went
	require.NoError(t, p.command.Process.Signal(syscall.Signal(0)), "the process of the beginning serves")
}

// panickingRelay makes this test binary serve with a relay that panics at its first row.
const panickingRelay = "PANICKING_RELAY"

func serveWithPanickingRelay() int {
	var environ []string
	for _, pair := range os.Environ() {
		if !strings.HasPrefix(pair, panickingRelay) {
			environ = append(environ, pair)
		}
	}
	return Main([]string{"serve"}, environ, os.Stdout, os.Stderr,
		fx.Decorate(func(db *database.DB, runner *tasks.Runner, log *zap.Logger, cfg outbox.Config) *outbox.Relay {
			return outbox.NewRelay(db, outbox.Receivers{
				SubscribersOf: func(_, _ string) []string { panic("the registry of subscribers is broken") }, Enqueue: runner.Enqueue,
			}, log, cfg)
		}))
}

func TestFailure_APanickingRelayEndsTheProcess(t *testing.T) {
	t.Parallel()
	i := install(t)
	program, err := os.Executable()
	require.NoError(t, err)
	command := exec.Command(program)
	command.Env = []string{panickingRelay + "=1"}
	p := i.start("all", command)
	// Signing up publishes an event. The process may end while it still answers.
	_, _, _ = client.SignIn(t.Context(), i.stack, "failure-eve", "eve@atrium.test", "Eve", "eve")
	select {
	case <-p.done:
	case <-time.After(5 * time.Second):
		t.Fatal("the process goes on without its relay")
	}
	require.Equal(t, 1, p.command.ProcessState.ExitCode())
	last := tail(strings.TrimSpace(p.log.String()), 1)
	require.Contains(t, last, "relay: panic: the registry of subscribers is broken")
}
