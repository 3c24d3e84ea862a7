package logging

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// The shapes of what must never be logged. Code should not log them in the first place; this is for the day it does.
var (
	shapes = regexp.MustCompile(`eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*` + // JSON Web Tokens
		`|(?i:bearer) +[A-Za-z0-9._~+/=-]{8,}` +
		`|[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}` + // e-mail addresses
		`|[a-z][a-z0-9+]*://[^\s/@:]*:[^\s/@]+@`) // passwords in URLs
	masked = "[masked]"
)

// guard masks texts on their way to the log: messages, strings, errors, and what prints itself.
type guard struct{ zapcore.Core }

// With satisfies zapcore.Core.
func (g guard) With(fields []zapcore.Field) zapcore.Core { return guard{g.Core.With(clean(fields))} }

// Check satisfies zapcore.Core.
func (g guard) Check(entry zapcore.Entry, checked *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if g.Enabled(entry.Level) {
		return checked.AddCore(entry, g)
	}
	return checked
}

// Write satisfies zapcore.Core.
func (g guard) Write(entry zapcore.Entry, fields []zapcore.Field) error {
	entry.Message = mask(entry.Message)
	return g.Core.Write(entry, clean(fields))
}

// mask is cheap for the usual line: the expression runs only where one of its landmarks is.
func mask(text string) string {
	if !strings.Contains(text, "@") && !strings.Contains(text, "eyJ") && !strings.Contains(text, "earer") && !strings.Contains(text, "EARER") {
		return text
	}
	return shapes.ReplaceAllString(text, masked)
}

// clean returns the fields with masked texts. The caller's slice stays as it is: it may be shared.
func clean(fields []zapcore.Field) []zapcore.Field {
	var out []zapcore.Field
	for i, field := range fields {
		safe, changed := cleanField(field)
		if !changed {
			continue
		}
		if out == nil {
			out = append([]zapcore.Field(nil), fields...)
		}
		out[i] = safe
	}
	if out == nil {
		return fields
	}
	return out
}

func cleanField(field zapcore.Field) (zapcore.Field, bool) {
	var text string
	switch field.Type {
	case zapcore.StringType:
		text = field.String
	case zapcore.ByteStringType:
		raw, _ := field.Interface.([]byte)
		text = string(raw)
	case zapcore.ErrorType:
		err, ok := field.Interface.(error)
		if !ok {
			return field, false
		}
		text = err.Error()
	case zapcore.ReflectType: // a value that nobody thought about
		text = fmt.Sprint(field.Interface)
	default:
		return field, false
	}
	safe := mask(text)
	if safe == text {
		return field, false
	}
	if field.Type == zapcore.ErrorType {
		return zap.NamedError(field.Key, errors.New(safe)), true
	}
	return zap.String(field.Key, safe), true
}
