package notification

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/users"
)

// Service lists notifications and marks them as read.
type Service struct {
	store  *Store
	people users.Directory
}

// NewService names the actors by the directory.
func NewService(store *Store, people users.Directory) *Service {
	return &Service{store: store, people: people}
}

// List returns up to limit of a person's notifications older than the one given (the nil id: from the newest), newest first, and
// the people who acted.
func (s *Service) List(ctx context.Context, user, below uuid.UUID, limit int) ([]Notification, map[uuid.UUID]users.Ref, error) {
	found, err := s.store.Page(ctx, user, below, limit)
	if err != nil {
		return nil, nil, err
	}
	actors, err := s.people.Refs(ctx, Actors(found...))
	return found, actors, err
}

// Actors returns the ids of the people who acted, each once.
func Actors(all ...Notification) []uuid.UUID {
	ids := make([]uuid.UUID, 0, len(all))
	for _, n := range all {
		if n.ActorID != uuid.Nil && !slices.Contains(ids, n.ActorID) {
			ids = append(ids, n.ActorID)
		}
	}
	return ids
}

// CountUnread counts what the person has not read.
func (s *Service) CountUnread(ctx context.Context, user uuid.UUID) (int64, error) {
	return s.store.CountUnread(ctx, user)
}

// MarkRead marks everything up to and including one notification as read. Idempotent.
func (s *Service) MarkRead(ctx context.Context, user, upTo uuid.UUID) error {
	return s.store.MarkRead(ctx, user, upTo)
}
