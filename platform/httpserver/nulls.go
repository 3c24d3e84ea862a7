package httpserver

import (
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
)

// refuseNulls answers a PATCH that wants something taken away that cannot be. huma takes null for a member that is absent, so the value
// would stay without a word.
func refuseNulls(schemas huma.Registry, want *huma.RequestBody) gin.HandlerFunc {
	solid := solidMembers(schemas, want)
	return func(c *gin.Context) {
		var members map[string]json.RawMessage
		if json.Unmarshal(callOf(c).body, &members) != nil {
			return // which huma says better
		}
		refusal, refused := errInvalid, false
		for _, name := range slices.Sorted(maps.Keys(members)) {
			if solid[name] && string(members[name]) == "null" {
				refusal, refused = refusal.At("/body/"+name, "must not be null"), true
			}
		}
		if refused {
			Fail(c, refusal)
		}
	}
}

// solidMembers are the members of a body that are never null.
func solidMembers(schemas huma.Registry, want *huma.RequestBody) map[string]bool {
	solid := map[string]bool{}
	media := want.Content["application/json"]
	if media == nil || media.Schema == nil {
		return solid
	}
	schema := media.Schema
	if schema.Ref != "" {
		schema = schemas.SchemaFromRef(schema.Ref)
	}
	for name, property := range schema.Properties {
		solid[name] = property.Ref == "" && !property.Nullable
	}
	return solid
}

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
