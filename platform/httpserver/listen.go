package httpserver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"

	"atrium/platform/background"
)

const (
	// headerTimeout is how long a client may take to send a request's header: slow ones must not hold connections.
	headerTimeout = 5 * time.Second
	// idleTimeout is longer than the load balancer's 60 s, so that it never reuses a connection that we are closing.
	idleTimeout = 75 * time.Second
	maxHeader   = 64 << 10
)

// listener is one open port.
type listener struct {
	server *http.Server
	addr   net.Addr
	done   chan error
}

func (l *listener) open(ctx context.Context, addr, setting string, handler http.Handler, log *zap.Logger) error {
	socket, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("httpserver: another program listens on %s already: stop it, or choose another %s: %w", addr, setting, err)
	}
	if err != nil {
		return fmt.Errorf("httpserver: listen on %s (%s): %w", addr, setting, err)
	}
	if log.Core().Enabled(zap.InfoLevel) { // what net/http says is a warning
		log = log.WithOptions(zap.IncreaseLevel(zap.WarnLevel))
	}
	l.addr, l.done = socket.Addr(), make(chan error, 1)
	l.server = &http.Server{
		Handler: handler, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeader,
		ErrorLog: zap.NewStdLog(log),
	}
	go func() {
		err := l.server.Serve(socket)
		if errors.Is(err, http.ErrServerClosed) {
			err = nil
		}
		l.done <- err
	}()
	return nil
}

// close stops listening, closes idle connections and waits for the others until ctx ends; then it cuts them.
func (l *listener) close(ctx context.Context) error {
	if l.server == nil {
		return nil
	}
	err := l.server.Shutdown(ctx)
	if err != nil {
		_ = l.server.Close() // Shutdown's error says it all
	}
	return err
}

// Start opens the ports and returns; requests are served until Stop.
func (s *Server) Start(ctx context.Context) error {
	if err := s.public.open(ctx, s.cfg.Addr, "http.addr", s.parting(s.engine), s.deps.Log); err != nil {
		return err
	}
	if err := s.StartPrivate(ctx); err != nil {
		return errors.Join(err, s.public.close(ctx))
	}
	return nil
}

// StartPrivate opens the private port only: workers and schedulers are watched too, by the same probes as an api.
func (s *Server) StartPrivate(ctx context.Context) error {
	if s.cfg.PrivateAddr == "" {
		return nil
	}
	return s.private.open(ctx, s.cfg.PrivateAddr, "http.private_addr", s.privateHandler(), s.deps.Log)
}

// Addr is where the API listens, once started.
func (s *Server) Addr() string {
	if s.public.addr == nil {
		return ""
	}
	return s.public.addr.String()
}

// PrivateAddr is where metrics are, once started; empty without a private port.
func (s *Server) PrivateAddr() string {
	if s.private.addr == nil {
		return ""
	}
	return s.private.addr.String()
}

// Run waits until ctx ends, then returns nil. A port that is lost before is an error. It follows Start or StartPrivate.
func (s *Server) Run(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-s.public.done:
		return lost("http.addr", err)
	case err := <-s.private.done:
		return lost("http.private_addr", err)
	}
}

func lost(setting string, err error) error {
	if err == nil {
		return nil // closed by Stop
	}
	return fmt.Errorf("httpserver: the port of %s is lost: %w", setting, err)
}

// parting tells clients during the drain delay to go on elsewhere: every answer ends its connection. An idle connection is not closed
// then (as SetKeepAlivesEnabled would), since a request may be on its way on it.
func (s *Server) parting(handler http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.leaving.Load() {
			w.Header().Set("Connection", "close")
		}
		handler.ServeHTTP(w, r)
	})
}

// Stop drains: readiness turns false; during the drain delay, in which load balancers notice it, requests are answered as ever, each
// as the last of its connection; then the port is closed, and requests in flight have the drain timeout to end. It returns an error
// if some had to be cut.
func (s *Server) Stop(ctx context.Context) error {
	s.deps.Health.Drain()
	s.leaving.Store(true)
	if s.public.server != nil {
		background.Pause(ctx, s.cfg.DrainDelay)
	}
	s.stop.Do(func() { close(s.draining) })
	s.bodies.hurry(min(drainTimeout, s.cfg.DrainTimeout/2))
	ctx, cancel := context.WithTimeout(ctx, s.cfg.DrainTimeout)
	defer cancel()
	err := s.public.close(ctx)
	if err != nil {
		err = fmt.Errorf("httpserver: requests were cut at the end of the drain: %w", err)
	}
	return errors.Join(err, s.private.close(ctx))
}

// ListenAndServe serves until ctx ends, then drains.
func (s *Server) ListenAndServe(ctx context.Context) error {
	if err := s.Start(ctx); err != nil {
		return err
	}
	return errors.Join(s.Run(ctx), s.Stop(context.WithoutCancel(ctx)))
}

// privateHandler is for operators only: metrics, profiles and, for roles without a public port, the probes.
func (s *Server) privateHandler() http.Handler {
	mux := http.NewServeMux()
	for _, probe := range probes {
		mux.Handle("GET "+probe, s.engine)
	}
	mux.Handle("GET /metrics", promhttp.HandlerFor(s.deps.Metrics, promhttp.HandlerOpts{}))
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != 0 { // which nobody reads
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(unreadTimeout))
		}
		mux.ServeHTTP(w, r)
	})
}
