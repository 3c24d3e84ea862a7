package redistest

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Commands counts what a client of Redis sends outside of pipelines, by the command's name. Safe for concurrent use.
type Commands struct {
	mu   sync.Mutex
	sent map[string]int
}

// Count counts what the client sends from now on. A copy of the client that was made before (WithTimeout) is not counted.
func Count(client redis.UniversalClient) *Commands {
	c := &Commands{sent: map[string]int{}}
	client.AddHook(c)
	return c
}

// Sent returns how often commands of these names were sent; of no name, all.
func (c *Commands) Sent(names ...string) (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(names) == 0 {
		for _, times := range c.sent {
			n += times
		}
	}
	for _, name := range names {
		n += c.sent[name]
	}
	return n
}

// DialHook implements redis.Hook.
func (c *Commands) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessPipelineHook implements redis.Hook.
func (c *Commands) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

// ProcessHook implements redis.Hook.
func (c *Commands) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		c.mu.Lock()
		c.sent[cmd.Name()]++
		c.mu.Unlock()
		return next(ctx, cmd)
	}
}
