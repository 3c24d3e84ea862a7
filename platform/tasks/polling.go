package tasks

import (
	"context"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// pollingClient is a client of Redis for one asynq server. asynq asks for each of its queues at each poll, by a script of several
// commands; while there is nothing in any of them, this client asks Redis once and answers the rest itself.
type pollingClient struct {
	redis.UniversalClient
	pending *poll // of waiting tasks
	delayed *poll // of tasks that wait for their time
	ended   *poll // of tasks that asynq keeps for a while
}

func newPollingClient(rdb redis.UniversalClient, queues map[string]int) *pollingClient {
	c := &pollingClient{UniversalClient: rdb, pending: &poll{}, delayed: &poll{}, ended: &poll{}}
	for queue := range queues {
		prefix := "asynq:{" + queue + "}:"
		c.pending.keys = append(c.pending.keys, prefix+"pending")
		c.delayed.keys = append(c.delayed.keys, prefix+"scheduled", prefix+"retry")
		c.ended.keys = append(c.ended.keys, prefix+"completed")
	}
	return c
}

// EvalSha runs a script, unless it would find nothing.
func (c *pollingClient) EvalSha(ctx context.Context, sha string, keys []string, args ...any) *redis.Cmd {
	if poll, nothing := c.pollOf(keys); poll != nil && poll.findsNothing(ctx, c.UniversalClient, keys[0]) {
		return nothing
	}
	return c.UniversalClient.EvalSha(ctx, sha, keys, args...)
}

// pollOf returns what kind of poll a script of asynq is by its keys (nil: it does something else), and its answer where nothing is there.
func (c *pollingClient) pollOf(keys []string) (*poll, *redis.Cmd) {
	if len(keys) == 0 {
		return nil, nil
	}
	_, kind, _ := strings.Cut(keys[0], "}:")
	switch {
	case kind == "pending" && len(keys) == 4:
		return c.pending, redis.NewCmdResult(nil, redis.Nil)
	case (kind == "scheduled" || kind == "retry") && len(keys) == 2:
		return c.delayed, redis.NewCmdResult(int64(0), nil)
	case kind == "completed" && len(keys) == 1:
		return c.ended, redis.NewCmdResult(int64(0), nil)
	}
	return nil, nil
}

// poll is one round of questions for all keys of a kind.
type poll struct {
	keys []string

	mu    sync.Mutex
	asked map[string]bool // in this round
	empty bool
}

// findsNothing reports whether none of the keys is there. It asks Redis when a key comes for the second time: that begins a round.
func (p *poll) findsNothing(ctx context.Context, rdb redis.UniversalClient, key string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked == nil || p.asked[key] {
		found, err := rdb.Exists(ctx, p.keys...).Result()
		p.asked, p.empty = map[string]bool{}, err == nil && found == 0
	}
	p.asked[key] = true
	return p.empty
}
