package internal

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/products"
)

// Alerts tell people that a product which they would like to have costs less, or can be bought again: a product on one of their
// boards, or pinned in a room that they saved. Each event is told once; what is no longer so by then is told to nobody.

// alertedAtOnce is how many wishers one task looks at.
const alertedAtOnce = 200

// alert is the task that tells the next wishers of one event.
type alert struct {
	EventID   uuid.UUID `json:"event_id"`
	ProductID uuid.UUID `json:"product_id"`
	Type      string    `json:"type"`
	Facts     Facts     `json:"facts"`
	After     uuid.UUID `json:"after"` // whoever was looked at last
}

// TaskName is the task's name on the wire.
func (alert) TaskName() string { return "notifications.alert" }

func (s *Service) repriced(ctx context.Context, event uuid.UUID, e products.Repriced) error {
	if !e.Dropped() {
		return nil
	}
	return s.outbox.Enqueue(ctx, alert{EventID: event, ProductID: e.ProductID, Type: PriceDropped, Facts: Facts{Was: &e.Was, Price: &e.Now}})
}

func (s *Service) backInStock(ctx context.Context, event uuid.UUID, e products.BackInStock) error {
	return s.outbox.Enqueue(ctx, alert{EventID: event, ProductID: e.ProductID, Type: BackInStock})
}

// Alert tells the next wishers and leaves the rest to a task of its own. Done again, it tells nobody again.
func (s *Service) Alert(ctx context.Context, _ uuid.UUID, task alert) error {
	about := Notification{Type: task.Type, SubjectType: SubjectProduct, SubjectID: task.ProductID, CauseID: task.EventID, Facts: task.Facts}
	offers, err := s.offers(ctx, task.ProductID)
	if err != nil || !about.trueOf(offers) {
		return err
	}
	about.Facts.Product = offers[0].Product.Name
	people, last, err := s.wishes.Wishers(ctx, task.ProductID, task.After, alertedAtOnce)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		for _, about.RecipientID = range people {
			if err := s.notifyLatest(ctx, about); err != nil {
				return err
			}
		}
		if last == uuid.Nil {
			return nil
		}
		task.After = last
		return s.outbox.Enqueue(ctx, task)
	})
}

// notifyLatest is Notify for what takes the place of older news of the same kind: one who was away reads the latest alone.
func (s *Service) notifyLatest(ctx context.Context, n Notification) error {
	latest, err := s.store.Supersede(ctx, n)
	if err != nil || !latest {
		return err
	}
	return s.Notify(ctx, n)
}

// outdated withdraws an alert that is no longer true, and reports whether it did.
func (s *Service) outdated(ctx context.Context, n Notification) (bool, error) {
	if n.SubjectType != SubjectProduct {
		return false, nil
	}
	offers, err := s.offers(ctx, n.SubjectID)
	if err != nil || n.trueOf(offers) {
		return false, err
	}
	return true, s.store.WithdrawUnread(ctx, n.RecipientID, n.Type, n.SubjectID, n.ActorID)
}

// offers are the variants of a product on sale, cheapest first, as they are at this moment.
func (s *Service) offers(ctx context.Context, product uuid.UUID) ([]products.Offer, error) {
	offers, err := s.catalogue.Variants(ctx, []uuid.UUID{product})
	return offers[product], err
}

// trueOf reports whether an alert is true of these offers: there is something to buy, and it costs no more than was said.
func (n Notification) trueOf(offers []products.Offer) bool {
	if !slices.ContainsFunc(offers, func(o products.Offer) bool { return o.Available > 0 }) {
		return false
	}
	said, costs := n.Facts.Price, offers[0].Price
	return said == nil || costs.Currency == said.Currency && costs.Amount <= said.Amount
}
