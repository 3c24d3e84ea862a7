package httpserver

import "github.com/danielgtaylor/huma/v2"

// Raw routes describe themselves to the OpenAPI document by these: huma derives schemas from the types of typed routes only.

// TextSchema is a string with a description and an example.
func TextSchema(doc, example string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: doc, Examples: []any{example}}
}

// ObjectSchema is an object of these properties.
func ObjectSchema(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required}
}

// JSONBody is a required body of JSON.
func JSONBody(schema *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

// FormBody is a required body of an HTML form.
func FormBody(schema *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-www-form-urlencoded": {Schema: schema}}}
}

// JSONAnswer is an answer of JSON.
func JSONAnswer(doc string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: doc, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

// QueryParam is a parameter of the query.
func QueryParam(name, doc, example string, required bool) *huma.Param {
	return &huma.Param{Name: name, In: "query", Required: required, Description: doc, Schema: TextSchema("", example), Example: example}
}

// RedirectAnswer is an answer whose Location leads elsewhere.
func RedirectAnswer(doc, example string) *huma.Response {
	return &huma.Response{Description: doc, Headers: map[string]*huma.Param{"Location": {Schema: TextSchema("where to go", example)}}}
}
