package post

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/posts/internal/words"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/idempotency"
	"atrium/platform/outbox"
)

// Service is what can be done with posts.
type Service struct {
	cfg       posts.Config
	db        *database.DB
	outbox    *outbox.Outbox
	store     *Store
	cards     *card.Store
	deck      *card.Deck
	sight     *card.Sight
	people    users.Directory
	tally     users.Tally
	library   uploads.Library
	catalogue products.Catalogue
}

// NewService makes a Service.
func NewService(cfg posts.Config, db *database.DB, out *outbox.Outbox, store *Store, cards *card.Store, deck *card.Deck, sight *card.Sight,
	people users.Directory, tally users.Tally, library uploads.Library, catalogue products.Catalogue) *Service {
	return &Service{cfg: cfg, db: db, outbox: out, store: store, cards: cards, deck: deck, sight: sight,
		people: people, tally: tally, library: library, catalogue: catalogue}
}

// Create publishes a post. All of its photos become used, or nothing happens.
func (s *Service) Create(ctx context.Context, author uuid.UUID, d Draft) (card.Post, error) {
	if made, ok := idempotency.Attached(ctx); ok {
		return s.deck.Read(ctx, author, made)
	}
	if err := s.people.RequireConsents(ctx, author); err != nil {
		return card.Post{}, err
	}
	known, err := s.catalogue.Refs(ctx, pinned(d.Photos))
	if err != nil {
		return card.Post{}, err
	}
	if err := s.check(&d, func(id uuid.UUID) bool { return contains(known, id) }); err != nil {
		return card.Post{}, err
	}
	mentioned, err := words.Mentioned(ctx, s.people, author, d.Caption)
	if err != nil {
		return card.Post{}, err
	}
	private, err := s.private(ctx, author)
	if err != nil {
		return card.Post{}, err
	}
	id := uuid.Must(uuid.NewV7())
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.claim(ctx, author, photoIDs(d.Photos), nil, audience(d.Visibility, private)); err != nil {
			return err
		}
		if err := s.store.Insert(ctx, id, author, d); err != nil {
			return err
		}
		if err := s.tally.AddPosts(ctx, author, 1); err != nil {
			return err
		}
		if err := idempotency.Attach(ctx, id); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, posts.Published{PostID: id, AuthorID: author, Visibility: d.Visibility, Mentioned: mentioned})
	})
	if err != nil {
		return card.Post{}, err
	}
	return s.deck.Read(ctx, author, id)
}

// Read returns the post if the viewer (uuid.Nil: nobody) may see it, else posts.ErrNotFound.
func (s *Service) Read(ctx context.Context, viewer, id uuid.UUID) (card.Post, error) {
	return s.deck.Read(ctx, viewer, id)
}

// Edit changes the author's own post. Photos that it loses are given up.
func (s *Service) Edit(ctx context.Context, author, id uuid.UUID, match etag.Match, e Edit) (card.Post, error) {
	var wanted []card.Photo
	if e.Photos != nil {
		wanted = *e.Photos
	}
	known, err := s.catalogue.Refs(ctx, pinned(wanted))
	if err != nil {
		return card.Post{}, err
	}
	private, err := s.private(ctx, author)
	if err != nil {
		return card.Post{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		version, err := s.store.Lock(ctx, author, id)
		if err != nil {
			return err
		}
		if err := match.Check(version); err != nil {
			return err
		}
		now, err := s.cards.Contents(ctx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		return s.rewrite(ctx, author, now[id], e, known, private)
	})
	if err != nil {
		return card.Post{}, err
	}
	return s.deck.Read(ctx, author, id)
}

// rewrite applies an edit to a locked post. What was pinned stays allowed, even where the product is gone.
func (s *Service) rewrite(ctx context.Context, author uuid.UUID, now card.Content, e Edit, known map[uuid.UUID]products.Ref, private bool) error {
	d := e.onto(draftOf(now))
	old := pinned(now.Photos)
	if err := s.check(&d, func(id uuid.UUID) bool { return contains(known, id) || slices.Contains(old, id) }); err != nil {
		return err
	}
	before, after := photoIDs(now.Photos), photoIDs(d.Photos)
	if err := s.claim(ctx, author, after, before, audience(d.Visibility, private)); err != nil {
		return err
	}
	if err := s.store.Save(ctx, now.ID, d); err != nil {
		return err
	}
	if err := s.library.Release(ctx, without(before, after)); err != nil {
		return err
	}
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.deck.Drop(ctx, now.ID) })
	if d.Visibility == now.Visibility {
		return nil
	}
	return s.library.SetAudience(ctx, after, audience(d.Visibility, private))
}

