// Package throttle bounds failed sign-ins by where they come from and by account.
package throttle

import (
	"context"
	"time"

	"atrium/modules/auth"
	"atrium/platform/fault"
	"atrium/platform/ratelimit"
)

// Throttle counts failed sign-ins by address and by account. Successes are not counted. Safe for concurrent use.
type Throttle struct {
	limiter                *ratelimit.Limiter
	perAddress, perAccount ratelimit.Class
}

// New takes its bounds from the configuration.
func New(limiter *ratelimit.Limiter, cfg auth.Config) *Throttle {
	return &Throttle{
		limiter:    limiter,
		perAddress: ratelimit.PerMinute("auth.failures.address", cfg.Throttle.PerAddress, cfg.Throttle.PerAddress),
		perAccount: ratelimit.PerMinute("auth.failures.account", cfg.Throttle.PerAccount, cfg.Throttle.PerAccount),
	}
}

// Guard runs an attempt from an address and counts it where it fails by the caller's fault. It returns auth.ErrTooManyFailures,
// without an attempt, where too many failed there within a minute.
func (t *Throttle) Guard(ctx context.Context, address string, attempt func() error) error {
	_, err := t.count(ctx, t.perAddress, address, attempt)
	return err
}

// GuardAccount is Guard for the attempts on one account. A success clears the account's failures, since its owner signed in; the
// address's stay, because the owner of one account may be guessing others.
func (t *Throttle) GuardAccount(ctx context.Context, account string, attempt func() error) error {
	before, err := t.count(ctx, t.perAccount, account, attempt)
	if err == nil && before.Remaining < t.perAccount.Burst {
		t.limiter.Forget(ctx, t.perAccount, account)
	}
	return err
}

// count returns the limit's state before the attempt.
func (t *Throttle) count(ctx context.Context, class ratelimit.Class, key string, attempt func() error) (before ratelimit.Decision, err error) {
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
