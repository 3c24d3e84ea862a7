package httpserver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"go.uber.org/zap"

	"atrium/platform/idempotency"
)

// lease is how long the first run of a request counts as alive without a sign of life: how late a repetition notices its death.
const lease = 8 * time.Second

// keptHeaders are what of a first answer's headers is given again; the others belong to one request.
var keptHeaders = []string{"Content-Type", "ETag", "Location", "Retry-After"}

// idempotent gives the first answer again to requests with the same Idempotency-Key.
func (s *Server) idempotent(route Route) gin.HandlerFunc {
	name := route.Method + " /v1" + route.Path
	return func(c *gin.Context) {
		keys := c.Request.Header.Values("Idempotency-Key")
		if len(keys) == 0 {
			if route.Key == KeyRequired {
				Fail(c, idempotency.ErrKeyRequired)
			}
			return
		}
		request := idempotency.Request{UserID: callOf(c).user, Route: name, Key: keys[0], Lease: lease}
		if len(keys) > 1 {
			Fail(c, idempotency.ErrKeyMalformed)
			return
		}
		if err := idempotency.CheckKey(request.Key); err != nil {
			Fail(c, err)
			return
		}
		if request.UserID == uuid.Nil {
			return // nobody: keys of different people would meet
		}
		if err := readBody(c); err != nil {
			Fail(c, err)
			return
		}
		hash := sha256.New()
		hash.Write([]byte(target(c)))
		hash.Write(callOf(c).body)
		request.Hash = hash.Sum(nil)
		s.runOnce(c, request)
	}
}

// runOnce runs the handler, or answers with what it answered before.
func (s *Server) runOnce(c *gin.Context, request idempotency.Request) {
	run, first := idempotency.NewRun(request), (*idempotency.Answer)(nil)
	if s.deps.Idempotency != nil {
		var err error
		if run, first, err = s.deps.Idempotency.Begin(c.Request.Context(), request); err != nil {
			Fail(c, err)
			return
		}
	}
	if first != nil {
		replay(c, first)
		return
	}
	c.Request = c.Request.WithContext(idempotency.With(c.Request.Context(), run))
	s.keep(c, run)
}

// keep runs the handler and stores its answer before it leaves: a client that has seen it will find it again.
func (s *Server) keep(c *gin.Context, run *idempotency.Run) {
	original := c.Writer
	recorder := &recorder{ResponseWriter: original, run: run, status: http.StatusOK}
	c.Writer = recorder
	ended := false
	release := run.Hold(c.Request.Context())
	defer func() {
		release()
		c.Writer = original
		if !ended { // a panic: whoever comes next tries again
			s.note(run.Release(c.Request.Context()), c)
		}
	}()
	c.Next()
	ended = true
	if lasting(recorder.status) {
		s.note(run.Finish(c.Request.Context(), recorder.answer()), c)
	} else {
		s.note(run.Release(c.Request.Context()), c)
	}
	c.Writer = original
	original.WriteHeader(recorder.status)
	if recorder.body.Len() > 0 {
		_, _ = original.Write(recorder.body.Bytes()) // a client that went away can ask again
		return
	}
	original.WriteHeaderNow()
}

// whole lets the handler of a keyed POST be one transaction with the record of its answer, so that a repetition after a crash finds either
// nothing done or the answer. Without a key it is as any other. A route that works outside the database as well attaches what it
// made by itself (idempotency.Attach).
func (s *Server) whole(route Route, handler gin.HandlerFunc) gin.HandlerFunc {
	if !route.keyed() || route.Outside {
		return handler
	}
	return func(c *gin.Context) {
		recorder, ok := c.Writer.(*recorder)
		if !ok {
			handler(c)
			return
		}
		request := c.Request
		err := recorder.run.InTx(request.Context(), func(ctx context.Context) (*idempotency.Answer, error) {
			recorder.reset()
			callOf(c).err = nil
			c.Request = request.WithContext(ctx)
			c.Request.Body = io.NopCloser(bytes.NewReader(callOf(c).body))
			handler(c)
			if recorder.status >= http.StatusBadRequest {
				return nil, callOf(c).err // a deadlock is tried again
			}
			answer := recorder.answer()
			return &answer, nil
		})
		c.Request = request
		if err != nil && recorder.status < http.StatusBadRequest { // what the handler has promised was not committed
			recorder.reset()
			Fail(c, err)
		}
	}
}

// lasting reports whether an answer stands for repetitions: not one about our trouble or the caller's credentials and pace.
func lasting(status int) bool {
	return status < http.StatusInternalServerError && status != http.StatusUnauthorized &&
		status != http.StatusTooManyRequests && status != statusCancelled
}

func replay(c *gin.Context, first *idempotency.Answer) {
	for name, value := range first.Header {
		c.Header(name, value)
	}
	c.Header("Idempotent-Replayed", "true")
	c.Abort()
	c.Status(first.Status)
	if len(first.Body) > 0 {
		_, _ = c.Writer.Write(first.Body) // likewise
		return
	}
	c.Writer.WriteHeaderNow()
}

// note logs that a record could not be written. The answer is right all the same; the lease and Attach guard the repetition.
func (s *Server) note(err error, c *gin.Context) {
	if err != nil {
		s.deps.Log.Error("idempotency record not written", zap.Error(err), zap.String("request_id", callOf(c).id))
	}
}

// recorder holds an answer back until it is stored.
type recorder struct {
	gin.ResponseWriter
	run    *idempotency.Run
	status int
	began  bool
	body   bytes.Buffer
}

// reset forgets an answer that does not count.
func (r *recorder) reset() {
	r.status, r.began = http.StatusOK, false
	r.body.Reset()
	for _, name := range keptHeaders {
		r.Header().Del(name)
	}
}

func (r *recorder) answer() idempotency.Answer {
	header := map[string]string{}
	for _, name := range keptHeaders {
		if value := r.Header().Get(name); value != "" {
			header[name] = value
		}
	}
	return idempotency.Answer{Status: r.status, Header: header, Body: bytes.Clone(r.body.Bytes())}
}

// Write satisfies gin.ResponseWriter, as the following do.
func (r *recorder) Write(p []byte) (int, error) { r.began = true; return r.body.Write(p) }

// WriteString keeps the text.
func (r *recorder) WriteString(text string) (int, error) {
	r.began = true
	return r.body.WriteString(text)
}

// WriteHeader keeps the status.
func (r *recorder) WriteHeader(status int) { r.status = status }

// WriteHeaderNow keeps the status fixed.
func (r *recorder) WriteHeaderNow() { r.began = true }

// Status returns the status kept.
func (r *recorder) Status() int { return r.status }

// Size returns the bytes kept.
func (r *recorder) Size() int { return r.body.Len() }

// Written reports whether the answer has begun.
func (r *recorder) Written() bool { return r.began }

// Flush does nothing: the answer leaves as a whole.
func (r *recorder) Flush() {}
