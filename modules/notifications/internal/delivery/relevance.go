package delivery

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/notifications"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/products"
	"atrium/modules/users"
)

// deliverable reads a notification right before it is sent, and reports whether it still should be: it may have been withdrawn, its
// actor blocked, or its product sold out.
func (s *Service) deliverable(ctx context.Context, id uuid.UUID) (n notification.Notification, actor users.Ref, ok bool, err error) {
	n, err = s.store.ByID(ctx, id)
	if errors.Is(err, notifications.ErrNotFound) {
		return n, actor, false, nil
	}
	if err != nil {
		return n, actor, false, err
	}
	if ok, err = s.accepts(ctx, n); err != nil || !ok {
		return n, actor, false, err
	}
	if outdated, err := s.outdated(ctx, n); err != nil || outdated {
		return n, actor, false, err
	}
	actors, err := s.people.Refs(ctx, notification.Actors(n))
	return n, actors[n.ActorID], err == nil, err
}

// outdated withdraws an alert that no longer holds, and reports whether it did.
func (s *Service) outdated(ctx context.Context, n notification.Notification) (bool, error) {
	if n.SubjectType != notification.SubjectProduct {
		return false, nil
	}
	offers, err := s.Offers(ctx, n.SubjectID)
	if err != nil || Holds(n, offers) {
		return false, err
	}
	return true, s.store.WithdrawUnread(ctx, n.RecipientID, n.Type, n.SubjectID, n.ActorID)
}

// Offers returns the variants of a product that are on sale now, cheapest first.
func (s *Service) Offers(ctx context.Context, product uuid.UUID) ([]products.Offer, error) {
	offers, err := s.catalogue.Variants(ctx, []uuid.UUID{product})
	return offers[product], err
}

// Holds reports whether an alert about a product holds for its offers: one is available, and the cheapest costs no more than the
// alert says.
func Holds(n notification.Notification, offers []products.Offer) bool {
	if !slices.ContainsFunc(offers, func(o products.Offer) bool { return o.Available > 0 }) {
		return false
	}
	said, costs := n.Facts.Price, offers[0].Price
	return said == nil || costs.Currency == said.Currency && costs.Amount <= said.Amount
}
