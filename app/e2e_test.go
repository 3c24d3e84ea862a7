package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/redistest"
	"atrium/platform/stacktest"
	"atrium/scripts/demo/client"
)

// binaries builds the product and the demo once, as a user would.
var binaries = sync.OnceValues(func() (string, error) {
	for name, source := range map[string]string{"atrium": "atrium", "demo": "atrium/scripts/demo"} {
		if out, err := exec.Command("go", "build", "-o", filepath.Join(binariesFolder, name), source).CombinedOutput(); err != nil {
			return "", fmt.Errorf("build %s: %w\n%s", name, err, out)
		}
	}
	return binariesFolder, nil
})

// binariesFolder is where they are, as long as the tests run.
var binariesFolder string

func TestMain(m *testing.M) {
	if os.Getenv(panickingRelay) != "" {
		os.Exit(serveWithPanickingRelay())
	}
	folder, err := os.MkdirTemp("", "atrium-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	binariesFolder = folder
	code := m.Run()
	_ = os.RemoveAll(folder)
	os.Exit(code)
}

// installation is the built product on servers of its own: a database, a Redis and an account at the payment provider.
type installation struct {
	t        testing.TB
	folder   string
	environ  []string
	db       *database.DB
	redisURL string
	dbURL    string
	stack    client.Endpoints
	file     string            // of the stack
	sums     string            // the statement of digest, once it is made
	rest     map[string]string // the digest that requests without effect leave as it is
}

func install(t testing.TB, settings ...string) *installation {
	t.Helper()
	folder, err := binaries()
	require.NoError(t, err)
	cfg := dbtest.Config(t)
	i := &installation{t: t, folder: folder, db: dbtest.Open(t, cfg), dbURL: cfg.URL.Reveal(), redisURL: redistest.URL(t)}
	i.stack, err = client.ReadEndpoints(stacktest.Env(t, "ATRIUM_ENDPOINTS"))
	require.NoError(t, err)
	addr := freeAddress(t)
	i.stack.API = "http://" + addr
	secretKey, webhookSecret := "sk_test_"+uuid.NewString(), "whsec_"+uuid.NewString()
	_, err = client.Call(t.Context(), http.MethodPost, i.stack.Stripe+"/test/accounts", "", nil, map[string]string{
		"secret_key": secretKey, "webhook_url": i.stack.API + "/v1/webhooks/stripe", "webhook_secret": webhookSecret}, nil)
	require.NoError(t, err)
	i.environ = append(os.Environ(),
		"ATRIUM_DATABASE_URL="+cfg.URL.Reveal(), "ATRIUM_DATABASE_DIRECT_URL="+cfg.URL.Reveal(), "ATRIUM_DATABASE_MAX_CONNECTIONS=15",
		"ATRIUM_REDIS_URL="+i.redisURL, "ATRIUM_HTTP_ADDR="+addr, "ATRIUM_HTTP_PUBLIC_URL="+i.stack.API, "ATRIUM_HTTP_PRIVATE_ADDR=", "ATRIUM_HTTP_DRAIN_DELAY=0s",
		"ATRIUM_PAYMENT_SECRET_KEY="+secretKey, "ATRIUM_PAYMENT_WEBHOOK_SECRET="+webhookSecret, "ATRIUM_SQS_QUEUE_URL=")
	i.environ = append(i.environ, settings...)
	raw, err := json.Marshal(i.stack)
	require.NoError(t, err)
	i.file = filepath.Join(t.TempDir(), "endpoints.json")
	require.NoError(t, os.WriteFile(i.file, raw, 0o600))
	return i
}

func freeAddress(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return listener.Addr().String()
}

// process is one running `atrium serve`.
type process struct {
	command *exec.Cmd
	log     *syncBuffer
	done    chan struct{}
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *syncBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *syncBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// serve starts a role and waits until it says that it serves.
func (i *installation) serve(role string) *process {
	i.t.Helper()
	return i.start(role, exec.Command(filepath.Join(i.folder, "atrium"), "serve", "--role", role))
}

// start runs a command that serves a role and waits until it says that it serves.
func (i *installation) start(role string, command *exec.Cmd) *process {
	i.t.Helper()
	p := &process{command: command, log: &syncBuffer{}, done: make(chan struct{})}
	command.Env, command.Stderr, command.Stdout = append(i.environ, command.Env...), p.log, p.log
	require.NoError(i.t, p.command.Start())
	go func() {
		_ = p.command.Wait() // how it ended is looked up in ProcessState
		close(p.done)
	}()
	i.t.Cleanup(func() {
		p.stop(syscall.SIGKILL)
		if i.t.Failed() {
			i.t.Logf("the log of %s:\n%s", role, tail(p.log.String(), 60))
		}
	})
	i.eventually(20*time.Second, role+" starts", func() bool { return strings.Contains(p.log.String(), "atrium serves") })
	return p
}

func tail(text string, lines int) string {
	all := strings.Split(text, "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

func (p *process) stop(signal os.Signal) {
	_ = p.command.Process.Signal(signal) // it may have ended already
	<-p.done
}

func (i *installation) eventually(limit time.Duration, what string, ask func() bool) {
	i.t.Helper()
	err := client.Eventually(i.t.Context(), limit, func() (bool, error) { return ask(), nil })
	require.NoError(i.t, err, what)
}

func (i *installation) count(query string, args ...any) int {
	i.t.Helper()
	var n int
	require.NoError(i.t, i.db.Conn(context.Background()).Raw(query, args...).Scan(&n).Error)
	return n
}

// run runs a binary to its end.
func (i *installation) run(name string, args ...string) string {
	i.t.Helper()
	command := exec.CommandContext(i.t.Context(), filepath.Join(i.folder, name), args...)
	command.Env, command.Dir = i.environ, ".."
	out, err := command.CombinedOutput()
	require.NoError(i.t, err, "%s %v:\n%s", name, args, out)
	return string(out)
}

// The built binary does the product's main job from the first sign-in to the last mail, over an empty database that the demo
// world was put into; then it ends in peace.
func TestEndToEnd_TheMainJob(t *testing.T) {
	t.Parallel()
	i := install(t)
	p := i.serve("all")
	i.run("demo", "seed", "--endpoints", i.file, "--atrium", filepath.Join(i.folder, "atrium"))
	t.Log(i.run("demo", "walk", "--endpoints", i.file))
	t.Log(i.run("demo", "seed", "--endpoints", i.file, "--atrium", filepath.Join(i.folder, "atrium"))) // again: nothing is made twice
	require.Equal(t, 12, i.count("SELECT count(*) FROM products"))

	i.eventually(20*time.Second, "the outbox is empty", func() bool {
		return i.count("SELECT count(*) FROM outbox WHERE finished_at IS NULL AND available_at <= now()") == 0
	})
	for _, leak := range []string{"@atrium.test", "Example Street", "eyJ"} {
		require.NotContains(t, p.log.String(), leak, "personal data or a token is in the log")
	}
	p.stop(syscall.SIGTERM)
	require.True(t, p.command.ProcessState.Success(), "after SIGTERM it ends with %s", p.command.ProcessState)
}

// Start-up refuses a database that was never migrated.
func TestEndToEnd_RefusesAnUnmigratedSchema(t *testing.T) {
	t.Parallel()
	i := install(t)
	require.NoError(t, i.db.Conn(t.Context()).Exec("DELETE FROM goose_db_version WHERE version_id > 20260101120000").Error)
	command := exec.CommandContext(t.Context(), filepath.Join(i.folder, "atrium"), "serve")
	command.Env = i.environ
	out, err := command.CombinedOutput()
	require.Error(t, err)
	require.Contains(t, string(out), "atrium migrate")
	require.NotContains(t, string(out), "goroutine")
}
