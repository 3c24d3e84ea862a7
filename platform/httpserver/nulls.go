package httpserver

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// admitNulls says in the document what the answers do: a pointer without omitempty is null where there is nothing. huma leaves
// that out for references and ids. Schemas of requests stay as they are: they are what requests are checked against.
func (n *schemaNames) admitNulls(schemas map[string]*huma.Schema) {
	for t, name := range n.names {
		schema := schemas[name]
		if schema == nil || strings.HasSuffix(name, "Request") || strings.HasSuffix(name, "RequestBody") {
			continue
		}
		for _, field := range reflect.VisibleFields(t) {
			member, options, _ := strings.Cut(field.Tag.Get("json"), ",")
			property := schema.Properties[member]
			if property == nil || field.Type.Kind() != reflect.Pointer || strings.Contains(options, "omitempty") {
				continue
			}
			switch {
			case property.Ref != "":
				schema.Properties[member] = &huma.Schema{OneOf: []*huma.Schema{{Ref: property.Ref}, {Type: "null"}}, Description: property.Description}
			case property.Type != "":
				property.Nullable = true
			}
		}
	}
}
