package review

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/orders"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/idempotency"
	"atrium/platform/page"
	"atrium/platform/photo"
	"atrium/platform/plug"
)

// Service has the use cases of reviews. Safe for concurrent use.
type Service struct {
	db        *database.DB
	store     *Store
	catalogue products.Catalogue
	purchases orders.Purchases
	people    users.Directory
	graph     users.Graph
	photos    uploads.Library
}

// Deps is what NewService needs.
type Deps struct {
	plug.In

	DB        *database.DB
	Store     *Store
	Catalogue products.Catalogue
	Purchases orders.Purchases
	People    users.Directory
	Graph     users.Graph
	Photos    uploads.Library
}

func NewService(d Deps) *Service {
	return &Service{db: d.DB, store: d.Store, catalogue: d.Catalogue, purchases: d.Purchases, people: d.People, graph: d.Graph, photos: d.Photos}
}

// Product finds the product that reviews are asked for by id or slug, or returns products.ErrNotFound.
func (s *Service) Product(ctx context.Context, idOrSlug string) (uuid.UUID, error) {
	return s.catalogue.Resolve(ctx, idOrSlug)
}

// Page returns reviews of a product, newest first, below an id (the nil id: from the top), without those of people whom the viewer blocks or
// who block the viewer.
func (s *Service) Page(ctx context.Context, viewer, product, below uuid.UUID, limit int) ([]Review, error) {
	return page.Fill(Review{ID: below}, limit,
		func(after Review, n int) ([]Review, error) { return s.store.Page(ctx, product, after.ID, n) },
		func(rows []Review) ([]Review, error) { return s.visibleTo(ctx, viewer, rows) })
}

func (s *Service) visibleTo(ctx context.Context, viewer uuid.UUID, rows []Review) ([]Review, error) {
	authors := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		authors[i] = r.AuthorID
	}
	relations, err := s.graph.Relations(ctx, viewer, authors)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(rows), func(r Review) bool { return r.AuthorID != viewer && relations[r.AuthorID].Blocked }), nil
}

// Related returns the authors and the photos of reviews, in one call for each kind.
func (s *Service) Related(ctx context.Context, rows []Review) (map[uuid.UUID]users.Ref, map[uuid.UUID]photo.Photo, error) {
	authors, photos := make([]uuid.UUID, 0, len(rows)), []uuid.UUID{}
	for _, r := range rows {
		authors, photos = append(authors, r.AuthorID), append(photos, r.Photos...)
	}
	refs, err := s.people.Refs(ctx, authors)
	if err != nil || len(photos) == 0 {
		return refs, nil, err
	}
	pictures, err := s.photos.Photos(ctx, photos)
	return refs, pictures, err
}

// Create writes a review of something that the author bought, kept and has not reviewed yet: errOwnProduct, errNotBought, errReviewed.
func (s *Service) Create(ctx context.Context, author uuid.UUID, product string, d Draft) (*Review, error) {
	if err := s.people.RequireConsents(ctx, author); err != nil {
		return nil, err
	}
	if err := cleanText(&d.Text); err != nil {
		return nil, err
	}
	id, err := s.catalogue.Resolve(ctx, product)
	if err != nil {
		return nil, err
	}
	sold, err := s.store.SoldBy(ctx, author, id)
	if err != nil {
		return nil, err
	}
	if sold {
		return nil, errOwnProduct
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
		if err := s.attachPhotos(ctx, author, d.Photos); err != nil {
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

// Edit changes a review of one's own; one that it leaves as it is keeps its version. Another's is errNotFound.
func (s *Service) Edit(ctx context.Context, author, id uuid.UUID, match etag.Match, c Change) (*Review, error) {
	if err := s.people.RequireConsents(ctx, author); err != nil {
		return nil, err
	}
	if err := cleanText(c.Text); err != nil {
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
		if edited = r; r.Rating == before.Rating && r.Text == before.Text && slices.Equal(r.Photos, before.Photos) {
			return nil
		}
		if err := s.replacePhotos(ctx, author, before.Photos, r.Photos); err != nil {
			return err
		}
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
		return s.delete(ctx, r)
	})
}

func (s *Service) delete(ctx context.Context, r *Review) error {
	if len(r.Photos) > 0 {
		if err := s.photos.Release(ctx, r.Photos); err != nil {
			return err
		}
	}
	return s.store.Delete(ctx, r)
}

// atOnce bounds how many reviews are read at a time.
const atOnce = 200

// DeleteOf deletes all reviews of a person, in the transaction open in ctx.
func (s *Service) DeleteOf(ctx context.Context, author uuid.UUID) error {
	for {
		rows, err := s.store.LockByAuthor(ctx, author, atOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		for i := range rows {
			if err := s.delete(ctx, &rows[i]); err != nil {
				return err
			}
		}
	}
}

// DropUndone deletes those reviews of a person whose purchase came to nothing, in the transaction open in ctx.
func (s *Service) DropUndone(ctx context.Context, author uuid.UUID) error {
	rows, err := s.store.ByAuthor(ctx, author)
	if err != nil {
		return err
	}
	return s.dropUndone(ctx, rows)
}

// DropAllUndone deletes all reviews whose purchase came to nothing, and those of sellers about what they sell: what no event has told of.
func (s *Service) DropAllUndone(ctx context.Context) error {
	for after := uuid.Nil; ; {
		rows, err := s.store.After(ctx, after, atOnce)
		if err != nil || len(rows) == 0 {
			return err
		}
		if err := s.db.InTx(ctx, func(ctx context.Context) error { return s.dropUndone(ctx, rows) }); err != nil {
			return err
		}
		after = rows[len(rows)-1].ID
	}
}

func (s *Service) dropUndone(ctx context.Context, rows []Review) error {
	lines := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		lines[i] = r.LineID
	}
	undone, err := s.purchases.Undone(ctx, lines)
	if err != nil {
		return err
	}
	for _, r := range rows {
		sold, err := s.store.SoldBy(ctx, r.AuthorID, r.ProductID)
		if err != nil {
			return err
		}
		if !sold && !slices.Contains(undone, r.LineID) {
			continue
		}
		if err := s.remove(ctx, r.ID, func(*Review) bool { return true }); err != nil && !errors.Is(err, errNotFound) {
			return err
		}
	}
	return nil
}

// attachPhotos makes the author's uploads photos of a review, in the transaction open in ctx.
func (s *Service) attachPhotos(ctx context.Context, author uuid.UUID, photos []uuid.UUID) error {
	if len(photos) == 0 {
		return nil
	}
	return s.photos.Claim(ctx, uploads.Claim{Owner: author, Uploads: photos, Audience: uploads.Everybody, Pointer: photosPointer, Bare: true})
}

// replacePhotos attaches the photos that are new and releases those that are gone.
func (s *Service) replacePhotos(ctx context.Context, author uuid.UUID, before, after []uuid.UUID) error {
	without := func(all, these []uuid.UUID) []uuid.UUID {
		return slices.DeleteFunc(slices.Clone(all), func(id uuid.UUID) bool { return slices.Contains(these, id) })
	}
	if err := s.attachPhotos(ctx, author, without(after, before)); err != nil {
		return err
	}
	if gone := without(before, after); len(gone) > 0 {
		return s.photos.Release(ctx, gone)
	}
	return nil
}
