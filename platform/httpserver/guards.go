package httpserver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/identity"
	"atrium/platform/ratelimit"
)

// Who is asking, and may they?
var (
	errAuthRequired = fault.New(fault.KindUnauthenticated, "auth.required", "Sign in first.")
	errInvalidToken = fault.New(fault.KindUnauthenticated, "auth.invalid_token", "This access token is not valid.")
	errForbidden    = fault.Forbidden("auth.forbidden", "You may not do this.")
	errNotFresh     = fault.Forbidden("auth.reauth_required", "Sign in again to do this.")
	errTooMany      = fault.New(fault.KindTooMany, "request.rate_limited", "Too many requests. Wait a little.")
)

// writeTimeout is what a client gets on top of the route's time to read the answer.
const writeTimeout = 30 * time.Second

// bounds limits what a request may take: the size of its body, the time to send it, and the time until the answer, which
// the context carries down to SQL. What it asks of caches goes in one batch.
func (s *Server) bounds(route Route) gin.HandlerFunc {
	size := route.MaxBody
	if size == 0 {
		size = s.cfg.MaxBody
	}
	timeout := s.cfg.timeout(route.class())
	return func(c *gin.Context) {
		call := callOf(c)
		if call.sent != nil {
			if c.Request.Method != http.MethodGet && c.Request.Method != http.MethodHead {
				s.bodies.await(call.sent)
			}
			c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, size)
		}
		if c.Request.ContentLength > size {
			Fail(c, errBodyTooLarge)
			return
		}
		setWriteDeadline(c, call.began, timeout)
		if timeout <= 0 {
			return
		}
		ctx, cancel := context.WithTimeout(c.Request.Context(), timeout)
		defer cancel()
		s.deps.Cache.InBatch(ctx, func(ctx context.Context) {
			c.Request = c.Request.WithContext(ctx)
			c.Next()
		})
	}
}

// letSend reads some of a body that is refused: most clients read the answer only when they have sent everything.
func letSend(c *gin.Context) {
	c.Header("Connection", "close")
	if sent := callOf(c).sent; sent != nil && c.GetHeader("Expect") == "" {
		_, _ = io.CopyN(io.Discard, sent, 8<<20) // a courtesy: how it ends changes nothing
	}
}

// access finds out who asks and whether they may, before anything is looked up.
func (s *Server) access(route Route) gin.HandlerFunc {
	return func(c *gin.Context) {
		who, err := s.authenticate(c)
		if who.Known() {
			know(c, who)
		}
		if err == nil {
			err = admit(route, who)
		}
		if err != nil {
			s.refuse(c, err)
		}
	}
}

func (s *Server) authenticate(c *gin.Context) (identity.Principal, error) {
	headers := c.Request.Header.Values("Authorization")
	if len(headers) == 0 {
		return identity.Principal{}, nil
	}
	scheme, token, _ := strings.Cut(headers[0], " ")
	if len(headers) > 1 || !strings.EqualFold(scheme, "Bearer") || token == "" || s.deps.Authenticator == nil {
		return identity.Principal{}, errInvalidToken
	}
	who, err := s.deps.Authenticator.Authenticate(c.Request.Context(), token)
	if err != nil {
		return identity.Principal{}, err
	}
	if !who.Known() {
		return identity.Principal{}, errors.New("httpserver: the authenticator accepted a token of nobody")
	}
	return who, nil
}

// RequireFresh returns the error of a sign-in that is not fresh, for what of a route needs one where the route itself does not.
func RequireFresh(ctx context.Context) error {
	if !identity.From(ctx).Fresh(time.Now()) {
		return errNotFresh
	}
	return nil
}

func admit(route Route, who identity.Principal) error {
	switch {
	case !who.Known() && (route.Access == SignedIn || len(route.Roles) > 0 || route.Fresh):
		return errAuthRequired
	case len(route.Roles) > 0 && !who.Has(route.Roles...):
		return errForbidden
	case route.Fresh && !who.Fresh(time.Now()):
		return errNotFresh
	}
	return nil
}

// rate counts the request against the limit of its class, per person, else per address.
func (s *Server) rate(route Route) gin.HandlerFunc {
	count := s.counter(s.cfg.limit(route))
	return func(c *gin.Context) {
		if err := count(c); err != nil {
			Fail(c, err)
		}
	}
}

// counter returns a function that counts a request against a limit, per person, else per address, and returns an error where it
// is exceeded.
func (s *Server) counter(name string, limit Limit) func(c *gin.Context) error {
	if s.deps.Limiter == nil || limit.PerMinute == 0 {
		return func(*gin.Context) error { return nil }
	}
	class := ratelimit.PerMinute(name, limit.PerMinute, limit.Burst)
	policy := fmt.Sprintf(`"%s";q=%d;w=60`, name, limit.PerMinute)
	return func(c *gin.Context) error {
		decision, err := s.deps.Limiter.Allow(c.Request.Context(), class, caller(c), 1)
		if err != nil {
			return err
		}
		h := c.Writer.Header()
		h.Set("RateLimit-Policy", policy)
		h.Set("RateLimit", fmt.Sprintf(`"%s";r=%d;t=%d`, name, decision.Remaining, wholeSeconds(decision.ResetAfter)))
		if !decision.Allowed {
			return errTooMany.After(max(decision.RetryAfter, time.Second))
		}
		return nil
	}
}

// refuse answers a request that reaches no handler. Whatever it asked for, it counts as a read: of its address where nobody is
// signed in, so that no wrong request uses up what the sign-ins from there have.
func (s *Server) refuse(c *gin.Context, err error) {
	if tooMany := s.refusals(c); tooMany != nil {
		err = tooMany
	}
	Fail(c, err)
}

// caller is whom a limit counts: the person, else the address.
func caller(c *gin.Context) string {
	call := callOf(c)
	if call.user != uuid.Nil {
		return call.user.String()
	}
	return call.address
}

func wholeSeconds(d time.Duration) int { return int(math.Ceil(d.Seconds())) }
