package delivery

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"atrium/modules/notifications"
	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/users"
)

// deliverable is a notification right before it is sent.
type deliverable struct {
	notification.Notification
	actor    users.Ref
	channels channel.Channels // by which the recipient wants to hear of it now
}

// deliverable reads a notification right before it is sent, and reports whether it is so at this moment. What is not so is left
// untold: it is told when it becomes so.
func (s *Service) deliverable(ctx context.Context, id uuid.UUID) (d deliverable, ok bool, err error) {
	n, err := s.store.ByID(ctx, id)
	if errors.Is(err, notifications.ErrNotFound) {
		return d, false, nil
	}
	if err != nil {
		return d, false, err
	}
	if ok, err = s.isSo(ctx, n); err != nil || !ok {
		return d, false, err
	}
	settings, err := s.channels.Settings(ctx, n.RecipientID)
	if err != nil {
		return d, false, err
	}
	actors, err := s.people.Refs(ctx, notification.Actors(n))
	return deliverable{n, actors[n.ActorID], settings[n.RecipientID].ChannelsFor(n.Type)}, err == nil, err
}

// isSo reports whether a notification may be told. One that may not is asked about again under its lock before it is left untold, so
// that whoever brings its cause back sees that it is.
func (s *Service) isSo(ctx context.Context, n notification.Notification) (bool, error) {
	if superseded(n) {
		return false, nil
	}
	if ok, err := s.shown(ctx, n); err != nil || ok {
		return ok, err
	}
	ok := false
	err := s.db.InTx(ctx, func(ctx context.Context) (err error) {
		locked, err := s.store.Lock(ctx, n.ID)
		if err != nil {
			return err
		}
		if ok, err = s.shown(ctx, locked); err != nil || ok {
			return err
		}
		return s.leaveUntold(ctx, locked)
	})
	if errors.Is(err, notifications.ErrNotFound) {
		return false, nil
	}
	return ok, err
}

// leaveUntold notes that a locked notification is not told yet, and withdraws it if its cause is gone.
func (s *Service) leaveUntold(ctx context.Context, n notification.Notification) error {
	if err := s.store.SetUntold(ctx, []uuid.UUID{n.ID}); err != nil {
		return err
	}
	verdicts, err := s.relevance.Causes(ctx, []notification.Notification{n})
	if err != nil {
		return err
	}
	return s.settle(ctx, []notification.Notification{n}, verdicts)
}

// shown reports whether a notification is so now, and its actor is not muted.
func (s *Service) shown(ctx context.Context, n notification.Notification) (bool, error) {
	n.ToldAt = nil // whom the recipient muted since is not told
	verdicts, err := s.relevance.Judge(ctx, []notification.Notification{n})
	return err == nil && verdicts[0].Shown(), err
}

// superseded reports whether a newer alert took this one's place.
func superseded(n notification.Notification) bool {
	return n.WithdrawnAt != nil && n.SubjectType == notification.SubjectProduct
}
