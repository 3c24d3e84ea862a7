package download

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/dns/dnsmessage"
)

// inside is a server on this machine that counts its visitors.
type inside struct {
	*httptest.Server
	visits atomic.Int32
}

func newInside(t *testing.T) *inside {
	t.Helper()
	s := &inside{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.visits.Add(1)
		switch r.URL.Path {
		case "/picture":
			_, _ = w.Write([]byte("picture"))
		case "/endless":
			for r.Context().Err() == nil {
				_, _ = w.Write(make([]byte, 1<<16))
			}
		case "/around":
			http.Redirect(w, r, "/around", http.StatusFound)
		case "/to":
			http.Redirect(w, r, r.URL.Query().Get("url"), http.StatusFound)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *inside) port() string {
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	return port
}

var loopback = Config{Allow: []string{"127.0.0.1/32"}}

func client(t *testing.T, cfg Config) *Client { return clientWith(t, cfg, net.DefaultResolver) }

func clientWith(t *testing.T, cfg Config, names *net.Resolver) *Client {
	t.Helper()
	c, err := newClient(cfg, names)
	require.NoError(t, err)
	return c
}

func TestGetReachesNothingInside(t *testing.T) {
	t.Parallel()
	s := newInside(t)
	for _, host := range []string{
		"127.0.0.1", "127.1", "0.0.0.0", "localhost", "[::1]", "[::]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]",
		"2130706433", "0x7f000001", "169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "10.0.0.1", "172.16.0.1",
		"192.168.1.1", "100.64.0.1", "[fe80::1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "224.0.0.1", "255.255.255.255", "[fc00::1]",
	} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			for _, port := range []string{s.port(), "443"} {
				_, err := client(t, Config{}).Get(t.Context(), "https://"+host+":"+port+"/picture", 100)
				require.Error(t, err)
				require.NotContains(t, err.Error(), "/picture", "an error does not tell the address")
			}
		})
	}
	t.Cleanup(func() { require.Zero(t, s.visits.Load()) })
}

func TestGetRefusesAddressesThatAreNone(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"", "picture.jpg", "http://example.com/a", "ftp://example.com/a", "file:///etc/passwd", "https://", "https:///a",
		"https://me:secret@example.com/a", "https://exa mple.com/", "gopher://127.0.0.1:6379/_FLUSHALL", "data:image/png;base64,AAAA",
	} {
		_, err := client(t, Config{}).Get(t.Context(), address, 100)
		require.ErrorIs(t, err, ErrRefused, address)
	}
}

func TestNewRefusesANetworkThatIsNone(t *testing.T) {
	t.Parallel()
	_, err := New(Config{Allow: []string{"127.0.0.1"}})
	require.Error(t, err)
}

func TestPublic(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]bool{
		"8.8.8.8": true, "142.250.1.1": true, "2a00:1450:4001::1": true,
		"127.0.0.1": false, "10.1.2.3": false, "172.31.255.255": false, "192.168.0.1": false, "169.254.169.254": false,
		"100.100.100.200": false, "198.19.0.1": false, "192.0.0.192": false, "0.1.2.3": false, "224.0.0.1": false, "240.0.0.1": false,
		"255.255.255.255": false, "::": false, "::1": false, "fe80::1": false, "fc00::1": false, "fec0::1": false, "ff02::1": false,
		"64:ff9b::a9fe:a9fe": false, "2002:a9fe:a9fe::": false, "2001:db8::1": false, "2001::1": false, "::ffff:8.8.8.8": false, "100::1": false,
	} {
		require.Equal(t, want, public(netip.MustParseAddr(address)), address)
	}
}

// A name that leads to one address when it is asked for and to another when it is connected to leads nowhere.
func TestGetIsNotLedInsideByARebindingName(t *testing.T) {
	t.Parallel()
	s := newInside(t)
	names := rebinding(t, "203.0.113.7", "127.0.0.1", "::ffff:127.0.0.1", "169.254.169.254")
	for range 8 {
		_, err := clientWith(t, Config{}, names).Get(t.Context(), "https://rebind.test:"+s.port()+"/picture", 100)
		require.ErrorIs(t, err, ErrRefused)
	}
	require.Zero(t, s.visits.Load())
	allowed, err := clientWith(t, loopback, rebinding(t, "127.0.0.1")).Get(t.Context(), "http://rebind.test:"+s.port()+"/picture", 100)
	require.NoError(t, err, "the name itself works")
	require.Equal(t, "picture", string(allowed))
}

