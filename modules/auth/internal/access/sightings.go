package access

import (
	"context"
	"sync"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// maxSightings bounds what waits for the database. What finds no room is noted when its token is seen again.
const maxSightings = 100_000

// Sightings notes which generation of a session's tokens was used, off the request path: that confirms that the answer to
// a refresh has arrived.
type Sightings struct {
	store store

	mu      sync.Mutex
	waiting map[uuid.UUID]int64
}

// NewSightings makes an empty list.
func NewSightings(db *database.DB) *Sightings {
	return &Sightings{store: store{db}, waiting: map[uuid.UUID]int64{}}
}

// note reports whether there was room.
func (s *Sightings) note(session uuid.UUID, generation int64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known, ok := s.waiting[session]
	if !ok && len(s.waiting) >= maxSightings {
		return false
	}
	s.waiting[session] = max(known, generation)
	return true
}

// Flush writes what was noted, in one statement. What could not be written waits for the next time.
func (s *Sightings) Flush(ctx context.Context) error {
	s.mu.Lock()
	batch := s.waiting
	s.waiting = map[uuid.UUID]int64{}
	s.mu.Unlock()
	if len(batch) == 0 {
		return nil
	}
	err := s.store.confirm(ctx, batch)
	if err != nil {
		for session, generation := range batch {
			s.note(session, generation)
		}
	}
	return err
}
