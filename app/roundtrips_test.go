package app

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracing "go.opentelemetry.io/proto/otlp/trace/v1"
	"go.uber.org/fx"
	"go.uber.org/zap"
	"google.golang.org/protobuf/proto"

	"atrium/config"
	"atrium/platform/cache"
	"atrium/platform/outbox"
	"atrium/scripts/demo/client"
)

// spans is a collector of OpenTelemetry traces: the names of the spans of each trace.
type spans struct {
	mu    sync.Mutex
	names map[string][]string
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var batch collector.ExportTraceServiceRequest
	raw, err := io.ReadAll(r.Body)
	if err == nil {
		err = proto.Unmarshal(raw, &batch)
	}
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, resource := range batch.ResourceSpans {
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				id := hex.EncodeToString(span.TraceId)
				s.names[id] = append(s.names[id], told(scope.Scope.Name, span))
			}
		}
	}
}

// told is a span in short: where it comes from, whether it prepares a statement only, and what it says.
func told(scope string, span *tracing.Span) string {
	name := span.Name
	for _, a := range span.Attributes {
		switch a.Key {
		case "pgx.prepare_stmt.name":
			scope = "prepare"
		case "db.statement", "db.query.text":
			name += ": " + strings.Join(strings.Fields(a.Value.GetStringValue()), " ")
		}
	}
	return scope + " " + name
}

// trips counts the round trips of a trace to PostgreSQL and to Redis.
func (s *spans) trips(trace string) (sql, redis int, all []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, name := range s.names[trace] {
		scope, span, _ := strings.Cut(name, " ")
		switch {
		case strings.Contains(scope, "otelpgx") && !strings.HasPrefix(span, "connect"):
			sql++
		case strings.Contains(scope, "redisotel") && !strings.HasPrefix(span, "redis.dial"):
			redis++
		}
	}
	return sql, redis, s.names[trace]
}

// agingApp is the application in this process. Its copies of what decides who may see what grow old as a test wants it, here and in Redis.
type agingApp struct {
	*installation
	copies *cache.Cache
	past   atomic.Int64 // nanoseconds
	stop   func()
}

func (i *installation) serveAging() *agingApp {
	i.t.Helper()
	a := &agingApp{installation: i}
	begin := time.Now()
	cfg, err := config.Load(moduleNames(), "", append(slices.Clip(i.environ), "ATRIUM_LOG_LEVEL=error"))
	require.NoError(i.t, err)
	app, err := assemble(cfg, serving(roleAPI), fx.Populate(&a.copies),
		fx.Decorate(func(rdb redis.UniversalClient, box *outbox.Outbox, log *zap.Logger) *cache.Cache {
			c := cache.New(rdb, log, cache.WithClock(func() time.Time { return begin.Add(time.Duration(a.past.Load())) }), cache.WithTimeout(5*time.Second))
			c.KeepDrops(box.KeepDrop)
			return c
		}))
	require.NoError(i.t, err)
	require.NoError(i.t, app.Start(i.t.Context()))
	a.stop = sync.OnceFunc(func() { require.NoError(i.t, app.Stop(context.WithoutCancel(i.t.Context()))) })
	i.t.Cleanup(a.stop)
	return a
}

// pass lets so much time pass, in which what Redis knew of permissions has expired.
func (a *agingApp) pass(d time.Duration) {
	a.t.Helper()
	options, err := redis.ParseURL(a.redisURL)
	require.NoError(a.t, err)
	rdb := redis.NewClient(options)
	defer func() { _ = rdb.Close() }()
	for _, space := range []string{"users.circle", "users.card.2", "posts.state", "posts.counts", "products.card.2"} {
		keys, err := rdb.Keys(a.t.Context(), space+":*").Result()
		require.NoError(a.t, err)
		if len(keys) > 0 {
			require.NoError(a.t, rdb.Del(a.t.Context(), keys...).Err())
		}
	}
	a.past.Add(int64(d))
}

// The promise of the feed (docs/adr/0040), told by the product's own traces of the whole application over the load test's world: a page
// that is ready costs no statement and two round trips to Redis, and one whose reader comes for the first time four statements, which
// are all about the reader: whom they follow, what they muted, what they like, and where their timeline begins.
func TestFeed_RoundTripsOfAPage(t *testing.T) {
	t.Parallel()
	traces := &spans{names: map[string][]string{}}
	sink := httptest.NewServer(traces)
	t.Cleanup(sink.Close)
	i := install(t, "ATRIUM_TELEMETRY_ENDPOINT="+sink.URL, "ATRIUM_TELEMETRY_SAMPLE=0")
	fill := exec.CommandContext(t.Context(), "bash", "-c",
		`. scripts/load/world.sh; "$psql" -q "$ATRIUM_DATABASE_URL" -v users=530 -v posts=5300 -v products=50 -v followed=50 -f scripts/load/world.sql`)
	fill.Dir, fill.Env = "..", i.environ
	out, err := fill.CombinedOutput()
	require.NoError(t, err, "%s", out)
	p := i.serve("all")
	reader := func(name string) *client.Person {
		person := i.join(name)
		require.NoError(t, i.db.Conn(t.Context()).Exec(`INSERT INTO user_follows (follower_id, followee_id)
			SELECT ?, followee_id FROM user_follows f JOIN users u ON u.id = f.follower_id WHERE u.handle = 'walker7'`, person.ID).Error)
		return person
	}
	ana, ben := reader("ana"), reader("ben")
	read := func(person *client.Person, origin string) (trace string) {
		t.Helper()
		id := make([]byte, 16)
		_, err := rand.Read(id)
		require.NoError(t, err)
		trace = hex.EncodeToString(id)
		var page struct {
			Items []struct{} `json:"items"`
		}
		answer, err := person.Call(t.Context(), http.MethodGet, "/feed?limit=20", nil, &page, "traceparent", "00-"+trace+"-00f067aa0ba902b7-01")
		require.NoError(t, err)
		require.Equal(t, origin, answer.Header.Get("X-Cache"))
		require.Len(t, page.Items, 20)
		return trace
	}
	nothing, ready, first := read(ana, "miss"), read(ana, "hit"), read(ben, "miss")
	p.stop(syscall.SIGTERM) // which sends what was traced

	aging := i.serveAging()
	read(ana, "hit")
	read(ana, "hit") // now its copies are in use
	aging.pass(cache.PermissionTTL * 8 / 10)
	require.NoError(t, aging.copies.Renew(t.Context()))
	aging.pass(cache.PermissionTTL * 4 / 10)
	old := read(ana, "hit")
	aging.stop()

	for _, c := range []struct {
		name, trace string
		sql, redis  int
	}{
		{"a page that is ready", ready, 0, 2},
		{"a page that is ready and was read before copies of permissions had to be renewed", old, 0, 2},
		{"a page whose reader comes for the first time", first, 4, 10},
		{"the very first page, of a new process and an empty Redis", nothing, 11, 22},
	} {
		sql, redis, all := traces.trips(c.trace)
		t.Logf("%s: %d statements, %d round trips to Redis", c.name, sql, redis)
		assert.NotEmpty(t, all, c.name)
		assert.LessOrEqual(t, sql, c.sql, "%s: statements\n%s", c.name, strings.Join(all, "\n"))
		assert.LessOrEqual(t, redis, c.redis, "%s: round trips to Redis\n%s", c.name, strings.Join(all, "\n"))
	}
}