func TestGetFollowsRedirectsOnlyToWhereItMayGo(t *testing.T) {
	t.Parallel()
	s := newInside(t)
	c := client(t, loopback)
	for _, target := range []string{
		"http://169.254.169.254/latest/meta-data", "http://10.0.0.1/", "http://[::1]:" + s.port() + "/picture", "file:///etc/passwd",
		"http://me:secret@127.0.0.1:" + s.port() + "/picture",
	} {
		_, err := c.Get(t.Context(), s.URL+"/to?url="+strings.ReplaceAll(target, ":", "%3A"), 100)
		require.ErrorIs(t, err, ErrRefused, target)
	}
	_, err := c.Get(t.Context(), s.URL+"/around", 100)
	require.ErrorIs(t, err, ErrRefused, "in circles")
	content, err := c.Get(t.Context(), s.URL+"/to?url=/picture", 100)
	require.NoError(t, err)
	require.Equal(t, "picture", string(content))
}

func TestGetHasLimits(t *testing.T) {
	t.Parallel()
	s := newInside(t)
	c := client(t, loopback)
	content, err := c.Get(t.Context(), s.URL+"/picture", 7)
	require.NoError(t, err)
	require.Equal(t, "picture", string(content))
	_, err = c.Get(t.Context(), s.URL+"/picture", 6)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = c.Get(t.Context(), s.URL+"/endless", 1<<20)
	require.ErrorIs(t, err, ErrTooLarge)
	_, err = c.Get(t.Context(), s.URL+"/nothing", 100)
	require.ErrorIs(t, err, ErrGone)
	_, err = c.Get(t.Context(), s.URL+"/busy", 100)
	require.Error(t, err)
	require.NotErrorIs(t, err, ErrGone, "passing")
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err = c.Get(ctx, s.URL+"/endless", 1<<40)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// rebinding is a resolver whose name server answers each question with the next address.
func rebinding(t *testing.T, addresses ...string) *net.Resolver {
	t.Helper()
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		packet := make([]byte, 512)
		families := map[dnsmessage.Type][]netip.Addr{}
		for _, address := range addresses {
			addr := netip.MustParseAddr(address)
			family := dnsmessage.TypeA
			if addr.Is6() {
				family = dnsmessage.TypeAAAA
			}
			families[family] = append(families[family], addr)
		}
		for {
			n, from, err := server.ReadFrom(packet)
			if err != nil {
				return
			}
			if answer, err := resolve(packet[:n], families); err == nil {
				_, _ = server.WriteTo(answer, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", server.LocalAddr().String())
	}}
}

// resolve answers a question with the next address of its family, in turn; where there is none, with nothing.
func resolve(question []byte, families map[dnsmessage.Type][]netip.Addr) ([]byte, error) {
	var m dnsmessage.Message
	if err := m.Unpack(question); err != nil || len(m.Questions) != 1 {
		return nil, fmt.Errorf("not a question: %w", err)
	}
	m.Response, m.Authoritative, m.Additionals = true, true, nil
	head := dnsmessage.ResourceHeader{Name: m.Questions[0].Name, Type: m.Questions[0].Type, Class: dnsmessage.ClassINET}
	if turn := families[head.Type]; len(turn) > 0 {
		addr := turn[0]
		families[head.Type] = append(turn[1:len(turn):len(turn)], addr)
		resource := dnsmessage.Resource{Header: head, Body: &dnsmessage.AAAAResource{AAAA: addr.As16()}}
		if addr.Is4() {
			resource.Body = &dnsmessage.AResource{A: addr.As4()}
		}
		m.Answers = []dnsmessage.Resource{resource}
	}
	return m.Pack()
}
