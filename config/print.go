package config

import (
	"encoding"
	"fmt"
	"io"
	"reflect"
	"strings"
)

// Print writes every setting as "key: value", one a line, secrets hidden.
func (c *Config) Print(w io.Writer) error {
	for _, l := range settings(c) {
		if _, err := fmt.Fprintf(w, "%s: %s\n", l.key, show(l.value)); err != nil {
			return err
		}
	}
	return nil
}

// settings lists every setting of a configuration.
func settings(c *Config) []leaf { return walk("", reflect.ValueOf(c).Elem()) }

func show(v reflect.Value) string {
	if text, ok := v.Interface().(encoding.TextMarshaler); ok {
		b, err := text.MarshalText()
		if err != nil {
			return "(unprintable)"
		}
		return string(b)
	}
	if v.Kind() == reflect.Slice {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i] = show(v.Index(i))
		}
		return "[" + strings.Join(parts, ", ") + "]"
	}
	return fmt.Sprintf("%v", v.Interface())
}
