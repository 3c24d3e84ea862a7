package httpserver

import (
	"fmt"
	"net/http"
	"reflect"
	"regexp"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"
)

// routeKey is where an operation keeps its Route.
const routeKey = "route"

// apiVersion is the version of the contract, not of the build: the document is the same for every build that serves it.
const apiVersion = "1"

const schemaPrefix = "#/components/schemas/"

// openAPI sets huma up: an OpenAPI 3.1 document with plain schema names, and strict JSON as the only format.
func (s *Server) openAPI() {
	var registry huma.Registry
	registry = huma.NewMapRegistry(schemaPrefix, func(t reflect.Type, hint string) string {
		name := s.schemaName(t, hint)
		if other := registry.TypeFromRef(schemaPrefix + name); other != nil && other != plain(t) {
			panic(fmt.Sprintf("httpserver: %s.%s and %s.%s have the same schema name %s: give one of them a SchemaName of its own",
				other.PkgPath(), other.Name(), plain(t).PkgPath(), plain(t).Name(), name))
		}
		return name
	})
	registry.RegisterTypeAlias(reflect.TypeFor[uuid.UUID](), reflect.TypeFor[idSchema]())
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Atrium", Version: apiVersion, Description: "The API of Atrium, an interior-design app."},
		Components: &huma.Components{
			Schemas: registry,
			SecuritySchemes: map[string]*huma.SecurityScheme{
				"bearer": {Type: "http", Scheme: "bearer", BearerFormat: "JWT", Description: "the access_token of a Session"},
			},
		},
	}
	registry.Schema(reflect.TypeFor[Problem](), true, "") // raw routes name it
	if s.cfg.PublicURL != "" {
		document.Servers = []*huma.Server{{URL: s.cfg.PublicURL}}
	}
	s.api = huma.NewAPI(huma.Config{
		OpenAPI:                      document,
		Formats:                      map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
	}, adapter{s})
}

// operation describes a route to huma.
func (r *Router) operation(route Route) huma.Operation {
	r.server.registering = route.Name
	op := huma.Operation{
		Method: route.Method, Path: "/v1" + route.Path, OperationID: route.Name, Summary: route.Summary, Tags: []string{r.module},
		DefaultStatus:   route.Status,
		MaxBodyBytes:    -1, // bounds has seen to it
		BodyReadTimeout: -1, // likewise
		Metadata:        map[string]any{routeKey: route},
	}
	switch route.Access {
	case SignedIn:
		op.Security = []map[string][]string{{"bearer": {}}}
	case Open:
		op.Security = []map[string][]string{{}, {"bearer": {}}}
	case Anonymous:
	}
	if route.keyed() {
		length := 255
		one := 1
		op.Parameters = append(op.Parameters, &huma.Param{
			Name: "Idempotency-Key", In: "header", Required: route.Key == KeyRequired,
			Description: "repeats of the request under the same key get the first answer, for 24 hours",
			Schema: &huma.Schema{Type: huma.TypeString, MinLength: &one, MaxLength: &length,
				Examples: []any{"0190d2a0-7c1e-7cc3-98c4-dc0c0c07398f"}},
		})
	}
	return op
}

var pathName = regexp.MustCompile(`\{(\w+)\}`)

// describeRaw documents what huma cannot see of a raw route.
func describeRaw(op *huma.Operation) {
	for _, match := range pathName.FindAllStringSubmatch(op.Path, -1) {
		op.Parameters = append(op.Parameters, &huma.Param{Name: match[1], In: "path", Required: true, Schema: &huma.Schema{Type: huma.TypeString}})
	}
	status := op.DefaultStatus
	if status == 0 {
		status = http.StatusOK
	}
	op.Responses = map[string]*huma.Response{
		strconv.Itoa(status): {Description: http.StatusText(status)},
		"default": {Description: "Error", Content: map[string]*huma.MediaType{
			problemType: {Schema: &huma.Schema{Ref: schemaPrefix + "Problem"}},
		}},
	}
}

// idSchema stands for uuid.UUID in schemas, so that a malformed id in a body is found with its pointer.
type idSchema struct{}

// Schema satisfies huma.SchemaProvider.
func (idSchema) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "uuid"}
}

// Named is a type whose schema is not called after it. The name is part of the contract: generated clients have a type of this name.
type Named interface {
	SchemaName() string
}

// schemaName names the schema of t, whatever else is registered: by its SchemaName, by its items ("CommentList" for a page.List of
// comments), or else by the type's own name. A body without a name is called after the operation that registers now
// ("CreatePostRequest").
func (s *Server) schemaName(t reflect.Type, hint string) string {
	t = plain(t)
	if named, ok := reflect.Zero(t).Interface().(Named); ok {
		return named.SchemaName()
	}
	if strings.HasPrefix(t.Name(), "List[") {
		if items, ok := t.FieldByName("Items"); ok {
			return s.schemaName(items.Type.Elem(), hint) + "List"
		}
	}
	if t.Name() == "" && (strings.HasSuffix(hint, "Request") || strings.HasSuffix(hint, "RequestBody")) {
		return capitals(s.registering) + "Request"
	}
	return huma.DefaultSchemaNamer(t, hint)
}

// plain is the type that a pointer points to.
func plain(t reflect.Type) reflect.Type {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t
}

// capitals writes "create-post" as "CreatePost".
func capitals(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(name, "-") {
		if part != "" {
			b.WriteString(strings.ToUpper(part[:1]) + part[1:])
		}
	}
	return b.String()
}
