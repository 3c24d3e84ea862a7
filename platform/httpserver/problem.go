package httpserver

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"atrium/platform/fault"
)

// The faults of the edge itself.
var (
	errMalformed       = fault.New(fault.KindMalformed, "request.malformed", "The request cannot be read.")
	errInvalid         = fault.Invalid("request.invalid", "Some values are not valid.")
	errNotFound        = fault.NotFound("request.not_found", "There is nothing here.")
	errBodyTooLarge    = fault.New(fault.KindTooLarge, "request.too_large", "The body is too large.")
	errUnsupportedType = fault.New(fault.KindUnsupported, "request.unsupported_type", "This route does not read that content type.")
	errMethod          = fault.New(fault.KindMalformed, "request.method_not_allowed", "This path does not answer that method.")
	errCancelled       = fault.New(fault.KindMalformed, "request.cancelled", "The client went away.")
	errTimeout         = fault.Unavailable("request.timeout", "This took too long. Try again.").After(time.Second)
)

// maxFields bounds the list of wrong values in one answer.
const maxFields = 50

// problemType is the media type of every error answer.
const problemType = "application/problem+json"

// Problem is an RFC 9457 problem document, the one shape of every error answer.
type Problem struct {
	_        struct{}       `additionalProperties:"true"`
	Type     string         `json:"type" doc:"about:blank: code says what happened"`
	Title    string         `json:"title" doc:"the status in words"`
	Status   int            `json:"status"`
	Detail   string         `json:"detail" doc:"what happened, for people"`
	Instance string         `json:"instance" doc:"the request id, as in X-Request-Id"`
	Code     string         `json:"code" doc:"stable: module.reason"`
	Errors   []fault.Field  `json:"errors" doc:"the values that are wrong, else empty"`
	details  map[string]any // further members
	hidden   string         // what only the log may say
}

// Error satisfies huma.StatusError.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail + p.hidden }

// GetStatus satisfies huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType satisfies huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

// MarshalJSON writes the document with its further members, which never hide the standard ones.
func (p *Problem) MarshalJSON() ([]byte, error) {
	type plain Problem
	raw, err := json.Marshal((*plain)(p))
	if err != nil || len(p.details) == 0 {
		return raw, err
	}
	members := make(map[string]any, len(p.details)+7)
	for name, value := range p.details {
		members[name] = value
	}
	var standard map[string]json.RawMessage
	if err := json.Unmarshal(raw, &standard); err != nil {
		return nil, err
	}
	for name, value := range standard {
		members[name] = value
	}
	return json.Marshal(members)
}

// Fail writes an error as a problem document on a raw route and ends the request.
func Fail(c *gin.Context, err error) {
	p := prepare(c, err)
	c.Abort()
	if c.Writer.Written() {
		return // a stream that has begun: the log has the error, the client sees it end
	}
	body, marshalErr := json.Marshal(p)
	if marshalErr != nil {
		panic(marshalErr) // a detail that is no JSON: recovery answers
	}
	c.Data(p.Status, problemType, body)
}

// prepare makes the problem document of an error, sets the headers that belong to it, and leaves the error to the access log.
func prepare(c *gin.Context, err error) *Problem {
	call := callOf(c)
	f := faultOf(c.Request.Context(), err)
	status := statusOf(f)
	if status >= http.StatusInternalServerError && call.err == nil {
		call.err = err
	}
	header := c.Writer.Header()
	if f.RetryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(int(math.Ceil(f.RetryAfter.Seconds()))))
	}
	switch f.Kind {
	case fault.KindTooLarge:
		letSend(c)
	case fault.KindUnauthenticated:
		header.Set("WWW-Authenticate", "Bearer")
	case fault.KindStale:
		if tag, ok := f.Details["current_etag"].(string); ok {
			header.Set("ETag", tag)
		}
	default:
	}
	p := &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Instance: call.id, Code: f.Code, Detail: f.Message,
		Errors: []fault.Field{}}
	if f.Kind == fault.KindInternal {
		p.Code, p.Detail = "internal", "Something went wrong on our side. Quote the instance if you ask about it."
		return p
	}
	p.Errors, p.details = append(p.Errors, f.Fields...), f.Details
	return p
}

