// Package httpserver is the edge: gin and its middleware, typed routes through huma, and problem documents.
package httpserver

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"atrium/platform/etag"
	"atrium/platform/identity"
)

// Authenticator turns an access token into a person. Errors are faults of kind unauthenticated.
type Authenticator interface {
	Authenticate(ctx context.Context, token string) (identity.Principal, error)
}

// Routes is what a module plugs in: its name (the tag in the OpenAPI document) and its registration.
type Routes struct {
	Module   string
	Register func(r *Router)
}

// Access says who may call a route.
type Access int

// The kinds of access.
const (
	SignedIn  Access = iota // 401 without a valid access token
	Open                    // a token is optional; a bad one is 401 all the same
	Anonymous               // Authorization is not looked at
)

// Key says what a route does with an Idempotency-Key. Only unsafe POSTs look at it.
type Key int

// What a POST does with the header.
const (
	KeyHonoured Key = iota // the first answer is replayed
	KeyRequired            // 400 without one
	KeyIgnored
)

// Route describes a typed route below /v1.
type Route struct {
	Method  string
	Path    string // below /v1: "/posts/{id}"
	Name    string // operation id: "create-post"
	Summary string
	Status  int      // of success; 0: 200, or 204 where the answer has no body
	Access  Access   //
	Roles   []string // any of them; 403 without, before anything is looked up
	Fresh   bool     // needs a sign-in of the last 10 minutes: else 403 auth.reauth_required
	Key     Key
	// Outside: it calls others outside the database, and waits for them in a lane of its own (admission). A POST is no single transaction
	// then, and attaches what it made (idempotency).
	Outside bool
	Limit   string // class of the rate limit; empty: "read" for GET, "write" otherwise
	MaxBody int64  // bytes; 0: 1 MB
	// Docs completes the operation in the OpenAPI document where the types do not say it: what a raw route takes and answers.
	Docs func(op *huma.Operation)
}

// keyed reports whether an Idempotency-Key means something on the route.
func (r Route) keyed() bool {
	return r.Method == http.MethodPost && r.Key != KeyIgnored && r.Access != Anonymous &&
		!strings.HasPrefix(r.Path, "/auth/") && !strings.HasPrefix(r.Path, "/webhooks/")
}

// class is the name under which the route's rate limit and timeout are configured.
func (r Route) class() string {
	switch {
	case r.Limit != "":
		return r.Limit
	case r.Method == http.MethodGet:
		return "read"
	default:
		return "write"
	}
}

// Router is where a module registers its routes.
type Router struct {
	module string
	server *Server
}

// Handle registers a typed route. I is the request (path, query, header, Body), O the answer (usually Answer[T]).
func Handle[I, O any](r *Router, route Route, handler func(ctx context.Context, in *I) (*O, error)) {
	huma.Register(r.server.api, r.operation(route), func(ctx context.Context, in *I) (*O, error) {
		out, err := handler(ctx, in)
		if err != nil {
			return nil, failure{err}
		}
		return out, nil
	})
}

// Raw registers a plain gin handler below /v1 (redirects, webhooks, streams). It gets the same middleware: access, limits,
// problem documents (use Fail). It is in the OpenAPI document with its summary.
func (r *Router) Raw(route Route, handler gin.HandlerFunc) {
	op := r.operation(route)
	describeRaw(&op)
	if route.Docs != nil {
		route.Docs(&op)
	}
	r.server.api.OpenAPI().AddOperation(&op)
	r.server.handle(op.Method, ginPath(op.Path), append(r.server.guards(route), handler)...)
}

// Root registers a plain gin handler at the root of the host, outside /v1 and the OpenAPI document; method "" means any.
// Size, time and rate are limited as they are below /v1; nobody is signed in.
func (r *Router) Root(method, path string, handler gin.HandlerFunc) {
	route := Route{Method: method, Path: path, Access: Anonymous}
	if method == "" {
		route.Method = http.MethodGet
		r.server.engine.Any(path, append(r.server.guards(route), handler)...)
		return
	}
	r.server.handle(method, path, append(r.server.guards(route), handler)...)
}

// Page registers a plain gin handler at the root of the host, like Root, behind the route's limits and access: for pages that
// strangers may open. Its path is the whole path, in gin's spelling.
func (r *Router) Page(route Route, handler gin.HandlerFunc) {
	r.server.handle(route.Method, route.Path, append(r.server.guards(route), handler)...)
}

// API is the huma API, for schemas and documentation that Handle cannot express.
func (r *Router) API() huma.API { return r.server.api }

// Answer is what handlers return: a body with, where they make sense, the entity tag of a version and the place of a new resource.
type Answer[T any] struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     T
}

// OK answers a body.
func OK[T any](body T) *Answer[T] { return &Answer[T]{Body: body} }

// Empty is the answer without a body: 204.
type Empty struct{}

// NoContent answers 204, or the error of what was done.
func NoContent(err error) (*Empty, error) { return &Empty{}, err }

// PathID reads an id from a path. A malformed one is notFound: it answers like an unknown one.
func PathID(s string, notFound error) (uuid.UUID, error) {
	id, err := uuid.Parse(s)
	if err != nil || len(s) != 36 {
		return uuid.Nil, notFound
	}
	return id, nil
}

// Edit is the request of a PATCH on something with a version: what is changed, which version was seen, and the changes.
type Edit[B any] struct {
	ID      string `path:"id"`
	IfMatch string `header:"If-Match" doc:"the ETag that was seen"`
	Body    B
}

// Target reads what is changed and the version that must still stand. A malformed id is notFound.
func (in *Edit[B]) Target(notFound error) (uuid.UUID, etag.Match, error) {
	id, err := PathID(in.ID, notFound)
	if err != nil {
		return uuid.Nil, etag.Match{}, err
	}
	match, err := etag.Parse(in.IfMatch)
	return id, match, err
}

// adapter registers huma's operations on gin, each behind the guards of its route.
type adapter struct{ server *Server }

func (a adapter) Handle(op *huma.Operation, handler func(huma.Context)) {
	a.server.handleTyped(op, handler)
}

func (a adapter) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	a.server.engine.ServeHTTP(w, req)
}

// ginPath turns {name} into :name.
func ginPath(path string) string {
	return strings.NewReplacer("{", ":", "}", "").Replace(path)
}
