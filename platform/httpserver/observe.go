package httpserver

import (
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// metrics are the rate, errors and durations of each route. The route is its pattern, so their number is bounded.
type metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	refused  prometheus.Counter
}

func newMetrics(registry *prometheus.Registry) metrics {
	m := metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "atrium_http_requests_total", Help: "Requests answered.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "atrium_http_request_duration_seconds", Help: "Time from the request's header to the end of its answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .2, .3, .5, 1, 2, 3, 5, 10, 30},
		}, []string{"method", "route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "atrium_http_requests_in_flight", Help: "Requests being answered now.",
		}),
		refused: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "atrium_http_requests_refused_total", Help: "Requests that were told to come again, since too many waited.",
		}),
	}
	registry.MustRegister(m.requests, m.seconds, m.inFlight, m.refused)
	return m
}

// observe counts the request and writes its line into the access log: the pattern of the route, never the path, the query,
// a header or a body. It stands around recovery so that a panic is seen as the 500 that it becomes.
func (s *Server) observe(c *gin.Context) {
	s.metrics.inFlight.Inc()
	defer func() {
		s.metrics.inFlight.Dec()
		s.record(c)
	}()
	c.Next()
}

func (s *Server) record(c *gin.Context) {
	call := callOf(c)
	took := time.Since(call.began)
	route, method, status := c.FullPath(), c.Request.Method, c.Writer.Status()
	if route == "" {
		route = "none"
	}
	if !known[method] {
		method = "other"
	}
	s.metrics.requests.WithLabelValues(method, route, strconv.Itoa(status)).Inc()
	s.metrics.seconds.WithLabelValues(method, route).Observe(took.Seconds())
	level := zap.InfoLevel
	switch {
	case status >= http.StatusInternalServerError:
		level = zap.ErrorLevel
	case route == "/livez" || route == "/readyz": // asked every few seconds
		level = zap.DebugLevel
	}
	entry := s.deps.Log.Check(level, "request")
	if entry == nil {
		return
	}
	fields := make([]zap.Field, 0, 9)
	fields = append(fields, zap.String("method", method), zap.String("route", route), zap.Int("status", status),
		zap.Float64("ms", float64(took.Microseconds())/1000), zap.Int("bytes", max(c.Writer.Size(), 0)), zap.String("request_id", call.id))
	if call.user != uuid.Nil {
		fields = append(fields, zap.Stringer("user_id", call.user))
	}
	if call.err != nil {
		fields = append(fields, zap.Error(call.err))
	}
	if call.stack != nil {
		fields = append(fields, zap.ByteString("stack", call.stack))
	}
	entry.Write(fields...)
}

// known are the methods that metrics and logs name; a client can invent others.
var known = map[string]bool{
	http.MethodGet: true, http.MethodHead: true, http.MethodPost: true, http.MethodPut: true,
	http.MethodPatch: true, http.MethodDelete: true, http.MethodOptions: true,
}

// recovery turns a panic into a 500. Where the answer has begun, the connection is cut: the client must not take it as whole.
func (s *Server) recovery(c *gin.Context) {
	request := c.Request
	defer func() {
		thrown := recover()
		if thrown == nil {
			return
		}
		if err, ok := thrown.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(thrown)
		}
		c.Request = request // with a context that has not ended on the way
		call := callOf(c)
		call.err, call.stack = fmt.Errorf("panic: %v", thrown), debug.Stack()
		if c.Writer.Written() {
			panic(http.ErrAbortHandler)
		}
		Fail(c, call.err)
	}()
	c.Next()
}
