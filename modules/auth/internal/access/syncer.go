package access

import (
	"context"
	"time"

	"go.uber.org/zap"

	"atrium/platform/background"
)

const (
	pollEvery  = 2 * time.Second
	flushEvery = 3 * time.Second
	keysEvery  = 4 * time.Second // a withdrawn key must be gone everywhere soon
)

// Syncer keeps this instance's copies of keys and revocations in step with PostgreSQL, and writes when sessions were last seen.
type Syncer struct {
	keys    *Keys
	revoked *Revocations
	seen    *LastSeen
	log     *zap.Logger
}

func NewSyncer(keys *Keys, revoked *Revocations, seen *LastSeen, log *zap.Logger) *Syncer {
	return &Syncer{keys: keys, revoked: revoked, seen: seen, log: log}
}

// Service loads keys and revocations, without which no token can be verified, keeps them current, and writes what LastSeen
// still holds at the end.
func (s *Syncer) Service() background.Service {
	return background.Service{Name: "auth.sync", Prepare: s.load, Run: s.run, Close: s.seen.Flush}
}

// Services are what the module runs in the background.
func Services(s *Syncer) []background.Service { return []background.Service{s.Service()} }

func (s *Syncer) load(ctx context.Context) error {
	if err := s.keys.Ensure(ctx); err != nil {
		return err
	}
	return s.revoked.Poll(ctx)
}

func (s *Syncer) run(ctx context.Context) error {
	every := func(interval time.Duration, what string, fn func(ctx context.Context) error) func(ctx context.Context) error {
		return func(ctx context.Context) error { return background.Every(ctx, interval, s.log, "auth: "+what, fn) }
	}
	return background.Together(ctx,
		every(pollEvery, "poll revocations", s.revoked.Poll),
		every(flushEvery, "write when sessions were last seen", s.seen.Flush),
		every(keysEvery, "load signing keys", s.keys.Sync),
		s.revoked.listen, s.revoked.announce,
	)
}
