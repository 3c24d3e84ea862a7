package review

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/idempotency"
)

// Service has the use cases of reviews.
type Service struct {
	db        *database.DB
	store     *Store
	catalogue products.Catalogue
	purchases orders.Purchases
	people    users.Directory
	photos    uploads.Library
}

// NewService makes a Service.
func NewService(db *database.DB, store *Store, catalogue products.Catalogue, purchases orders.Purchases, people users.Directory, photos uploads.Library) *Service {
	return &Service{db, store, catalogue, purchases, people, photos}
}

// Write writes a review of something that the author bought and has not reviewed yet: errNotBought, errReviewed.
func (s *Service) Write(ctx context.Context, author uuid.UUID, product string, d Draft) (*Review, error) {
	if err := s.people.RequireConsents(ctx, author); err != nil {
		return nil, err
	}
	id, err := s.catalogue.Resolve(ctx, product)
	if err != nil {
		return nil, err
	}
	var written *Review
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if made, ok := idempotency.Attached(ctx); ok { // an earlier run of this request has written it
			written, err = s.store.Lock(ctx, made)
			return err
		}
		line, err := s.unreviewed(ctx, author, id)
		if err != nil {
			return err
		}
		key, err := uuid.NewV7()
		if err != nil {
			return err
		}
		written = &Review{ID: key, ProductID: id, LineID: line, AuthorID: author, Rating: d.Rating, Text: d.Text, Photos: append([]uuid.UUID{}, d.Photos...), Version: 1}
		if err := s.claim(ctx, author, d.Photos); err != nil {
			return err
		}
		if err := s.store.Insert(ctx, written); err != nil {
			return err
		}
		return idempotency.Attach(ctx, key)
	})
	return written, err
}

// unreviewed returns the oldest line that a person bought of a product and did not review.
func (s *Service) unreviewed(ctx context.Context, author, product uuid.UUID) (uuid.UUID, error) {
	lines, err := s.purchases.Bought(ctx, author, product)
	if err != nil {
		return uuid.Nil, err
	}
	if len(lines) == 0 {
		return uuid.Nil, errNotBought
	}
	reviewed, err := s.store.Reviewed(ctx, lines)
	if err != nil {
		return uuid.Nil, err
	}
	i := slices.IndexFunc(lines, func(line uuid.UUID) bool { return !reviewed[line] })
	if i < 0 {
		return uuid.Nil, errReviewed
	}
	return lines[i], nil
}

// Edit changes a review of one's own. Another's is errNotFound.
func (s *Service) Edit(ctx context.Context, author, id uuid.UUID, match etag.Match, c Change) (*Review, error) {
	if err := s.people.RequireConsents(ctx, author); err != nil {
		return nil, err
	}
	var edited *Review
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		r, err := s.store.Lock(ctx, id)
		if err != nil {
			return err
		}
		if r.AuthorID != author {
			return errNotFound
		}
		if err := match.Check(r.Version); err != nil {
			return err
		}
		before := *r
		r.apply(c)
		if err := s.exchange(ctx, author, before.Photos, r.Photos); err != nil {
			return err
		}
		edited = r
		return s.store.Update(ctx, r, before)
	})
	return edited, err
}

// Delete removes a review of one's own.
func (s *Service) Delete(ctx context.Context, author, id uuid.UUID) error {
	return s.remove(ctx, id, func(r *Review) bool { return r.AuthorID == author })
}

// Remove removes any review: for moderators.
func (s *Service) Remove(ctx context.Context, id uuid.UUID) error {
	return s.remove(ctx, id, func(*Review) bool { return true })
}

func (s *Service) remove(ctx context.Context, id uuid.UUID, may func(*Review) bool) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		r, err := s.store.Lock(ctx, id)
		if err != nil {
			return err
		}
		if !may(r) {
			return errNotFound
		}
		return s.drop(ctx, r)
	})
}

func (s *Service) drop(ctx context.Context, r *Review) error {
	if len(r.Photos) > 0 {
		if err := s.photos.Release(ctx, r.Photos); err != nil {
			return err
		}
	}
	return s.store.Delete(ctx, r)
}

// atOnce bounds how many reviews Forget reads in one go.
const atOnce = 200

// Forget removes all reviews of a person who is gone, in the transaction open in ctx.
func (s *Service) Forget(ctx context.Context, author uuid.UUID) error {
	for {
		rows, err := s.store.By(ctx, author, atOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if err := s.drop(ctx, &rows[i]); err != nil {
				return err
			}
		}
	}
}

func (s *Service) claim(ctx context.Context, author uuid.UUID, photos []uuid.UUID) error {
	if len(photos) == 0 {
		return nil
	}
	return s.photos.Claim(ctx, uploads.Claim{Owner: author, Uploads: photos, Audience: uploads.Everybody, Pointer: photosPointer, Bare: true})
}

// exchange claims the photos that are new and releases those that are gone.
func (s *Service) exchange(ctx context.Context, author uuid.UUID, before, after []uuid.UUID) error {
	without := func(all, these []uuid.UUID) []uuid.UUID {
		return slices.DeleteFunc(slices.Clone(all), func(id uuid.UUID) bool { return slices.Contains(these, id) })
	}
	if err := s.claim(ctx, author, without(after, before)); err != nil {
		return err
	}
	if gone := without(before, after); len(gone) > 0 {
		return s.photos.Release(ctx, gone)
	}
	return nil
}
