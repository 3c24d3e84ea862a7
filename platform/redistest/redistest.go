// Package redistest gives each test a clean Redis database of its own on one server, and a line to it that can be cut.
// It needs ATRIUM_REDIS_URL, a server with many logical databases; `make test` sets it. Never FLUSHALL in a test:
// database 0 holds the leases. FLUSHDB stands for it.
package redistest

import (
	"context"
	"crypto/rand"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"atrium/platform/background"
	"atrium/platform/stacktest"
)

const (
	leaseFor    = 30 * time.Second // a killed test's database is free again after that
	waitTimeout = time.Minute      // how long to wait for a free database
)

// Open returns a client on a clean database that only this test has. It is flushed and given back when the test ends.
func Open(t testing.TB) *redis.Client {
	t.Helper()
	return Dial(t, URL(t))
}

// Dial returns a client on the URL and closes it when the test ends.
func Dial(t testing.TB, address string) *redis.Client {
	t.Helper()
	options, err := redis.ParseURL(address)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	client := redis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

// URL leases a clean database for this test and returns where it is. Each call leases another one.
func URL(t testing.TB) string {
	t.Helper()
	address := os.Getenv("ATRIUM_REDIS_URL")
	if address == "" {
		t.Fatal("this test needs Redis: run it by `make test`, or set ATRIUM_REDIS_URL")
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal("redistest: ATRIUM_REDIS_URL is not a URL")
	}
	u.Path = "/0"
	leases := Dial(t, u.String())
	number := lease(t, leases)
	u.Path = "/" + strconv.Itoa(number)
	flush(t, u.String())
	return u.String()
}

// lease takes a database that nobody has and keeps it until the test ends.
func lease(t testing.TB, leases *redis.Client) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	total, err := databases(ctx, leases)
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	token := rand.Text()
	for start := mathrand.IntN(total - 1); ctx.Err() == nil; start++ {
		number := 1 + start%(total-1)
		key := fmt.Sprintf("redistest:lease:%d", number)
		ours, err := leases.SetNX(ctx, key, token, leaseFor).Result()
		if err != nil {
			t.Fatalf("redistest: %v", err)
		}
		if ours {
			keep(t, leases, key, token)
			return number
		}
	}
	t.Fatal("redistest: no Redis database became free")
	return 0
}

// keep renews the lease in the background, and ends it with the test.
func keep(t testing.TB, leases *redis.Client, key, token string) {
	ctx, stop := context.WithCancel(context.Background())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(leaseFor / 5)
		defer tick.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
				leases.Expire(ctx, key, leaseFor)
			}
		}
	}()
	t.Cleanup(func() {
		stop()
		<-stopped
		if held, _ := leases.Get(context.Background(), key).Result(); held == token {
			leases.Del(context.Background(), key)
		}
	})
}

// flush empties a database now, and again when the test ends (before the lease does).
func flush(t testing.TB, address string) {
	t.Helper()
	client := Dial(t, address)
	if err := client.FlushDB(context.Background()).Err(); err != nil {
		t.Fatalf("redistest: %v", err)
	}
	t.Cleanup(func() { client.FlushDB(context.Background()) })
}

func databases(ctx context.Context, client *redis.Client) (int, error) {
	answer, err := client.ConfigGet(ctx, "databases").Result()
	if err != nil {
		return 0, err
	}
	total, err := strconv.Atoi(answer["databases"])
	if err == nil && total < 2 {
		err = fmt.Errorf("the Redis server has one database only")
	}
	return total, err
}

// Server starts a Redis that only this test has, for who counts what a server does, and returns where it is. It ends with the test.
func Server(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "redis") // the path of a socket is short
	if err != nil {
		t.Fatalf("redistest: %v", err)
	}
	socket := filepath.Join(folder, "redis.sock")
	server := exec.Command("redis-server", "--port", "0", "--unixsocket", socket, "--dir", folder, "--save", "")
	if err := server.Start(); err != nil {
		t.Fatalf("redistest: %v", err)
	}
	t.Cleanup(func() {
		_ = server.Process.Kill()
		_ = server.Wait()
		_ = os.RemoveAll(folder)
	})
	awaitSocket(t, socket)
	return "unix://" + socket
}

// awaitSocket waits until a server listens on a socket.
func awaitSocket(t testing.TB, socket string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), waitTimeout)
	defer cancel()
	for {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			_ = conn.Close()
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("redistest: the server does not listen: %v", err)
		}
		background.Pause(ctx, 10*time.Millisecond)
	}
}

// Broken leases a clean database like URL and puts a line that can be cut before it. The line is whole at first.
func Broken(t testing.TB) *stacktest.Proxy {
	t.Helper()
	return stacktest.NewProxy(t, URL(t))
}
