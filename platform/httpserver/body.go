package httpserver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"mime"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"

	"atrium/platform/fault"
)

const (
	// bodyTimeout is how long a client may take to send a body that is read.
	bodyTimeout = 30 * time.Second
	// unreadTimeout is how long it may take to send one that nobody reads, before the answer leaves and the connection ends.
	unreadTimeout = time.Second
	// drainTimeout is how long it may take to send the rest once the server stops.
	drainTimeout = 5 * time.Second
)

// incoming is a body on its way from the connection. It always has a deadline: net/http waits for the rest of a body before it
// writes the answer and before it shuts down, whether or not somebody reads it.
type incoming struct {
	io.ReadCloser
	bodies  *bodies
	control *http.ResponseController
	lane    *admission // where the request counts as being worked on; nil: nowhere
}

// Read takes the deadline away at the end of the body, or it would end the request while the handler runs.
func (in *incoming) Read(p []byte) (int, error) {
	if in.lane != nil { // others need not wait for a slow client
		in.lane.leave()
		defer in.lane.reenter()
	}
	n, err := in.ReadCloser.Read(p)
	if errors.Is(err, io.EOF) && in.bodies.remove(in) {
		in.within(0)
	}
	return n, err
}

// leave is called when the request has been handled: nobody reads what of its body is still to come.
func (in *incoming) leave() {
	if in.bodies.remove(in) {
		in.within(unreadTimeout)
	}
}

func (in *incoming) within(timeout time.Duration) {
	deadline := time.Time{}
	if timeout > 0 {
		deadline = time.Now().Add(timeout)
	}
	_ = in.control.SetReadDeadline(deadline) // a test's recorder has none
}

// bodies are the bodies that are on their way. Safe for concurrent use.
type bodies struct {
	mu       sync.Mutex
	incoming map[*incoming]bool
	timeout  time.Duration // with bodies that are read
}

// watch gives the request's body a deadline until somebody reads it.
func (b *bodies) watch(c *gin.Context) *incoming {
	in := &incoming{ReadCloser: c.Request.Body, bodies: b, control: http.NewResponseController(c.Writer)}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.incoming[in] = true
	in.within(unreadTimeout)
	c.Request.Body = in
	return in
}

// await gives a body that is about to be read the time that it needs.
func (b *bodies) await(in *incoming) {
	b.mu.Lock()
	defer b.mu.Unlock()
	in.within(b.timeout)
}

// hurry shortens the time of all bodies, those to come too: the server stops.
func (b *bodies) hurry(timeout time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.timeout = timeout
	for in := range b.incoming {
		in.within(timeout)
	}
}

// remove reports whether the body was still on its way.
func (b *bodies) remove(in *incoming) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	known := b.incoming[in]
	delete(b.incoming, in)
	return known
}

var errSlowBody = fault.New(fault.KindMalformed, "request.slow_body", "The body did not arrive in time.")

// readBody reads the whole body into the call, once; bounds has limited its size and time. The handler can read it again.
func readBody(c *gin.Context) error {
	call := callOf(c)
	if call.body != nil {
		return nil
	}
	body, err := io.ReadAll(c.Request.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return errSlowBody
	case err != nil:
		return errMalformed.Saying("The body ended early.").Because(err)
	}
	call.body = body
	c.Request.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// strictBody reads the body of a typed route and refuses what is not of its media types, or not strict JSON.
func strictBody(want *huma.RequestBody) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := readStrictly(c, want); err != nil {
			Fail(c, err)
		}
	}
}

// noBody reads the body of a typed route that takes none. Nothing and {} are fine; what stands in it is as unknown as in any other.
func noBody(c *gin.Context) {
	if callOf(c).sent == nil {
		return
	}
	if err := readNothing(c); err != nil {
		Fail(c, err)
	}
}

func readNothing(c *gin.Context) error {
	if err := readBody(c); err != nil {
		return err
	}
	body := bytes.TrimSpace(callOf(c).body)
	if len(body) == 0 {
		return nil
	}
	if _, _, err := mediaType(c.GetHeader("Content-Type"), onlyJSON); err != nil {
		return err
	}
	if err := checkJSON(body); err != nil {
		return err
	}
	var members map[string]json.RawMessage
	if json.Unmarshal(body, &members) != nil {
		return errInvalid.At("/body", "must be empty")
	}
	refusal := errInvalid
	for _, name := range slices.Sorted(maps.Keys(members))[:min(len(members), maxFields)] {
		refusal = refusal.At("/body/"+name, "unexpected property")
	}
	if len(members) > 0 {
		return refusal
	}
	return nil
}

// onlyJSON are the media types of a body that nobody describes.
var onlyJSON = &huma.RequestBody{Content: map[string]*huma.MediaType{"application/json": {}}}

// OnlyQuery refuses parameters of the query that a raw route does not know: what a client sends by mistake must not be passed over.
func OnlyQuery(c *gin.Context, names ...string) error {
	refusal, refused := errInvalid, false
	for _, name := range slices.Sorted(maps.Keys(c.Request.URL.Query())) {
		if !slices.Contains(names, name) {
			refusal, refused = refusal.At("query."+name, "unknown query parameter"), true
		}
	}
	if !refused {
		return nil
	}
	return refusal
}

func readStrictly(c *gin.Context, want *huma.RequestBody) error {
	media, params, err := mediaType(c.GetHeader("Content-Type"), want)
	if err != nil {
		return err
	}
	c.Request.Header.Set("Content-Type", mime.FormatMediaType(media, params)) // which huma compares letter for letter
	if media == "multipart/form-data" {
		return nil // huma reads it as a stream
	}
	if err := readBody(c); err != nil {
		return err
	}
	if media != "application/json" || (len(callOf(c).body) == 0 && !want.Required) {
		return nil
	}
	return checkJSON(callOf(c).body)
}

// mediaType returns which of the route's media types a request has, in lower case, and its parameters. Without a header it is taken
// to be JSON.
func mediaType(header string, want *huma.RequestBody) (media string, params map[string]string, err error) {
	if header == "" {
		header = "application/json"
	}
	media, params, err = mime.ParseMediaType(header)
	if err != nil || want.Content[media] == nil {
		return "", nil, errUnsupportedType
	}
	if charset, ok := params["charset"]; ok && !strings.EqualFold(charset, "utf-8") {
		return "", nil, errUnsupportedType.Saying("Bodies are UTF-8.")
	}
	return media, params, nil
}

// target is the path and query of a request: like the body, a repetition must agree in it.
func target(c *gin.Context) string {
	return fmt.Sprintf("%s?%s\n", c.Request.URL.EscapedPath(), c.Request.URL.RawQuery)
}
