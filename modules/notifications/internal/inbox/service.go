// Package inbox lists a person's notifications, counts the unread ones and marks them as read. It shows and counts only what is so.
package inbox

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/notifications"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/notifications/internal/relevance"
	"atrium/modules/users"
	"atrium/platform/page"
)

// Service lists notifications and marks them as read.
type Service struct {
	store     *notification.Store
	relevance *relevance.Service
	people    users.Directory
}

// NewService names the actors by the directory.
func NewService(store *notification.Store, asked *relevance.Service, people users.Directory) *Service {
	return &Service{store: store, relevance: asked, people: people}
}

// List returns up to limit of a person's notifications older than the one given (the nil id: from the newest), newest first, and
// the people who acted.
func (s *Service) List(ctx context.Context, user, below uuid.UUID, limit int) ([]notification.Notification, map[uuid.UUID]users.Ref, error) {
	found, err := page.Fill(notification.Notification{ID: below}, limit,
		func(after notification.Notification, n int) ([]notification.Notification, error) {
			return s.store.Page(ctx, user, after.ID, n)
		},
		func(rows []notification.Notification) ([]notification.Notification, error) {
			return s.relevance.Shown(ctx, rows)
		})
	if err != nil {
		return nil, nil, err
	}
	actors, err := s.people.Refs(ctx, notification.Actors(found...))
	return found, actors, err
}

// askedUnread is how many of the unread notifications are asked whether they are so; older ones count as they are.
const askedUnread = 1000

// CountUnread counts what the list shows as not read.
func (s *Service) CountUnread(ctx context.Context, user uuid.UUID) (int64, error) {
	unread, err := s.store.Unread(ctx, user, askedUnread)
	if err != nil {
		return 0, err
	}
	shown, err := s.relevance.Shown(ctx, unread)
	if err != nil || len(unread) < askedUnread {
		return int64(len(shown)), err
	}
	older, err := s.store.CountUnread(ctx, user, unread[len(unread)-1].ID)
	return int64(len(shown)) + older, err
}

// MarkRead marks everything up to and including one notification as read. Idempotent. notifications.ErrUnknown where the person never
// had that one; one that was withdrawn will do.
func (s *Service) MarkRead(ctx context.Context, user, upTo uuid.UUID) error {
	err := s.store.MarkRead(ctx, user, upTo)
	if errors.Is(err, notifications.ErrNotFound) {
		return notifications.ErrUnknown.At("/body/up_to", "is none of your notifications")
	}
	return err
}
