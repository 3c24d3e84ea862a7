package access

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// maxPending bounds the sessions that wait for the next Flush. One that finds no room is recorded when its token is seen again.
const maxPending = 100_000

// LastSeen records when sessions were last seen and the newest generation of their tokens, off the request path. A token that
// was seen confirms that the answer to its refresh has arrived. Safe for concurrent use.
type LastSeen struct {
	store store

	mu      sync.Mutex
	pending map[uuid.UUID]int64
}

func NewLastSeen(db *database.DB) *LastSeen {
	return &LastSeen{store: store{db}, pending: map[uuid.UUID]int64{}}
}

// record reports whether there was room.
func (l *LastSeen) record(session uuid.UUID, generation int64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	known, ok := l.pending[session]
	if !ok && len(l.pending) >= maxPending {
		return false
	}
	l.pending[session] = max(known, generation)
	return true
}

// Flush writes what was recorded in one statement. What could not be written stays for the next Flush.
func (l *LastSeen) Flush(ctx context.Context) error {
	l.mu.Lock()
	batch := l.pending
	l.pending = map[uuid.UUID]int64{}
	l.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := l.store.confirm(ctx, batch)
	if err != nil {
		for session, generation := range batch {
			l.record(session, generation)
		}
	}
	return err
}
