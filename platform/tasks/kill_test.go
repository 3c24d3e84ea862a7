package tasks_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/redistest"
	"atrium/platform/secret"
	"atrium/platform/stacktest"
	"atrium/platform/tasks"
)

// TestMain lets this very binary be the worker that TestRunner_StormAWorkerIsKilled kills.
func TestMain(m *testing.M) {
	if url := os.Getenv("ATRIUM_TEST_WORKER_DATABASE"); url != "" {
		fmt.Println(beWorker(url, os.Getenv("ATRIUM_TEST_WORKER_REDIS")))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

// beWorker works until it is killed.
func beWorker(databaseURL, redisURL string) error {
	db, err := database.Open(database.Config{
		URL: secret.Text(databaseURL), MaxConnections: 10, AcquireTimeout: 30 * time.Second, StatementTimeout: 30 * time.Second, LockTimeout: 15 * time.Second,
	})
	if err != nil {
		return err
	}
	options, err := redis.ParseURL(redisURL)
	if err != nil {
		return err
	}
	if _, err := startWorker(db, redis.NewClient(options), slow(db), zap.NewNop()); err != nil {
		return err
	}
	fmt.Println("working")
	select {}
}

// slow handlers spend their time between work and receipt, so that a kill finds some of them there. The effect's work is counted
// by id: a crash may repeat it under the same one.
func slow(db *database.DB) []tasks.Handler {
	slowly := func(handler string) func(context.Context, uuid.UUID, placed) error {
		return func(ctx context.Context, id uuid.UUID, e placed) error {
			if err := record(db, handler)(ctx, id, e); err != nil {
				return err
			}
			return db.Conn(ctx).Exec("SELECT pg_sleep(0.02)").Error
		}
	}
	return []tasks.Handler{
		tasks.Subscriber("orders.count", slowly("orders.count"), tasks.Timeout(time.Second)),
		tasks.Effect("orders.tell", slowly("orders.tell"), tasks.Timeout(time.Second)),
	}
}

func TestRunner_StormAWorkerIsKilled(t *testing.T) {
	t.Parallel()
	events, kills := stacktest.Budget(150, 2000), stacktest.Budget(2, 10)
	cfg, redisURL := dbtest.Config(t), redistest.URL(t)
	b := setupOn(t, dbtest.Open(t, cfg))
	b.publish(0, events)
	for killed := range kills {
		worker := exec.Command(os.Args[0])
		worker.Env = append(os.Environ(), "ATRIUM_TEST_WORKER_DATABASE="+cfg.URL.Reveal(), "ATRIUM_TEST_WORKER_REDIS="+redisURL)
		out, err := worker.StdoutPipe()
		require.NoError(t, err)
		require.NoError(t, worker.Start())
		line, _ := bufio.NewReader(out).ReadString('\n')
		require.Equal(t, "working\n", line)
		b.eventually(func() bool { return b.number("SELECT count(*) FROM work") > (killed+1)*events/(kills+1) })
		require.NoError(t, worker.Process.Kill())
		_ = worker.Wait()
		passTime(b, redisURL)
	}
	b.work(redisURL, slow(b.db)...)
	b.quiet()
	b.exactly("orders.count", events)
	require.Equal(t, events, b.number("SELECT count(DISTINCT id) FROM work WHERE handler = 'orders.tell'"))
	require.Equal(t, events, b.number("SELECT count(*) FROM event_receipts WHERE subscriber = 'orders.tell' AND done_at IS NOT NULL"))
}

// passTime makes the dead worker's leases in Redis lapse, as they would after half a minute. asynq itself would look for such
// tasks half a minute later still; the relay finds them at its next look.
func passTime(b bench, redisURL string) {
	b.Helper()
	client := redistest.Dial(b, redisURL)
	const key = "asynq:{orders.default}:lease"
	held, err := client.ZRange(b.Context(), key, 0, -1).Result()
	require.NoError(b, err)
	require.NotEmpty(b, held, "the kill found nobody at work")
	for _, id := range held {
		require.NoError(b, client.ZAdd(b.Context(), key, redis.Z{Score: float64(time.Now().Unix() - 1), Member: id}).Err())
	}
}
