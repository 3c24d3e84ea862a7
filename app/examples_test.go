package app

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// document is what the test reads of the OpenAPI document.
type document struct {
	t          *testing.T
	Paths      map[string]map[string]operation
	Components struct{ Schemas map[string]*schema }
}

type operation struct {
	Summary     string
	Tags        []string
	RequestBody struct{ Content map[string]media }
	Responses   map[string]struct{ Content map[string]media }
	Parameters  []struct {
		Name, Description string
		Example           any
		Schema            *schema
	}
}

type media struct{ Schema *schema }

type schema struct {
	Ref        string `json:"$ref"`
	Type       any
	Format     string
	Enum       []any
	Examples   []any
	Properties map[string]*schema
	Items      *schema
	OneOf      []*schema
}

// exemplary are the modules whose whole surface is in the document with examples.
var exemplary = []string{"auth", "users"}

// Everything that these modules take and give is in the document, and every text in it has an example.
func TestOpenAPI_EveryTextHasAnExample(t *testing.T) {
	t.Parallel()
	var out, errOut bytes.Buffer
	require.Zero(t, Main([]string{"openapi"}, nil, &out, &errOut), errOut.String())
	doc := document{t: t}
	require.NoError(t, json.Unmarshal(out.Bytes(), &doc))
	for _, path := range []string{"/.well-known/jwks.json", "/v1/auth/google", "/v1/auth/apple/callback", "/v1/webhooks/apple", "/v1/admin/audit", "/v1/me", "/v1/me/export"} {
		require.Contains(t, doc.Paths, path)
	}
	for path, item := range doc.Paths {
		for method, op := range item {
			if len(op.Tags) == 0 || !slices.Contains(exemplary, op.Tags[0]) {
				continue
			}
			where := strings.ToUpper(method) + " " + path
			require.NotEmpty(t, op.Summary, where)
			for _, p := range op.Parameters {
				if p.Example == nil && !slices.Contains([]string{"cursor", "limit", "Authorization", "Idempotency-Key"}, p.Name) {
					doc.exemplified(p.Schema, where+" "+p.Name, 0)
				}
			}
			for kind, body := range op.RequestBody.Content {
				doc.exemplified(body.Schema, where+" takes "+kind, 0)
			}
			for status, answer := range op.Responses {
				if strings.HasPrefix(status, "2") {
					for kind, body := range answer.Content {
						doc.exemplified(body.Schema, where+" answers "+kind, 0)
					}
				}
			}
		}
	}
}

// exemplified walks a schema down to its texts.
func (d *document) exemplified(s *schema, where string, depth int) {
	if s == nil || depth > 10 {
		return
	}
	if name, ok := strings.CutPrefix(s.Ref, "#/components/schemas/"); ok {
		d.exemplified(d.Components.Schemas[name], where, depth+1)
		return
	}
	for name, property := range s.Properties {
		d.exemplified(property, where+"."+name, depth+1)
	}
	if len(s.Examples) == 0 {
		d.exemplified(s.Items, where, depth+1)
	}
	for _, choice := range s.OneOf {
		d.exemplified(choice, where, depth+1)
	}
	kind, err := json.Marshal(s.Type)
	require.NoError(d.t, err)
	if strings.Contains(string(kind), `"string"`) && s.Format == "" {
		assert.True(d.t, len(s.Examples)+len(s.Enum) > 0 || strings.HasSuffix(where, "next_cursor"), "%s has no example", where)
	}
}
