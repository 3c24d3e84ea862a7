// Package download fetches files from addresses that came from outside, such as a provider's picture of a person. It reaches
// public addresses only, decided when the connection is made and for each redirect: no name, literal or rebinding leads inside.
package download

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"syscall"
	"time"
)

// Config says which networks that are not public may be reached all the same ("127.0.0.1/32"), without TLS, too: none but in a
// local stack, whose stand-ins are on this machine.
type Config struct {
	Allow []string `koanf:"allow" validate:"dive,cidr"`
}

const (
	timeout      = 10 * time.Second // for everything together
	mostHops     = 3
	mostHeader   = 16 << 10
	dialTimeout  = 3 * time.Second
	userAgent    = "Atrium"
	acceptImages = "image/*"
)

var (
	// ErrRefused: the address may not be fetched. Trying again does not help.
	ErrRefused = errors.New("download: the address is not allowed")
	// ErrGone: the server answers that there is nothing. Trying again does not help.
	ErrGone = errors.New("download: there is nothing")
	// ErrTooLarge: more bytes than asked for at the most.
	ErrTooLarge = errors.New("download: too large")
)

// Client fetches files. Safe for concurrent use.
type Client struct {
	allow []netip.Prefix
	http  *http.Client
}

// New makes a Client, which uses no proxy, keeps no cookies and no connections. It refuses networks that are none.
func New(cfg Config) (*Client, error) { return newClient(cfg, net.DefaultResolver) }

func newClient(cfg Config, names *net.Resolver) (*Client, error) {
	c := &Client{}
	for _, text := range cfg.Allow {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("download: %w", err)
		}
		c.allow = append(c.allow, network)
	}
	dialer := &net.Dialer{Timeout: dialTimeout, Resolver: names, ControlContext: c.control}
	c.http = &http.Client{
		Timeout: timeout,
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: dialTimeout, ResponseHeaderTimeout: timeout,
			MaxResponseHeaderBytes: mostHeader, DisableKeepAlives: true, DisableCompression: true,
		},
		CheckRedirect: func(next *http.Request, before []*http.Request) error {
			if len(before) > mostHops {
				return fmt.Errorf("%w: more than %d redirects", ErrRefused, mostHops)
			}
			next.Header.Del("Referer")
			return c.mayAsk(next.URL)
		},
	}
	return c, nil
}

// Get returns the file at address, of at most so many bytes. Besides ErrRefused, ErrGone and ErrTooLarge errors are passing.
// None of them tells the address, which is about a person.
func (c *Client) Get(ctx context.Context, address string, most int64) ([]byte, error) {
	target, err := url.Parse(address)
	if err != nil {
		return nil, fmt.Errorf("%w: malformed", ErrRefused)
	}
	if err := c.mayAsk(target); err != nil {
		return nil, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return nil, fmt.Errorf("%w: malformed", ErrRefused)
	}
	request.Header.Set("User-Agent", userAgent)
	request.Header.Set("Accept", acceptImages)
	answer, err := c.http.Do(request)
	if err != nil {
		return nil, anonymous(err)
	}
	defer answer.Body.Close()
	switch {
	case answer.StatusCode >= 500, answer.StatusCode == http.StatusTooManyRequests, answer.StatusCode == http.StatusRequestTimeout:
		return nil, fmt.Errorf("download: the server answers %d", answer.StatusCode)
	case answer.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("%w: the server answers %d", ErrGone, answer.StatusCode)
	case answer.ContentLength > most:
		return nil, ErrTooLarge
	}
	content, err := io.ReadAll(io.LimitReader(answer.Body, most+1))
	if err != nil {
		return nil, anonymous(err)
	}
	if int64(len(content)) > most {
		return nil, ErrTooLarge
	}
	return content, nil
}

// anonymous takes the address off an error.
func anonymous(err error) error {
	var about *url.Error
	if errors.As(err, &about) {
		err = about.Err
	}
	return fmt.Errorf("download: %w", err)
}

// mayAsk judges what can be judged before a name is looked up.
func (c *Client) mayAsk(u *url.URL) error {
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || len(c.allow) == 0):
		return fmt.Errorf("%w: not https", ErrRefused)
	case u.User != nil, u.Hostname() == "":
		return fmt.Errorf("%w: malformed", ErrRefused)
	}
	return nil
}

// control judges the very address that is about to be connected to, whatever the name behind it says to others.
func (c *Client) control(_ context.Context, network, address string, _ syscall.RawConn) error {
	target, err := netip.ParseAddrPort(address)
	if err != nil || (network != "tcp4" && network != "tcp6") {
		return fmt.Errorf("%w: not an address", ErrRefused)
	}
	addr := target.Addr().Unmap().WithZone("")
	if slices.ContainsFunc(c.allow, func(p netip.Prefix) bool { return p.Contains(addr) }) {
		return nil
	}
	if !public(addr) || target.Port() != 443 {
		return fmt.Errorf("%w: not a public address", ErrRefused)
	}
	return nil
}

// reserved are the networks within what looks like public address space that lead elsewhere: to private networks, to other
// protocols' addresses (which may be private), or nowhere (RFC 6890 and its successors).
var reserved = prefixes(
	"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
	"240.0.0.0/4", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20",
)

// globalIPv6 is all that is assigned to the Internet.
var globalIPv6 = netip.MustParsePrefix("2000::/3")

func public(addr netip.Addr) bool {
	if !addr.IsGlobalUnicast() || addr.IsPrivate() || addr.Is6() && !globalIPv6.Contains(addr) {
		return false
	}
	return !slices.ContainsFunc(reserved, func(p netip.Prefix) bool { return p.Contains(addr) })
}

func prefixes(all ...string) []netip.Prefix {
	parsed := make([]netip.Prefix, len(all))
	for i, text := range all {
		parsed[i] = netip.MustParsePrefix(text)
	}
	return parsed
}
