package internal

import "github.com/danielgtaylor/huma/v2"

// What plain routes take and answer, for the OpenAPI document: huma sees types only.

func text(doc, example string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Description: doc, Examples: []any{example}}
}

func object(properties map[string]*huma.Schema, required ...string) *huma.Schema {
	return &huma.Schema{Type: huma.TypeObject, Properties: properties, Required: required}
}

func jsonBody(schema *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

func formBody(schema *huma.Schema) *huma.RequestBody {
	return &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{"application/x-www-form-urlencoded": {Schema: schema}}}
}

func jsonAnswer(doc string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: doc, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

func query(name, doc, example string, required bool) *huma.Param {
	return &huma.Param{Name: name, In: "query", Required: required, Description: doc, Schema: text("", example), Example: example}
}

// redirectAnswer is an answer that leads somewhere else.
func redirectAnswer(doc, example string) *huma.Response {
	return &huma.Response{Description: doc, Headers: map[string]*huma.Param{"Location": {Schema: text("where to go", example)}}}
}
