// Package authtest stands in for auth in the tests of other modules.
package authtest

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"atrium/modules/auth"
)

// Sessions is an auth.Sessions that remembers what was asked of it. Safe for concurrent use.
type Sessions struct {
	mu      sync.Mutex
	ended   map[uuid.UUID][]auth.Cause
	changed map[uuid.UUID][]string
}

var _ auth.Sessions = (*Sessions)(nil)

// NewSessions makes one of which nothing was asked yet.
func NewSessions() *Sessions {
	return &Sessions{ended: map[uuid.UUID][]auth.Cause{}, changed: map[uuid.UUID][]string{}}
}

// RevokeAll implements auth.Sessions.
func (s *Sessions) RevokeAll(_ context.Context, user uuid.UUID, cause auth.Cause) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended[user] = append(s.ended[user], cause)
	return nil
}

// RolesChanged implements auth.Sessions.
func (s *Sessions) RolesChanged(_ context.Context, user uuid.UUID, roles []string, _ uuid.UUID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed[user] = slices.Clone(roles)
	return nil
}

// Ended lists why all sessions of the user were ended, the oldest first.
func (s *Sessions) Ended(user uuid.UUID) []auth.Cause {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ended[user])
}

// Roles are those that the user was last said to have.
func (s *Sessions) Roles(user uuid.UUID) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changed[user])
}
