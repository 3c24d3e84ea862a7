// Package authtest stands in for auth in the tests of other modules.
package authtest

import (
	"context"
	"slices"
	"sync"

	"github.com/google/uuid"

	"atrium/modules/auth"
)

// Sessions is an auth.Sessions that records its calls. Safe for concurrent use.
type Sessions struct {
	mu      sync.Mutex
	ended   map[uuid.UUID][]auth.Cause
	changed map[uuid.UUID][]string
	over    map[uuid.UUID]bool
}

var _ auth.Sessions = (*Sessions)(nil)

func NewSessions() *Sessions {
	return &Sessions{ended: map[uuid.UUID][]auth.Cause{}, changed: map[uuid.UUID][]string{}, over: map[uuid.UUID]bool{}}
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

// End ends one session.
func (s *Sessions) End(session uuid.UUID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over[session] = true
}

// Active implements auth.Sessions: every session is active until End.
func (s *Sessions) Active(_ context.Context, session uuid.UUID) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.over[session], nil
}

// Ended returns the causes of the RevokeAll calls for the user, the oldest first.
func (s *Sessions) Ended(user uuid.UUID) []auth.Cause {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.ended[user])
}

// Roles returns the roles of the last RolesChanged call for the user.
func (s *Sessions) Roles(user uuid.UUID) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.changed[user])
}