// faultOf finds the fault in an error. What is not a fault is ours, and hidden.
func faultOf(ctx context.Context, err error) *fault.Error {
	var f *fault.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &f) && f.Kind != fault.KindInternal:
		return f
	case errors.As(err, &tooLarge):
		return errBodyTooLarge
	case errors.Is(err, context.DeadlineExceeded), errors.Is(ctx.Err(), context.DeadlineExceeded):
		return errTimeout
	case errors.Is(ctx.Err(), context.Canceled):
		return errCancelled
	default:
		return &fault.Error{Kind: fault.KindInternal}
	}
}

// statusCancelled is what the log shows for a client that went away; nobody reads the answer.
const statusCancelled = 499

// statusOf is the only place that knows which status a fault has. Two faults of the edge have no family of their own.
func statusOf(f *fault.Error) int {
	switch f {
	case errMethod:
		return http.StatusMethodNotAllowed
	case errCancelled:
		return statusCancelled
	}
	switch f.Kind {
	case fault.KindMalformed:
		return http.StatusBadRequest
	case fault.KindUnauthenticated:
		return http.StatusUnauthorized
	case fault.KindForbidden:
		return http.StatusForbidden
	case fault.KindNotFound:
		return http.StatusNotFound
	case fault.KindConflict:
		return http.StatusConflict
	case fault.KindStale:
		return http.StatusPreconditionFailed
	case fault.KindTooLarge:
		return http.StatusRequestEntityTooLarge
	case fault.KindUnsupported:
		return http.StatusUnsupportedMediaType
	case fault.KindInvalid:
		return http.StatusUnprocessableEntity
	case fault.KindUpgradeRequired:
		return http.StatusUpgradeRequired
	case fault.KindPreconditionRequired:
		return http.StatusPreconditionRequired
	case fault.KindTooMany:
		return http.StatusTooManyRequests
	case fault.KindUnavailable:
		return http.StatusServiceUnavailable
	default:
		return http.StatusInternalServerError
	}
}

// failure carries a handler's error past huma, which would otherwise write errors that know a status by itself.
type failure struct{ err error }

func (f failure) Error() string { return "a handler failed" }

// huma and gin keep their hooks and defaults in package variables: they are set before anything runs, since whoever makes a schema reads them,
// in packages that know no server, too. Every error that huma writes is a problem document of ours.
func init() {
	gin.SetMode(gin.ReleaseMode)
	huma.NewErrorWithContext = func(ctx huma.Context, status int, _ string, errs ...error) huma.StatusError {
		c := humagin.Unwrap(ctx)
		return prepare(c, requestError(status, callOf(c).body, errs))
	}
	huma.NewError = func(status int, text string, errs ...error) huma.StatusError {
		hidden := errors.Join(append(errs, errors.New(text))...).Error()
		return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: "internal", Errors: []fault.Field{}, hidden: hidden}
	}
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false // a list is never null
}

// requestError turns what huma found in a body into an error of ours.
func requestError(status int, body []byte, errs []error) error {
	var found []*huma.ErrorDetail
	for _, err := range errs {
		var f *fault.Error
		var detail *huma.ErrorDetail
		switch {
		case errors.As(err, &f):
			return f
		case errors.As(err, &detail):
			if strings.HasPrefix(detail.Location, "path.") {
				return errNotFound
			}
			found = append(found, detail)
		default:
			var own failure
			if errors.As(err, &own) {
				return own.err
			}
			return fmt.Errorf("httpserver: huma answered %d: %w", status, err)
		}
	}
	switch {
	case len(found) > 0:
		return fault.Invalid(errInvalid.Code, errInvalid.Message, fieldsOf(found, body)...)
	case status == http.StatusBadRequest:
		return errMalformed.Saying("This route needs a JSON body.")
	default:
		return fmt.Errorf("httpserver: huma answered %d", status)
	}
}
