package internal

import (
	"context"
	"time"

	"atrium/modules/auth"
	"atrium/platform/fault"
	"atrium/platform/ratelimit"
)

// throttle counts failed sign-ins, by address and by account. Successes are free.
type throttle struct {
	limiter             *ratelimit.Limiter
	perAddress, account ratelimit.Class
}

func newThrottle(limiter *ratelimit.Limiter, cfg auth.Throttle) throttle {
	return throttle{
		limiter:    limiter,
		perAddress: ratelimit.PerMinute("auth.failures.address", cfg.PerAddress, cfg.PerAddress),
		account:    ratelimit.PerMinute("auth.failures.account", cfg.PerAccount, cfg.PerAccount),
	}
}

// guard runs an attempt from an address, unless too many failed there, and counts it if it fails by the caller's fault.
func (t throttle) guard(ctx context.Context, address string, attempt func() error) error {
	_, err := t.count(ctx, t.perAddress, address, attempt)
	return err
}

// guardAccount is guard for the attempts on one account. One that succeeds takes back what failed before it: the owner is
// there. The address's count stays: who owns one account may still try others.
func (t throttle) guardAccount(ctx context.Context, account string, attempt func() error) error {
	before, err := t.count(ctx, t.account, account, attempt)
	if err == nil && before.Remaining < t.account.Burst {
		t.limiter.Forget(ctx, t.account, account)
	}
	return err
}

// count returns how things stood before the attempt.
func (t throttle) count(ctx context.Context, class ratelimit.Class, key string, attempt func() error) (before ratelimit.Decision, err error) {
	before, err = t.limiter.Allow(ctx, class, key, 0)
	if err != nil {
		return before, err
	}
	if !before.Allowed {
		return before, auth.ErrTooManyFailures.After(max(before.RetryAfter, time.Second))
	}
	failed := attempt()
	if kind := fault.KindOf(failed); failed != nil && (kind == fault.KindUnauthenticated || kind == fault.KindMalformed) {
		if _, err := t.limiter.Allow(ctx, class, key, 1); err != nil {
			return before, err
		}
	}
	return before, failed
}