// Delete takes the author's own post away from every surface. It can be restored for a while, then it is purged.
func (s *Service) Delete(ctx context.Context, author, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Delete(ctx, author, id); err != nil {
			return err
		}
		if err := s.moved(ctx, author, id, -1, uploads.Some); err != nil {
			return err
		}
		if err := s.outbox.Publish(ctx, posts.Deleted{PostID: id, AuthorID: author}); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, Purge{PostID: id}, outbox.At(time.Now().Add(s.cfg.UndoWindow+time.Second)))
	})
}

// Restore brings the author's own post back as it was, if it was deleted at most the undo window ago. One that is there is no error.
func (s *Service) Restore(ctx context.Context, author, id uuid.UUID) (card.Post, error) {
	private, err := s.private(ctx, author)
	if err != nil {
		return card.Post{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		visibility, err := s.store.Restore(ctx, author, id, s.cfg.UndoWindow)
		if err != nil {
			return err
		}
		if err := s.moved(ctx, author, id, 1, audience(visibility, private)); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, posts.Restored{PostID: id, AuthorID: author})
	})
	if err != nil && !errors.Is(err, posts.ErrNotFound) {
		return card.Post{}, err
	}
	post, err := s.deck.Read(ctx, author, id)
	if err == nil && post.Author.ID != author {
		return card.Post{}, posts.ErrNotFound
	}
	return post, err
}

// moved does what deleting and restoring have in common: the figure on the profile, who may open the photos, and the cache.
func (s *Service) moved(ctx context.Context, author, id uuid.UUID, delta int, audience uploads.Audience) error {
	photos, err := s.store.Photos(ctx, id)
	if err != nil {
		return err
	}
	if err := s.library.SetAudience(ctx, photos, audience); err != nil {
		return err
	}
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.deck.Drop(ctx, id) })
	return s.tally.AddPosts(ctx, author, delta)
}

// Purge removes a post for good, once it can no longer be restored. One that was restored, or purged before, is no error.
func (s *Service) Purge(ctx context.Context, id uuid.UUID) error {
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Expired(ctx, id, s.cfg.UndoWindow); err != nil {
			return err
		}
		photos, err := s.store.Photos(ctx, id)
		if err != nil {
			return err
		}
		if err := s.library.Release(ctx, photos); err != nil {
			return err
		}
		s.db.AfterCommit(ctx, func(ctx context.Context) { s.deck.Drop(ctx, id) })
		return s.store.Purge(ctx, id)
	})
	if errors.Is(err, posts.ErrNotFound) {
		return nil
	}
	return err
}

func (s *Service) check(d *Draft, products func(uuid.UUID) bool) error {
	return rules{rooms: s.cfg.Rooms, styles: s.cfg.Styles, products: products}.check(d)
}

// claim makes those of a post's photos its own that were not before. Faults name a photo by its place in the request.
// The texts stay with the post, where they can be edited: the uploads' own are left as they are.
func (s *Service) claim(ctx context.Context, author uuid.UUID, photos, before []uuid.UUID, audience uploads.Audience) error {
	isNew := without(photos, before)
	if len(isNew) == 0 {
		return nil
	}
	err := s.library.Claim(ctx, uploads.Claim{Owner: author, Uploads: isNew, Audience: audience, Pointer: "/body/photos"})
	var unusable *fault.Error
	if len(isNew) == len(photos) || !errors.Is(err, uploads.ErrNotUsable) || !errors.As(err, &unusable) {
		return err
	}
	fields := slices.Clone(unusable.Fields)
	for i, f := range fields {
		for place, id := range isNew {
			if f.Pointer == pointerOf(place) {
				fields[i].Pointer = pointerOf(slices.Index(photos, id))
			}
		}
	}
	return fault.Invalid(unusable.Code, unusable.Message, fields...)
}

func pointerOf(place int) string { return fmt.Sprintf("/body/photos/%d/upload_id", place) }

// private reports whether the author's account is private.
func (s *Service) private(ctx context.Context, author uuid.UUID) (bool, error) {
	view, err := s.sight.Of(ctx, uuid.Nil, []uuid.UUID{author})
	return view.Private(author), err
}

// audience says who may open the photos' files: only what everybody may see is open to everybody.
func audience(visibility string, private bool) uploads.Audience {
	if visibility == posts.Public && !private {
		return uploads.Everybody
	}
	return uploads.Some
}

func contains[V any](m map[uuid.UUID]V, id uuid.UUID) bool {
	_, ok := m[id]
	return ok
}
