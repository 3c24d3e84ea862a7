package httpserver_test

import (
	"bytes"
	"encoding/json"
	"testing"
	"unicode/utf8"

	"atrium/platform/httpserver"
)

// What the strict reader accepts, encoding/json must understand, and it must be text that PostgreSQL can keep.
func FuzzCheckJSON(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1,"a":2}`, `{"a":{"b":[1,2,{"c":null}]}}`, `"\ud800"`, `"\u0000"`, "{\"\xff\":1}", `[[[[]]]]`, `1e999`, `{} {}`, "\ufeff{}"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if httpserver.CheckJSON(body) != nil {
			return
		}
		if !json.Valid(body) || !utf8.Valid(body) {
			t.Fatalf("accepted %q", body)
		}
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.UseNumber()
		var value any
		if err := decoder.Decode(&value); err != nil {
			t.Fatalf("accepted %q, which cannot be read: %v", body, err)
		}
		if depth(value) > 32 || hasNUL(value) {
			t.Fatalf("accepted %q", body)
		}
	})
}

func depth(value any) int {
	deepest := 0
	switch value := value.(type) {
	case []any:
		for _, item := range value {
			deepest = max(deepest, depth(item))
		}
	case map[string]any:
		for _, item := range value {
			deepest = max(deepest, depth(item))
		}
	default:
		return 0
	}
	return deepest + 1
}

func hasNUL(value any) bool {
	switch value := value.(type) {
	case string:
		return bytes.ContainsRune([]byte(value), 0)
	case []any:
		for _, item := range value {
			if hasNUL(item) {
				return true
			}
		}
	case map[string]any:
		for name, item := range value {
			if hasNUL(name) || hasNUL(item) {
				return true
			}
		}
	}
	return false
}
