package httpserver

import (
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

const schemaPrefix = "#/components/schemas/"

// openAPI sets huma up: an OpenAPI 3.1 document with plain schema names, and strict JSON as the only format.
func (s *Server) openAPI() {
	s.schemas = &schemaNames{names: map[reflect.Type]string{}, taken: map[string]bool{}}
	registry := huma.NewMapRegistry(schemaPrefix, s.schemas.name)
	registry.RegisterTypeAlias(reflect.TypeFor[uuid.UUID](), reflect.TypeFor[idSchema]())
	version := s.deps.Version
	if version == "" {
		version = "dev"
	}
	document := &huma.OpenAPI{
		OpenAPI: "3.1.0",
		Info:    &huma.Info{Title: "Atrium", Version: version, Description: "The API of Atrium, an interior-design app."},
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

// schemaNames gives every type a plain name of its own: a body without a name is called after its operation ("CreatePostRequest"),
// and of two types with the same name the second gets its module in front, the third a number behind.
type schemaNames struct {
	module    string // that is registering now
	operation string // likewise: "create-post"
	names     map[reflect.Type]string
	taken     map[string]bool
}

func (n *schemaNames) name(t reflect.Type, hint string) string {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return huma.DefaultSchemaNamer(t, hint)
	}
	if name, ok := n.names[t]; ok {
		return name
	}
	name := huma.DefaultSchemaNamer(t, hint)
	if t.Name() == "" && strings.HasSuffix(hint, "RequestBody") {
		name = capitals(n.operation) + "Request"
	}
	if n.taken[name] {
		name = capitals(n.module) + name
	}
	for plain, i := name, 2; n.taken[name]; i++ {
		name = plain + strconv.Itoa(i)
	}
	n.names[t], n.taken[name] = name, true
	return name
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
