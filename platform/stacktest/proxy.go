package stacktest

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// Proxy is a line to a server that a test can cut and mend, as if the server were killed and started again.
type Proxy struct {
	listener net.Listener
	direct   *url.URL
	mu       sync.Mutex
	cut      bool
	open     map[net.Conn]bool
}

// NewProxy puts a Proxy before the server of a URL, until the test ends. The line is whole at first.
func NewProxy(t testing.TB, address string) *Proxy {
	t.Helper()
	direct, err := url.Parse(address)
	if err != nil {
		t.Fatal("stacktest: what a proxy stands before is a URL") // the cause would show a password
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("stacktest: %v", err)
	}
	p := &Proxy{listener: listener, direct: direct, open: map[net.Conn]bool{}}
	var done sync.WaitGroup
	done.Go(func() { p.accept(&done) })
	t.Cleanup(func() {
		_ = listener.Close()
		p.Cut()
		done.Wait()
	})
	return p
}

// URL is the way through the proxy.
func (p *Proxy) URL() string {
	u := *p.direct
	u.Host = p.listener.Addr().String()
	return u.String()
}

// Direct is the way past the proxy, to look at the server while the line is cut.
func (p *Proxy) Direct() string { return p.direct.String() }

// Cut ends all connections, and new ones at once.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = true
	for conn := range p.open {
		_ = conn.Close()
	}
}

// Mend lets new connections through again.
func (p *Proxy) Mend() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cut = false
}

func (p *Proxy) accept(done *sync.WaitGroup) {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return // the test is over
		}
		done.Go(func() { p.join(client) })
	}
}

// join carries bytes both ways until either side ends.
func (p *Proxy) join(client net.Conn) {
	defer p.forget(client)
	if !p.remember(client) {
		return
	}
	server, err := net.Dial("tcp", p.direct.Host)
	if err != nil {
		return
	}
	defer p.forget(server)
	if !p.remember(server) {
		return
	}
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.Close()
	}()
	_, _ = io.Copy(client, server)
}

// remember notes an open connection; false: the line is cut.
func (p *Proxy) remember(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.cut {
		p.open[conn] = true
	}
	return !p.cut
}

func (p *Proxy) forget(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
	_ = conn.Close()
}
