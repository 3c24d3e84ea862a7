// Package wish tells who would like to have a product.
package wish

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/card"
)

// Finder implements posts.Wishes.
type Finder struct {
	store *Store
	deck  *card.Deck
}

// NewFinder makes a Finder.
func NewFinder(store *Store, deck *card.Deck) *Finder { return &Finder{store: store, deck: deck} }

// Wishers implements posts.Wishes.
func (f *Finder) Wishers(ctx context.Context, product, after uuid.UUID, n int) (people []uuid.UUID, last uuid.UUID, err error) {
	found, err := f.store.wishers(ctx, product, after, n)
	if err != nil {
		return nil, uuid.Nil, err
	}
	for _, w := range found {
		seen := w.Kept
		if !seen {
			visible, err := f.deck.Visible(ctx, w.PersonID, w.Rooms)
			if err != nil {
				return nil, uuid.Nil, err
			}
			seen = len(visible) > 0
		}
		if seen {
			people = append(people, w.PersonID)
		}
	}
	if len(found) == n {
		last = found[n-1].PersonID
	}
	return people, last, nil
}
