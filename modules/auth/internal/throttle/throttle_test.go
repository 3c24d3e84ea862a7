package throttle_test

import (
	"net/http"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/auth"
	"atrium/modules/auth/internal/moduletest"
	"atrium/modules/auth/internal/throttle"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/fault"
	"atrium/platform/ratelimit"
	"atrium/platform/redistest"
)

func setup(t *testing.T, adjust func(*auth.Config)) *moduletest.Module {
	t.Helper()
	return moduletest.New(t, userstest.New(), adjust)
}

func TestThrottle_CountsFailuresOnly(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *auth.Config) { cfg.Throttle.PerAddress = 3 })
	for range 5 {
		b.SignIn(t, "ana")
	}
	for range 3 {
		b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": "x"}).Want(401)
	}
	slowed := b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": "x"}).Want(429)
	require.Equal(t, "auth.too_many_failures", slowed.Code())
	require.NotEmpty(t, slowed.Header.Get("Retry-After"))
}

// Who is in takes back what failed on the account, but not what failed from the address.
func TestThrottle_SuccessForgivesTheAccountAlone(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *auth.Config) { cfg.Throttle = auth.Throttle{PerAccount: 2, PerAddress: 5} })
	used := b.Google(t, "ana")
	try := func(token string) *apptest.Response {
		return b.Post(t, "/v1/auth/google/token", "", map[string]any{"id_token": token})
	}
	try(used).Want(200)
	try(used).Want(401)
	b.SignIn(t, "ana") // one failure is forgiven
	try(used).Want(401)
	try(used).Want(401)
	try(used).Want(429)
	require.Equal(t, "auth.too_many_failures", try(b.Google(t, "ana")).Want(429).Code(), "the account is closed, even to its owner, for a moment")
	b.SignIn(t, "ben")
	b.Refuses(t, "x", "auth.invalid_refresh_token")
	b.Refuses(t, "x", "auth.invalid_refresh_token")
	require.Equal(t, "auth.too_many_failures", try(b.Google(t, "ben")).Want(429).Code(), "five failed from here, and no success took one back")
}

// An IPv6 customer has a /64 and may choose any address in it.
func TestThrottle_CountsIPv6ByPrefix(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *auth.Config) { cfg.Throttle.PerAddress = 2 })
	b.Proxies = []string{"127.0.0.1/32"}
	behind := b.Start(t, nil)
	from := func(address string) int {
		return behind.Do(t, apptest.Request{Method: http.MethodPost, Path: "/v1/auth/google/token", Body: map[string]any{"id_token": "x"},
			Header: map[string]string{"X-Forwarded-For": address}}).Status
	}
	require.Equal(t, 401, from("2001:db8:1:2::1"))
	require.Equal(t, 401, from("2001:db8:1:2:ffff::2"))
	require.Equal(t, 429, from("2001:db8:1:2:3:4:5:6"))
	require.Equal(t, 401, from("2001:db8:1:3::1"), "the neighbour")
}

// The pages outside /v1 count failures and requests too.
func TestThrottle_OfThePages(t *testing.T) {
	t.Parallel()
	b := setup(t, func(cfg *auth.Config) { cfg.Throttle.PerAddress = 3 })
	for range 2 {
		b.Do(t, apptest.Request{Path: "/admin/callback" + "?state=made-up&code=x"}).Want(400)
	}
	b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?state=made-up&code=x"}).Want(400)
	b.Do(t, apptest.Request{Path: "/admin/callback" + "?state=made-up&code=x"}).Want(429)
	b.Do(t, apptest.Request{Path: "/v1/auth/google/callback?state=made-up&code=x"}).Want(429)
}

// Who has failed too often is told when the next try is taken, with Redis and without.
func TestFault_K4_RetryAfterIsTrue(t *testing.T) {
	t.Parallel()
	for name, limiter := range map[string]*ratelimit.Limiter{
		"redis": ratelimit.New(redistest.Open(t), zap.NewNop()), "in this process": ratelimit.New(nil, zap.NewNop()),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			limits := throttle.New(limiter, auth.Config{Throttle: auth.Throttle{PerAddress: 5, PerAccount: 5}})
			address := uuid.NewString()
			fail := func() error {
				return limits.Guard(t.Context(), address, func() error { return auth.ErrInvalidIDToken })
			}
			for range 5 {
				require.ErrorIs(t, fail(), auth.ErrInvalidIDToken)
			}
			var slowed *fault.Error
			require.ErrorAs(t, fail(), &slowed)
			require.InDelta(t, 12, slowed.RetryAfter.Seconds(), 2)
		})
	}
}
