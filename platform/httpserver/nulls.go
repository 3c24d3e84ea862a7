package httpserver

import (
	"reflect"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// admitNulls says in the document what the answers do: a pointer without omitempty is null where there is nothing. huma leaves
// that out for references and ids. Schemas of requests stay as they are: they are what requests are checked against.
func admitNulls(schemas huma.Registry) {
	for name, schema := range schemas.Map() {
		t := schemas.TypeFromRef(schemaPrefix + name)
		if t == nil || strings.HasSuffix(name, "Request") {
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
