// Package openapitest checks OpenAPI documents.
package openapitest

import (
	"bytes"
	_ "embed"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"github.com/stretchr/testify/require"
)

// oas31 is the OpenAPI Initiative's own schema of OpenAPI 3.1, which leaves the schemas in a document to JSON Schema.
//
//go:embed oas31.json
var oas31 []byte

// Valid requires a document of OpenAPI 3.1: that it is built as the specification says, that every schema in it is one of JSON Schema
// 2020-12, and that every reference leads somewhere. It returns the document.
func Valid(t testing.TB, raw []byte) map[string]any {
	t.Helper()
	specification, document := parse(t, oas31), parse(t, raw).(map[string]any)
	compiler := jsonschema.NewCompiler()
	compiler.DefaultDraft(jsonschema.Draft2020)
	require.NoError(t, compiler.AddResource("https://spec.openapis.org/oas/3.1/schema/2022-10-07", specification))
	require.NoError(t, compiler.AddResource("urn:document", document))
	schema, err := compiler.Compile("https://spec.openapis.org/oas/3.1/schema/2022-10-07")
	require.NoError(t, err)
	require.NoError(t, schema.Validate(document))
	each(document, "#", func(at string, value map[string]any) {
		if _, ok := value["schema"].(map[string]any); ok {
			_, err := compiler.Compile("urn:document" + at + "/schema")
			require.NoErrorf(t, err, "the schema at %s", at)
		}
		if to, ok := value["$ref"].(string); ok {
			_, err := compiler.Compile("urn:document" + to)
			require.NoErrorf(t, err, "the reference at %s", at)
		}
	})
	schemas := document["components"].(map[string]any)["schemas"].(map[string]any)
	for name := range schemas {
		_, err := compiler.Compile("urn:document#/components/schemas/" + name)
		require.NoErrorf(t, err, "the schema %s", name)
	}
	return document
}

func parse(t testing.TB, raw []byte) any {
	t.Helper()
	value, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	require.NoError(t, err)
	return value
}

// each visits every object in the document; at is its JSON pointer.
func each(value any, at string, visit func(at string, value map[string]any)) {
	switch v := value.(type) {
	case map[string]any:
		visit(at, v)
		for name, inner := range v {
			each(inner, at+"/"+escape(name), visit)
		}
	case []any:
		for i, inner := range v {
			each(inner, at+"/"+strconv.Itoa(i), visit)
		}
	}
}

// escape writes a name for a JSON pointer in a URL.
func escape(name string) string {
	return url.PathEscape(strings.NewReplacer("~", "~0", "/", "~1").Replace(name))
}
