// Package interest tells what people would like: whose rooms look like those that a person likes, and who would like to have a product.
package interest

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
)

// Service implements posts.Wishes. Safe for concurrent use.
type Service struct {
	store    *Store
	contents *content.Cache
}

func NewService(store *Store, contents *content.Cache) *Service {
	return &Service{store: store, contents: contents}
}

// Wishers implements posts.Wishes.
func (s *Service) Wishers(ctx context.Context, product, after uuid.UUID, n int) (people []uuid.UUID, last uuid.UUID, err error) {
	found, err := s.store.wishers(ctx, product, after, n)
	if err != nil {
		return nil, uuid.Nil, err
	}
	for _, w := range found {
		interested := w.Kept
		if !interested {
			visible, err := s.contents.FindVisible(ctx, w.PersonID, w.Rooms)
			if err != nil {
				return nil, uuid.Nil, err
			}
			interested = len(visible) > 0
		}
		if interested {
			people = append(people, w.PersonID)
		}
	}
	if len(found) == n {
		last = found[n-1].PersonID
	}
	return people, last, nil
}
