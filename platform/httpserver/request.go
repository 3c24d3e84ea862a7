package httpserver

import (
	"context"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"regexp"
	"strings"
	"time"
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
	user    uuid.UUID
	sent    io.Reader // the body as it comes from the connection, past the limit of its size
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

// Draining returns a channel that is closed when the server begins to stop. Streams end then; other handlers need not care.
func Draining(ctx context.Context) <-chan struct{} {
	if found, ok := ctx.Value(callKey{}).(*call); ok {
		return found.server.draining
	}
	return nil
}

// begin names the request. A sane id from outside is kept, so that a client or proxy can follow its request.
// It also replaces the write deadline that an earlier request has left on the connection.
func (s *Server) begin(c *gin.Context) {
	id := c.GetHeader(requestIDHeader)
	if !saneID.MatchString(id) {
		id = uuid.Must(uuid.NewV7()).String()
	}
	c.Writer.Header().Set(requestIDHeader, id)
	found := &call{server: s, id: id, began: time.Now(), address: addressOf(c.ClientIP())}
	setWriteDeadline(c, found.began, s.cfg.timeout("default"))
	c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), callKey{}, found))
}

// readable refuses a path or query that no handler could read: they would be errors of the database otherwise.
func readable(c *gin.Context) {
	u := c.Request.URL
	if strings.ContainsRune(u.Path, 0) || !utf8.ValidString(u.Path) {
		Fail(c, errNotFound)
		return
	}
	if u.RawQuery == "" {
		return
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		Fail(c, errMalformed.Saying("The query string cannot be read."))
		return
	}
	for name, values := range query {
		for _, text := range append(values, name) {
			if strings.ContainsRune(text, 0) || !utf8.ValidString(text) {
				Fail(c, errMalformed.Saying("The query string is not UTF-8 text."))
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

func notFound(c *gin.Context) { Fail(c, errNotFound) }

// methodNotAllowed answers 405; gin has set Allow.
func methodNotAllowed(c *gin.Context) { Fail(c, errMethod) }

// setWriteDeadline bounds how long a slow reader may hold the connection: writePatience longer than the handler may take.
func setWriteDeadline(c *gin.Context, from time.Time, timeout time.Duration) {
	deadline := time.Time{}
	if timeout > 0 {
		deadline = from.Add(timeout + writePatience)
	}
	_ = http.NewResponseController(c.Writer).SetWriteDeadline(deadline) // a test's recorder has none
}

func addressOf(ip string) string {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return "unknown"
	}
	addr = addr.Unmap()
	if addr.Is4() {
		return addr.String()
	}
	prefix, _ := addr.WithZone("").Prefix(64) // 64 always fits an IPv6 address
	return prefix.String()
}
