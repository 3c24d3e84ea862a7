package meter

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
)

// Traffic is what went over a Wire.
type Traffic struct {
	RoundTrips   float64 // answers of PostgreSQL that it was ready again
	Transactions float64 // those that ended well, of single statements and of readers too: what PostgreSQL counts as commits, without the bare ones
	Bare         float64 // round trips without a result: a session prepared a statement, or asked whether the server is there
}

// Wire is a line to a PostgreSQL that counts what the server says: at once, while the server's own statistics come late.
type Wire struct {
	listener net.Listener
	direct   *url.URL
	mu       sync.Mutex
	traffic  Traffic
}

// NewWire puts a Wire before the server of a URL that asks for no TLS, until it is closed or ctx ends.
func NewWire(ctx context.Context, address string) (*Wire, error) {
	direct, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("the database's URL is not one")
	}
	w := &Wire{direct: direct}
	if w.listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0"); err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, w.Close)
	go w.accept()
	return w, nil
}

// URL is the way over the wire.
func (w *Wire) URL() string {
	u := *w.direct
	u.Host = w.listener.Addr().String()
	return u.String()
}

// Close lets nobody in any more. Who is there stays.
func (w *Wire) Close() { _ = w.listener.Close() }

// Traffic is what went over it so far.
func (w *Wire) Traffic() Traffic {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.traffic
}

// Plus adds other traffic, times a factor.
func (t Traffic) Plus(o Traffic, times float64) Traffic {
	return Traffic{t.RoundTrips + times*o.RoundTrips, t.Transactions + times*o.Transactions, t.Bare + times*o.Bare}
}

func (w *Wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return // it was closed
		}
		go w.join(client)
	}
}

// join carries bytes both ways until either side ends.
func (w *Wire) join(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", w.direct.Host)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, io.TeeReader(server, &conversation{wire: w}))
}

// conversation is what PostgreSQL says on a connection: messages of a letter, their length and their content.
type conversation struct {
	wire   *Wire
	heard  []byte
	begun  bool // the session is there
	ran    bool // a statement, since PostgreSQL was ready last
	failed bool // or it was rolled back
}

// Write hears more of it.
func (c *conversation) Write(p []byte) (int, error) {
	c.heard = append(c.heard, p...)
	for len(c.heard) >= 5 {
		size := 1 + int(binary.BigEndian.Uint32(c.heard[1:]))
		if len(c.heard) < size {
			break
		}
		c.hear(c.heard[0], c.heard[5:size])
		c.heard = c.heard[size:]
	}
	return len(p), nil
}

func (c *conversation) hear(letter byte, content []byte) {
	switch letter {
	case 'C': // CommandComplete
		c.ran, c.failed = true, strings.HasPrefix(string(content), "ROLLBACK")
	case 'E': // ErrorResponse
		c.ran, c.failed = true, true
	case 'Z': // ReadyForQuery: I says that no transaction is open
		c.ready(string(content) == "I")
		c.begun, c.ran, c.failed = true, false, false
	}
}

func (c *conversation) ready(idle bool) {
	if !c.begun {
		return
	}
	c.wire.mu.Lock()
	defer c.wire.mu.Unlock()
	c.wire.traffic.RoundTrips++
	switch {
	case !c.ran:
		c.wire.traffic.Bare++
	case idle && !c.failed:
		c.wire.traffic.Transactions++
	}
}
