// Package fault is Atrium's one error type: what went wrong, in words and in a stable code, without any HTTP in it.
// platform/httpserver/problem.go is the only place that turns a Kind into a status.
package fault

import (
	"errors"
	"fmt"
	"maps"
	"time"
)

// Kind is the family of a fault. The family decides how a caller should react.
type Kind uint8

// The families, with the HTTP status each of them becomes at the edge.
const (
	KindInternal             Kind = iota // 500: ours; the text is logged and hidden
	KindMalformed                        // 400: not readable as a request at all
	KindUnauthenticated                  // 401: no valid credentials
	KindForbidden                        // 403: known, but not allowed
	KindNotFound                         // 404: absent, or hidden from the caller
	KindConflict                         // 409: another state than the request supposes
	KindStale                            // 412: If-Match names an older version
	KindTooLarge                         // 413
	KindUnsupported                      // 415
	KindInvalid                          // 422: readable, but a value is wrong
	KindUpgradeRequired                  // 426
	KindPreconditionRequired             // 428: If-Match is missing
	KindTooMany                          // 429
	KindUnavailable                      // 503: try again later
)

// Field names one wrong value of a request: Pointer is a JSON pointer into the body ("/body/photos/0/upload_id")
// or "query.<name>", Detail a sentence for people.
type Field struct {
	Pointer string `json:"pointer"`
	Detail  string `json:"detail"`
}

// SchemaName is its name in the OpenAPI document.
func (Field) SchemaName() string { return "ProblemField" }

// Error is a fault. Code is stable and spelled "module.reason"; Message is safe to show to the caller.
// The cause is for the log only and is never shown.
type Error struct {
	Kind       Kind
	Code       string
	Message    string
	Fields     []Field
	Details    map[string]any // further members of the problem document, such as the difference of a price
	RetryAfter time.Duration  // when trying again makes sense; 0 = unsaid
	cause      error
}

// New makes a fault. Sentinels of a module's face are made with it once and refined by the With methods.
func New(kind Kind, code, message string) *Error {
	return &Error{Kind: kind, Code: code, Message: message}
}

// Invalid is a fault of a request's values: KindInvalid with the fields that are wrong.
func Invalid(code, message string, fields ...Field) *Error {
	return &Error{Kind: KindInvalid, Code: code, Message: message, Fields: fields}
}

// NotFound is the fault for what is absent or hidden.
func NotFound(code, message string) *Error { return New(KindNotFound, code, message) }

// Conflict is the fault for a state other than the one the request supposes.
func Conflict(code, message string) *Error { return New(KindConflict, code, message) }

// Forbidden is the fault for a known caller who may not.
func Forbidden(code, message string) *Error { return New(KindForbidden, code, message) }

// Unavailable is the fault for something that is off or down now.
func Unavailable(code, message string) *Error { return New(KindUnavailable, code, message) }

// Error returns code, message and cause, for logs.
func (e *Error) Error() string {
	if e.cause != nil {
		return fmt.Sprintf("%s: %s: %v", e.Code, e.Message, e.cause)
	}
	return e.Code + ": " + e.Message
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.cause }

// Is makes errors.Is compare by code, so a refined sentinel still is the sentinel.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Code == e.Code
}

func (e *Error) copy() *Error {
	c := *e
	c.Fields = append([]Field(nil), e.Fields...)
	c.Details = maps.Clone(e.Details)
	return &c
}

// Because returns a copy that carries the cause.
func (e *Error) Because(cause error) *Error {
	c := e.copy()
	c.cause = cause
	return c
}

// Saying returns a copy with another message.
func (e *Error) Saying(format string, args ...any) *Error {
	c := e.copy()
	c.Message = fmt.Sprintf(format, args...)
	return c
}

// At returns a copy that names one more wrong field.
func (e *Error) At(pointer, detail string) *Error {
	c := e.copy()
	c.Fields = append(c.Fields, Field{Pointer: pointer, Detail: detail})
	return c
}

// Detail returns a copy whose problem document has one more member.
func (e *Error) Detail(name string, value any) *Error {
	c := e.copy()
	if c.Details == nil {
		c.Details = map[string]any{}
	}
	c.Details[name] = value
	return c
}

// After returns a copy that says when trying again makes sense.
func (e *Error) After(d time.Duration) *Error {
	c := e.copy()
	c.RetryAfter = d
	return c
}

// KindOf returns the family of an error: KindInternal for everything that is not a fault.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindInternal
}
