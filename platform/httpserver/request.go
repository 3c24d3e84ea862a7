package httpserver

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"atrium/platform/identity"
)

// requestIDHeader names the request, on the way in and on every answer.
const requestIDHeader = "X-Request-Id"

var saneID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// call is what the edge knows about the request being handled.
type call struct {
	server  *Server
	id      string
	began   time.Time
	address string // of the client, as limits count it
	place   string // of the client, where the content network tells it
	user    uuid.UUID
	sent    *incoming // the body as it comes from the connection, past the limit of its size; nil where there is none
	body    []byte    // of routes whose body is read before the handler runs
	err     error     // what the client is not told
	stack   []byte    // of a panic
}

type callKey struct{}

// callOf returns the call of a request; the first middleware has made it. Where it did not run, Fail still works.
func callOf(c *gin.Context) *call {
	if found, ok := c.Request.Context().Value(callKey{}).(*call); ok {
		return found
	}
	return &call{}
}

// RequestID returns the id of the request being handled, or "".
func RequestID(ctx context.Context) string {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return found.id
	}
	return ""
}

// Address returns the address of the client as limits should count it: IPv4 as it is, IPv6 as its /64, which is what one
// customer has. X-Forwarded-For is heeded from trusted proxies only. Outside a request it is "".
func Address(ctx context.Context) string {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return found.address
	}
	return ""
}

// Place returns where the client is ("Berlin, Germany"), as the content network in front tells it; "" where it does not, or
// where the request did not come through a trusted proxy: anybody can write a header.
func Place(ctx context.Context) string {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return found.place
	}
	return ""
}

// Draining returns a channel that is closed when the server begins to stop. Streams end then; other handlers need not care.
func Draining(ctx context.Context) <-chan struct{} {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return found.server.draining
	}
	return nil
}

// begin names the request. A sane id from outside is kept, so that a client or proxy can follow its request.
// It also replaces the write deadline that an earlier request has left on the connection, and gives the body one of its own.
func (s *Server) begin(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !saneID.MatchString(id) {
		id = uuid.Must(uuid.NewV7()).String()
	}
	c.Writer.Header().Set(requestIDHeader, id)
	found := &call{server: s, id: id, began: time.Now(), address: addressOf(s.clientIP(c.Request)), place: s.placeOf(c)}
	setWriteDeadline(c, found.began, s.cfg.timeout("default"))
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), callKey{}, found))
	if c.Request.ContentLength == 0 {
		return
	}
	found.sent = s.bodies.watch(c)
	defer found.sent.leave()
	c.Next()
}

// readable refuses a path or query that no handler could read: they would be errors of the database otherwise.
func (s *Server) readable(c *gin.Context) {
	u := c.Request.URL
	if strings.ContainsRune(u.Path, 0) || !utf8.ValidString(u.Path) {
		s.refuse(c, errNotFound)
		return
	}
	if u.RawQuery == "" {
		return
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		s.refuse(c, errMalformed.Saying("The query string cannot be read."))
		return
	}
	for name, values := range query {
		for _, text := range append(values, name) {
			if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
				s.refuse(c, errMalformed.Saying("The query string is not UTF-8 text."))
				return
			}
		}
	}
}

// know notes who asks, for the handler, the log and the limits.
func know(c *gin.Context, p identity.Principal) {
	callOf(c).user = p.UserID
	c.Request = c.Request.WithContext(identity.With(c.Request.Context(), p))
}

func (s *Server) notFound(c *gin.Context) { s.refuse(c, errNotFound) }

// methodNotAllowed answers 405; gin has set Allow.
func (s *Server) methodNotAllowed(c *gin.Context) { s.refuse(c, errMethod) }

// setWriteDeadline bounds how long a slow reader may hold the connection: writeTimeout longer than the handler may take.
func setWriteDeadline(c *gin.Context, from time.Time, timeout time.Duration) {
	deadline := time.Time{}
	if timeout > 0 {
		deadline = from.Add(timeout + writeTimeout)
	}
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(deadline) // a test's recorder has none
}

// forwardedHeader is the one header in which proxies tell whom they forward: each adds the peer that it saw at the end.
const forwardedHeader = "X-Forwarded-For"

// clientIP returns the address of the client: the peer's, or that which the last of our proxies in a row saw. Nothing that stands
// before it in the header is believed, nor any other header: a client can write both. The zero address is an unknown one.
func (s *Server) clientIP(r *http.Request) netip.Addr {
	client := hopAddress(r.RemoteAddr)
	hops := strings.Split(strings.Join(r.Header.Values(forwardedHeader), ","), ",")
	for _, hop := range slices.Backward(hops) {
		seen := hopAddress(hop)
		if !s.trusts(client) || !seen.IsValid() {
			break
		}
		client = seen
	}
	return client
}

// hopAddress reads an address as proxies write it: with or without a port, an IPv6 one in brackets or not.
func hopAddress(hop string) netip.Addr {
	hop = strings.TrimSpace(hop)
	if host, _, err := net.SplitHostPort(hop); err == nil {
		hop = host
	}
	addr, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(hop, "["), "]"))
	if err != nil {
		return netip.Addr{}
	}
	return addr.Unmap().WithZone("")
}

func addressOf(addr netip.Addr) string {
	if !addr.IsValid() {
		return "unknown"
	}
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.Prefix(64) // 64 always fits an IPv6 address
	return prefix.String()
}

// The headers in which CloudFront tells where a viewer is.
const (
	cityHeader    = "CloudFront-Viewer-City"
	countryHeader = "CloudFront-Viewer-Country-Name"
	// placeSize bounds what is kept of them, in runes.
	placeSize = 100
)

func (s *Server) placeOf(c *gin.Context) string {
	var parts []string
	for _, name := range []string{cityHeader, countryHeader} {
		if text := c.GetHeader(name); text != "" {
			parts = append(parts, plainText(text))
		}
	}
	if len(parts) == 0 || !s.trusts(hopAddress(c.Request.RemoteAddr)) {
		return ""
	}
	place := []rune(strings.Join(parts, ", "))
	return string(place[:min(len(place), placeSize)])
}

// trusts reports whether an address is one of our proxies'.
func (s *Server) trusts(addr netip.Addr) bool {
	return slices.ContainsFunc(s.proxies, func(prefix netip.Prefix) bool { return prefix.Contains(addr) })
}

// plainText undoes percent-encoding and leaves out what cannot be shown.
func plainText(text string) string {
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}
