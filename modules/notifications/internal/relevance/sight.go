package relevance

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
	"atrium/modules/products"
)

// sights are what the modules say of what some notifications are about: whether it may be seen, and is worth it.
type sights struct {
	posts   map[[2]uuid.UUID]bool // by recipient and post
	offers  map[uuid.UUID][]products.Offer
	expired map[uuid.UUID]bool
}

func (s *Service) sights(ctx context.Context, all []notification.Notification) (found sights, err error) {
	rooms := map[uuid.UUID][]uuid.UUID{}
	var products, orders []uuid.UUID
	for _, n := range all {
		switch {
		case n.Post() != uuid.Nil:
			rooms[n.RecipientID] = append(rooms[n.RecipientID], n.Post())
		case n.SubjectType == notification.SubjectProduct:
			products = append(products, n.SubjectID)
		case n.Type == notification.OrderExpired:
			orders = append(orders, n.SubjectID)
		}
	}
	if found.posts, err = s.visible(ctx, rooms); err == nil {
		found.offers, err = ask(ctx, products, s.modules.Catalogue.Variants)
	}
	if err == nil {
		found.expired, err = ask(ctx, orders, s.modules.Orders.Expired)
	}
	return found, err
}

// visible returns which of the posts each recipient may see now.
func (s *Service) visible(ctx context.Context, rooms map[uuid.UUID][]uuid.UUID) (map[[2]uuid.UUID]bool, error) {
	seen := map[[2]uuid.UUID]bool{}
	for recipient, ids := range rooms {
		visible, err := s.modules.Posts.Visible(ctx, recipient, distinct(ids))
		if err != nil {
			return nil, err
		}
		for id := range visible {
			seen[[2]uuid.UUID{recipient, id}] = true
		}
	}
	return seen, nil
}

func distinct(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}

func (found sights) allow(n notification.Notification) bool {
	switch {
	case n.Post() != uuid.Nil:
		return found.posts[[2]uuid.UUID{n.RecipientID, n.Post()}]
	case n.SubjectType == notification.SubjectProduct:
		return AlertHolds(n, found.offers[n.SubjectID])
	case n.Type == notification.OrderExpired:
		return found.expired[n.SubjectID]
	}
	return true
}

// AlertHolds reports whether an alert about a product holds for its offers: one is available, and the cheapest costs no more than the
// alert says.
func AlertHolds(n notification.Notification, offers []products.Offer) bool {
	if !slices.ContainsFunc(offers, func(o products.Offer) bool { return o.Available > 0 }) {
		return false
	}
	said, costs := n.Facts.Price, offers[0].Price
	return said == nil || costs.Currency == said.Currency && costs.Amount <= said.Amount
}
