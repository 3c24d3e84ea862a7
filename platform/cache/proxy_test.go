package cache

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// proxy stands between a test and Redis, so that the test can take Redis away.
type proxy struct {
	listener net.Listener
	target   string

	mu    sync.Mutex
	mode  mode
	conns []net.Conn
}

type mode int

const (
	passing  mode = iota
	refusing      // connections are closed at once
	mute          // connections are taken and nothing is ever answered
)

func newProxy(t *testing.T, target string) *proxy {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &proxy{listener: listener, target: target}
	go p.serve()
	t.Cleanup(func() {
		_ = listener.Close()
		p.become(refusing)
	})
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

// become changes what happens to new connections, and ends those there are.
// Mute connections stay open until the next change.
func (p *proxy) become(m mode) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.mode = m
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *proxy) serve() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.take(client)
	}
}

func (p *proxy) take(client net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mode == refusing {
		_ = client.Close()
		return
	}
	p.conns = append(p.conns, client)
	if p.mode == mute {
		return
	}
	server, err := net.Dial("tcp", p.target)
	if err != nil {
		_ = client.Close()
		return
	}
	p.conns = append(p.conns, server)
	go pipe(client, server)
	go pipe(server, client)
}

func pipe(to, from net.Conn) {
	_, _ = io.Copy(to, from)
	_ = to.Close()
	_ = from.Close()
}
