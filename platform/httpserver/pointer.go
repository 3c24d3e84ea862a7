package httpserver

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"
	"github.com/go-json-experiment/json/jsontext"

	"atrium/platform/fault"
)

// fieldsOf turns what huma found in a body into fields of ours, at most maxFields of them: the sender decides how many there are.
func fieldsOf(found []*huma.ErrorDetail, body []byte) []fault.Field {
	slices.SortStableFunc(found, func(a, b *huma.ErrorDetail) int { return strings.Compare(a.Location, b.Location) })
	var value any
	_ = json.Unmarshal(body, &value) // without it names end at their first dot
	fields := make([]fault.Field, 0, maxFields)
	for _, d := range found[:min(len(found), maxFields)] {
		fields = append(fields, fieldOf(d, value))
	}
	slices.SortStableFunc(fields, func(a, b fault.Field) int { return strings.Compare(a.Pointer, b.Pointer) })
	return fields
}

// fieldOf turns a detail of huma into a field of ours: a JSON pointer, a sentence, and never the value itself.
func fieldOf(d *huma.ErrorDetail, body any) fault.Field {
	pointer, message := pointerOf(d.Location, body), d.Message
	if d.Location == "body" && strings.HasPrefix(message, "/") { // from decodeError: it knows better where
		at, what, _ := strings.Cut(message, ": ")
		return fault.Field{Pointer: "/body" + at, Detail: what}
	}
	if name, ok := between(message, validation.MsgExpectedRequiredProperty); ok {
		return fault.Field{Pointer: pointer + "/" + name, Detail: "required"}
	}
	for _, echo := range []string{validation.MsgExpectedRFC5322Email, validation.MsgExpectedRFC3986URI, validation.MsgExpectedRFC4122UUID,
		validation.MsgExpectedRegexp, validation.MsgExpectedDuration, "invalid value: %v"} {
		if _, ok := between(message, echo); ok { // the rest of the message repeats the value
			message = strings.TrimSuffix(echo, ": %v")
		}
	}
	return fault.Field{Pointer: pointer, Detail: message}
}

// pointerOf turns huma's "body.photos[0].upload_id" into "/body/photos/0/upload_id"; other places ("query.limit") stay. A name with a dot
// in it, as a key of a map may have, is told by the body, which has it.
func pointerOf(location string, body any) string {
	if location != "body" && !strings.HasPrefix(location, "body.") && !strings.HasPrefix(location, "body[") {
		return location
	}
	pointer, value := jsontext.Pointer("/body"), body
	for rest := location[len("body"):]; rest != ""; {
		var name string
		if index, after, ok := strings.Cut(rest, "]"); ok && rest[0] == '[' {
			name, rest = index[1:], after
		} else {
			name, rest = nextName(strings.TrimPrefix(rest, "."), value)
		}
		pointer, value = pointer.AppendToken(name), member(value, name)
	}
	return string(pointer)
}

// nextName cuts the first name off a location within value: the longest one that value has, else all until the next mark.
func nextName(location string, value any) (name, rest string) {
	members, _ := value.(map[string]any)
	for key := range members {
		after, ok := strings.CutPrefix(location, key)
		if ok && len(key) > len(name) && (after == "" || after[0] == '.' || after[0] == '[') {
			name = key
		}
	}
	if name == "" {
		end := strings.IndexAny(location, ".[")
		if end <= 0 {
			end = len(location)
		}
		name = location[:end]
	}
	return name, location[len(name):]
}

// member is what stands in an object or a list under a name or an index, or nil.
func member(value any, name string) any {
	switch value := value.(type) {
	case map[string]any:
		return value[name]
	case []any:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(value) {
			return value[i]
		}
	}
	return nil
}

// between returns what stands for the verb of a format in a message made with it.
func between(message, format string) (string, bool) {
	before, after, ok := strings.Cut(format, "%")
	if !ok || len(message) < len(before)+len(after)-1 || !strings.HasPrefix(message, before) || !strings.HasSuffix(message, after[1:]) {
		return "", false
	}
	return message[len(before) : len(message)-len(after)+1], true
}
