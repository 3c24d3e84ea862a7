package access

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"atrium/platform/database"
)

const (
	// maxTTL is the longest that an access token lives; config allows no more.
	maxTTL = 15 * time.Minute
	// overlap is how far back each poll looks: longer than a transaction can keep a row to itself.
	overlap = time.Minute
	channel = "auth.revoked"
)

// revocation says that tokens of a session as of Before or earlier are worth nothing. It is kept until the last of them
// would have expired anyway.
type revocation struct {
	SessionID uuid.UUID `json:"session_id"`
	Before    time.Time `json:"before"`
	ExpiresAt time.Time `json:"expires_at"`
}

// Revocations are the recent ones, in memory. PostgreSQL is the truth; Redis only makes the others learn sooner.
type Revocations struct {
	db       *database.DB
	store    store
	rdb      redis.UniversalClient // may be nil
	now      func() time.Time
	announce chan []revocation

	mu     sync.RWMutex
	recent map[uuid.UUID]revocation
	loaded time.Time // of the last poll that succeeded, by the database's clock
}

// NewRevocations makes an empty set; Poll fills it. rdb may be nil.
func NewRevocations(db *database.DB, rdb redis.UniversalClient, now func() time.Time) *Revocations {
	return &Revocations{
		db: db, store: store{db}, rdb: rdb, now: now, announce: make(chan []revocation, 256), recent: map[uuid.UUID]revocation{},
	}
}

// End makes all tokens of the sessions worthless, those to come too, in the transaction open in ctx.
func (r *Revocations) End(ctx context.Context, sessions ...uuid.UUID) error {
	return r.add(ctx, sessions, r.now().Add(maxTTL+2*leeway))
}

// Renew makes the sessions' tokens that are as of then or earlier worthless, in the transaction open in ctx: they must be
// refreshed.
func (r *Revocations) Renew(ctx context.Context, then time.Time, sessions ...uuid.UUID) error {
	return r.add(ctx, sessions, then)
}

func (r *Revocations) add(ctx context.Context, sessions []uuid.UUID, before time.Time) error {
	if len(sessions) == 0 {
		return nil
	}
	added := make([]revocation, len(sessions))
	for i, id := range sessions {
		added[i] = revocation{SessionID: id, Before: before, ExpiresAt: r.now().Add(maxTTL + 2*leeway)}
	}
	if err := r.store.insertRevocations(ctx, added); err != nil {
		return err
	}
	r.db.AfterCommit(ctx, func(context.Context) {
		r.apply(added)
		select {
		case r.announce <- added:
		default: // the others' poll finds it
		}
	})
	return nil
}

// Covers reports whether a token of the session as of then is revoked.
func (r *Revocations) Covers(session uuid.UUID, asOf time.Time) bool {
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

// Poll reads what was revoked since the last poll that succeeded, and forgets what is over.
func (r *Revocations) Poll(ctx context.Context) error {
	r.mu.RLock()
	since := r.loaded
	r.mu.RUnlock()
	if !since.IsZero() {
		since = since.Add(-overlap)
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

// publish tells the other instances. Whether they hear it does not matter: they poll.
func (r *Revocations) publish(ctx context.Context, added []revocation) {
	if r.rdb == nil {
		return
	}
	if message, err := json.Marshal(added); err == nil {
		ctx, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_ = r.rdb.Publish(ctx, channel, message).Err() // without Redis the poll does it
	}
}

// listen applies what other instances tell, until ctx ends.
func (r *Revocations) listen(ctx context.Context) {
	if r.rdb == nil {
		return
	}
	subscription := r.rdb.Subscribe(ctx, channel)
	defer func() { _ = subscription.Close() }()
	messages := subscription.Channel()
	for {
		select {
		case <-ctx.Done():
			return
		case message, ok := <-messages:
			if !ok {
				return
			}
			var added []revocation
			if json.Unmarshal([]byte(message.Payload), &added) == nil {
				r.apply(added)
			}
		}
	}
}
