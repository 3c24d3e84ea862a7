package httpserver

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"atrium/platform/fault"
)

// fieldOf turns a detail of huma into a field of ours: a JSON pointer, a sentence, and never the value itself.
func fieldOf(d *huma.ErrorDetail) fault.Field {
	pointer, message := pointerOf(d.Location), d.Message
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

// pointerOf turns huma's "body.photos[0].upload_id" into "/body/photos/0/upload_id"; other places ("query.limit") stay.
func pointerOf(location string) string {
	if location != "body" && !strings.HasPrefix(location, "body.") && !strings.HasPrefix(location, "body[") {
		return location
	}
	return "/" + strings.NewReplacer(".", "/", "[", "/", "]", "").Replace(location)
}

// between returns what stands for the verb of a format in a message made with it.
func between(message, format string) (string, bool) {
	before, after, ok := strings.Cut(format, "%")
	if !ok || len(message) < len(before)+len(after)-1 || !strings.HasPrefix(message, before) || !strings.HasSuffix(message, after[1:]) {
		return "", false
	}
	return message[len(before) : len(message)-len(after)+1], true
}
