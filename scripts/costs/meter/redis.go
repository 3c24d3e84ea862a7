package meter

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// notOurs are commands of this package's own client, and what any client says as it connects.
var notOurs = map[string]bool{"info": true, "hello": true, "client|setinfo": true, "client|maint_notifications": true, "monitor": true, "echo": true}

// redisServer reads the counters of Redis.
type redisServer struct{ client *redis.Client }

func openRedis(url string) (*redisServer, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis is not one")
	}
	return &redisServer{redis.NewClient(options)}, nil
}

// read adds what Redis has counted so far: commands of clients, and those that scripts call.
func (r *redisServer) read(ctx context.Context, c *Counters) error {
	info, err := r.client.Info(ctx, "commandstats").Result()
	if err != nil {
		return fmt.Errorf("read Redis' counters: %w", err)
	}
	for _, line := range strings.Fields(info) {
		name, calls, ok := commandCalls(line)
		if ok && !notOurs[name] {
			c.Redis += calls
		}
	}
	return nil
}

// commandCalls reads a line such as "cmdstat_get:calls=21,usec=175,...".
func commandCalls(line string) (name string, calls float64, ok bool) {
	name, rest, ok := strings.Cut(line, ":calls=")
	if !ok {
		return "", 0, false
	}
	number, _, _ := strings.Cut(rest, ",")
	calls, err := strconv.ParseFloat(number, 64)
	return strings.TrimPrefix(name, "cmdstat_"), calls, err == nil
}

// process is the process of Redis.
func (r *redisServer) process(ctx context.Context) (int, error) {
	info, err := r.client.Info(ctx, "server").Result()
	if err != nil {
		return 0, fmt.Errorf("ask Redis for its process: %w", err)
	}
	_, rest, _ := strings.Cut(info, "process_id:")
	number, _, _ := strings.Cut(rest, "\r\n")
	return strconv.Atoi(number)
}
