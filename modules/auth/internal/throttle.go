package internal

import (
	"context"

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
	return t.count(ctx, t.perAddress, address, attempt)
}

// guardAccount is guard for the attempts on one account.
func (t throttle) guardAccount(ctx context.Context, account string, attempt func() error) error {
	return t.count(ctx, t.account, account, attempt)
}

func (t throttle) count(ctx context.Context, class ratelimit.Class, key string, attempt func() error) error {
	decision, err := t.limiter.Allow(ctx, class, key, 0)
	if err != nil {
		return err
	}
	if !decision.Allowed {
		return auth.ErrTooManyFailures.After(decision.RetryAfter)
	}
	failed := attempt()
	if kind := fault.KindOf(failed); failed != nil && (kind == fault.KindUnauthenticated || kind == fault.KindMalformed) {
		if _, err := t.limiter.Allow(ctx, class, key, 1); err != nil {
			return err
		}
	}
	return failed
}
