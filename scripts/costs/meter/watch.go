package meter

import (
	"bufio"
	"context"
	"crypto/rand"
	"fmt"
	"maps"
	"net"
	"regexp"
	"strings"
	"sync"

	"github.com/redis/go-redis/v9"
)

// Command is a kind of command that Redis ran.
type Command struct {
	Name   string
	Key    string // its first key, with * for ids
	Script bool   // a script called it
	Vain   bool   // of a script that looked for work and found none
}

// Watch sees every command that a Redis runs, in all its databases, by MONITOR. That takes Redis' time.
type Watch struct {
	client *redis.Client
	conn   net.Conn
	marks  chan string // what was echoed
	mu     sync.Mutex
	counts map[Command]float64
	group  []Command // a command, and what its script has called so far
}

// NewWatch begins to watch the Redis of a URL without a password.
func NewWatch(ctx context.Context, url string) (*Watch, error) {
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, fmt.Errorf("the URL of Redis is not one")
	}
	w := &Watch{client: redis.NewClient(options), marks: make(chan string, 1), counts: map[Command]float64{}}
	if w.conn, err = (&net.Dialer{}).DialContext(ctx, options.Network, options.Addr); err != nil {
		return nil, err
	}
	if _, err := fmt.Fprint(w.conn, "MONITOR\r\n"); err != nil {
		return nil, err
	}
	go w.listen()
	_, err = w.Counts(ctx) // from here on it sees everything
	return w, err
}

// Close ends it.
func (w *Watch) Close() { _, _ = w.conn.Close(), w.client.Close() }

// Counts are the commands that Redis has finished so far.
func (w *Watch) Counts(ctx context.Context) (map[Command]float64, error) {
	mark := rand.Text()
	if err := w.client.Echo(ctx, mark).Err(); err != nil {
		return nil, err
	}
	for {
		select {
		case seen := <-w.marks:
			if seen == mark {
				w.mu.Lock()
				defer w.mu.Unlock()
				return maps.Clone(w.counts), nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *Watch) listen() {
	for lines := bufio.NewReader(w.conn); ; {
		line, err := lines.ReadString('\n')
		if err != nil {
			return // it was closed
		}
		w.hear(line)
	}
}

// hear takes a line such as `+1700000000.123456 [0 lua] "hset" "key" "field" "value"`.
func (w *Watch) hear(line string) {
	head, rest, ok := strings.Cut(line, `] "`)
	if !ok {
		return // MONITOR's own answer
	}
	words := strings.SplitN(strings.TrimSuffix(rest, "\"\r\n"), `" "`, 6)
	c := Command{Name: strings.ToLower(words[0]), Script: strings.HasSuffix(head, " lua")}
	if at := keyAt(c.Name); at < len(words) {
		c.Key = withoutIDs(words[at])
	}
	if !c.Script {
		w.end()
	}
	w.group = append(w.group, c)
	if c.Name == "echo" && len(words) > 1 {
		w.marks <- words[1]
	}
}

// end counts what was one command, with all that its script called.
func (w *Watch) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	vain := isVain(w.group)
	for _, c := range w.group {
		if !watchedOnly[c.Name] {
			c.Vain = vain
			w.counts[c]++
		}
	}
	w.group = w.group[:0]
}

// watchedOnly are what clients say as they connect, and what this package says.
var watchedOnly = map[string]bool{"echo": true, "info": true, "hello": true, "client": true, "select": true, "monitor": true}

// isVain reports whether a script only looked for work: into a list, or for what is due in a sorted set.
func isVain(group []Command) bool {
	looked := 0
	for _, c := range group {
		switch {
		case !c.Script:
		case c.Name == "rpoplpush" || c.Name == "zrangebyscore":
			looked++
		case c.Name != "exists":
			return false
		}
	}
	return looked > 0
}

func keyAt(name string) int {
	if name == "evalsha" || name == "eval" {
		return 3
	}
	return 1
}

var ids = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f-]{27}|[0-9]+(-[0-9]+)*|[0-9A-Za-z_-]{22,}`)

func withoutIDs(key string) string { return ids.ReplaceAllString(key, "*") }
