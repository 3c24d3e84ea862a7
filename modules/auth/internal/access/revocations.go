package access

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"atrium/platform/background"
	"atrium/platform/database"
)

const (
	// maxTokenTTL is the longest lifetime of an access token that the configuration allows.
	maxTokenTTL = 15 * time.Minute
	// pollOverlap is how far each poll reads behind the last: longer than any transaction keeps a row invisible.
	pollOverlap = time.Minute
	channel     = "auth.revoked"
)

// revocation invalidates the tokens of a session as of Before or earlier. It is kept until the last of them has expired.
type revocation struct {
	SessionID uuid.UUID `json:"session_id"`
	Before    time.Time `json:"before"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Revocations holds the recent revocations in memory. PostgreSQL decides; Redis only tells the other instances sooner. Safe for
// concurrent use.
type Revocations struct {
	db            *database.DB
	store         store
	rdb           redis.UniversalClient // may be nil
	now           func() time.Time
	announcements chan []revocation

	mu     sync.RWMutex
	recent map[uuid.UUID]revocation
	loaded time.Time // the last successful poll, by the database's clock
}

// NewRevocations is empty until the first Poll. rdb may be nil.
func NewRevocations(db *database.DB, rdb redis.UniversalClient, now func() time.Time) *Revocations {
	return &Revocations{
		db: db, store: store{db}, rdb: rdb, now: now, announcements: make(chan []revocation, 256), recent: map[uuid.UUID]revocation{},
	}
}

// Revoke invalidates all tokens of the sessions, also those issued later, in the transaction open in ctx.
func (r *Revocations) Revoke(ctx context.Context, sessions ...uuid.UUID) error {
	return r.add(ctx, sessions, r.now().Add(maxTokenTTL+2*leeway))
}

// RevokeIssuedBefore invalidates the sessions' tokens as of then or earlier, in the transaction open in ctx. The sessions go on
// with the tokens of their next refresh.
func (r *Revocations) RevokeIssuedBefore(ctx context.Context, then time.Time, sessions ...uuid.UUID) error {
	return r.add(ctx, sessions, then)
}

func (r *Revocations) add(ctx context.Context, sessions []uuid.UUID, before time.Time) error {
	if len(sessions) == 0 {
		return nil
	}
	added := make([]revocation, len(sessions))
	for i, id := range sessions {
		added[i] = revocation{SessionID: id, Before: before, ExpiresAt: r.now().Add(maxTokenTTL + 2*leeway)}
	}
	if err := r.store.insertRevocations(ctx, added); err != nil {
		return err
	}
	r.db.AfterCommit(ctx, func(context.Context) {
		r.apply(added)
		select {
		case r.announcements <- added:
		default: // the others' next poll finds it
		}
	})
	return nil
}

// Revoked reports whether a token of the session as of that time is revoked.
func (r *Revocations) Revoked(session uuid.UUID, asOf time.Time) bool {
	r.mu.RLock()
	found, ok := r.recent[session]
	r.mu.RUnlock()
	return ok && !asOf.After(found.Before)
}

func (r *Revocations) apply(added []revocation) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range added {
		if known, ok := r.recent[a.SessionID]; !ok || known.Before.Before(a.Before) {
			r.recent[a.SessionID] = a
		}
	}
}

// Poll reads what was revoked since the last successful poll and drops what has expired.
func (r *Revocations) Poll(ctx context.Context) error {
	r.mu.RLock()
	since := r.loaded
	r.mu.RUnlock()
	if !since.IsZero() {
		since = since.Add(-pollOverlap)
	}
	rows, now, err := r.store.revocations(ctx, since)
	if err != nil {
		return err
	}
	r.apply(rows)
	r.mu.Lock()
	defer r.mu.Unlock()
	r.loaded = now
	for id, known := range r.recent {
		if known.ExpiresAt.Before(r.now()) {
			delete(r.recent, id)
		}
	}
	return nil
}

// publish tells the other instances, best effort: their next poll finds what was lost.
func (r *Revocations) publish(ctx context.Context, added []revocation) {
	if r.rdb == nil {
		return
	}
	if message, err := json.Marshal(added); err == nil {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = r.rdb.Publish(ctx, channel, message).Err() // without Redis the poll finds it
	}
}

// announce publishes what this instance has revoked, until ctx ends.
func (r *Revocations) announce(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case added := <-r.announcements:
			r.publish(ctx, added)
		}
	}
}

// listen applies what other instances publish, until ctx ends. The client subscribes again by itself where Redis was away.
func (r *Revocations) listen(ctx context.Context) error {
	if r.rdb == nil {
		return background.UntilStopped(ctx)
	}
	subscription := r.rdb.Subscribe(ctx, channel)
	defer func() { _ = subscription.Close() }()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return nil
		case message, ok := <-messages:
			if !ok {
				return redis.ErrClosed
			}
			var added []revocation
			if json.Unmarshal([]byte(message.Payload), &added) == nil {
				r.apply(added)
			}
		}
	}
}
