package post

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/timeline"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/posts/internal/words"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/idempotency"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/plug"
)

// Deps is what a Service needs.
type Deps struct {
	plug.In

	Config       posts.Config
	DB           *database.DB
	Outbox       *outbox.Outbox
	Store        *Store
	ContentStore *content.Store
	Contents     *content.Cache
	Counts       *content.Counts
	Policy       *visibility.Policy
	Timelines    *timeline.Timelines
	People       users.Directory
	Counters     users.Counters
	Library      uploads.Library
	Catalogue    products.Catalogue
	Signer       *page.Signer
}

// Service writes posts. Safe for concurrent use.
type Service struct {
	cfg          posts.Config
	db           *database.DB
	outbox       *outbox.Outbox
	store        *Store
	contentStore *content.Store
	contents     *content.Cache
	counts       *content.Counts
	policy       *visibility.Policy
	timelines    *timeline.Timelines
	people       users.Directory
	counters     users.Counters
	library      uploads.Library
	catalogue    products.Catalogue
	signer       *page.Signer
}

// NewService returns a service.
func NewService(d Deps) *Service {
	return &Service{cfg: d.Config, db: d.DB, outbox: d.Outbox, store: d.Store, contentStore: d.ContentStore, contents: d.Contents, counts: d.Counts,
		policy: d.Policy, timelines: d.Timelines, people: d.People, counters: d.Counters, library: d.Library, catalogue: d.Catalogue, signer: d.Signer}
}

// Create publishes a post and returns its id. All of its photos become used, or nothing happens.
func (s *Service) Create(ctx context.Context, author uuid.UUID, d Draft) (uuid.UUID, error) {
	if made, ok := idempotency.Attached(ctx); ok {
		return made, nil
	}
	if err := s.Complete(ctx, author, &d); err != nil {
		return uuid.Nil, err
	}
	p, err := s.Prepare(ctx, author, d, nil)
	if err != nil {
		return uuid.Nil, err
	}
	return p.ID, s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.Publish(ctx, p); err != nil {
			return err
		}
		return idempotency.Attach(ctx, p.ID)
	})
}

// Complete fills in what a draft leaves to its author's settings.
func (s *Service) Complete(ctx context.Context, author uuid.UUID, d *Draft) (err error) {
	if d.Visibility == "" {
		d.Visibility, err = s.people.DefaultVisibility(ctx, author)
	}
	return err
}

// Publication is a post that may be published: everything about it was checked.
type Publication struct {
	ID        uuid.UUID
	author    uuid.UUID
	draft     Draft
	held      []uuid.UUID // photos that are the author's draft's already
	mentioned []uuid.UUID
	audience  uploads.Audience
}

// Prepare checks what an author wants to publish: their consents, the draft, its products. saved is what they said before, in a
// draft: its photos are theirs already, and what it pins stays allowed, even where the product is gone.
func (s *Service) Prepare(ctx context.Context, author uuid.UUID, d Draft, saved *Draft) (Publication, error) {
	if err := s.people.RequireConsents(ctx, author); err != nil {
		return Publication{}, err
	}
	if err := s.Check(ctx, &d, saved, 1); err != nil {
		return Publication{}, err
	}
	mentioned, err := words.Mentioned(ctx, s.people, author, d.Caption)
	if err != nil {
		return Publication{}, err
	}
	private, err := s.private(ctx, author)
	if err != nil {
		return Publication{}, err
	}
	p := Publication{ID: uuid.Must(uuid.NewV7()), author: author, draft: d, mentioned: mentioned, audience: visibility.PhotoAudience(d.Visibility, private)}
	if saved != nil {
		p.held = PhotoIDs(saved.Photos)
	}
	return p, nil
}

// Publish makes the post, in the transaction open in ctx.
func (s *Service) Publish(ctx context.Context, p Publication) error {
	photos := PhotoIDs(p.draft.Photos)
	if err := s.Claim(ctx, p.author, photos, p.held, p.audience); err != nil {
		return err
	}
	if len(p.held) > 0 {
		if err := s.library.SetAudience(ctx, p.held, p.audience); err != nil {
			return err
		}
	}
	if err := s.store.Insert(ctx, p.ID, p.author, p.draft); err != nil {
		return err
	}
	if err := s.counters.AddPosts(ctx, p.author, 1); err != nil {
		return err
	}
	s.counts.Drop(ctx, p.author)
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.timelines.Forget(ctx, p.author) })
	return s.outbox.Publish(ctx, posts.Published{PostID: p.ID, AuthorID: p.author, Visibility: p.draft.Visibility, Mentioned: p.mentioned})
}

// Edit changes the author's own post. Photos that it loses are released. One that it leaves as it is keeps its version, and nobody is told.
// posts.ErrNotFound where the author has no such post.
func (s *Service) Edit(ctx context.Context, author, id uuid.UUID, match etag.Match, e Edit) error {
	known, err := s.catalogue.Refs(ctx, pinned(e.photos()))
	if err != nil {
		return err
	}
	private, err := s.private(ctx, author)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		version, err := s.store.Lock(ctx, author, id)
		if err != nil {
			return err
		}
		if err := match.Check(version); err != nil {
			return err
		}
		now, _, err := s.contentStore.Contents(ctx, []uuid.UUID{id})
		if err != nil {
			return err
		}
		return s.rewrite(ctx, author, now[id], e, known, private)
	})
}

// rewrite applies an edit to a locked post. What was pinned stays allowed, even where the product is gone.
func (s *Service) rewrite(ctx context.Context, author uuid.UUID, now *content.Content, e Edit, known map[uuid.UUID]products.Ref, private bool) error {
	said := draftOf(now)
	d := e.onto(said)
	old := pinned(now.Photos)
	if d.Equal(said) {
		return nil
	}
	if err := s.check(&d, 1, func(id uuid.UUID) bool { return contains(known, id) || slices.Contains(old, id) }); err != nil || d.Equal(said) {
		return err
	}
	before, after := PhotoIDs(now.Photos), PhotoIDs(d.Photos)
	if err := s.Claim(ctx, author, after, before, visibility.PhotoAudience(d.Visibility, private)); err != nil {
		return err
	}
	if err := s.store.Keep(ctx, now); err != nil {
		return err
	}
	if err := s.store.Save(ctx, now.ID, d); err != nil {
		return err
	}
	if err := s.library.Release(ctx, Without(before, after)); err != nil {
		return err
	}
	s.contents.Drop(ctx, now.ID)
	if d.Visibility != now.Visibility {
		s.counts.Drop(ctx, author)
		if err := s.library.SetAudience(ctx, after, visibility.PhotoAudience(d.Visibility, private)); err != nil {
			return err
		}
	}
	return s.tellEdited(ctx, author, now, d)
}

// tellEdited publishes that a post says something else now.
func (s *Service) tellEdited(ctx context.Context, author uuid.UUID, before *content.Content, d Draft) (err error) {
	event := posts.Edited{PostID: before.ID, AuthorID: author, Visibility: d.Visibility}
	if d.Caption != before.Caption || d.Visibility != before.Visibility {
		if event.Mentioned, err = words.Mentioned(ctx, s.people, author, d.Caption); err != nil {
			return err
		}
	}
	return s.outbox.Publish(ctx, event)
}

// History lists what the author's own living post said before each of its last edits, the newest first.
func (s *Service) History(ctx context.Context, author, id uuid.UUID, q page.Query) (page.List[Revision], error) {
	var none page.List[Revision]
	if err := s.store.Owned(ctx, author, id); err != nil {
		return none, err
	}
	scope := page.Scope("posts.history", author, id.String())
	before := int64(math.MaxInt64)
	if _, err := s.signer.OpenCursor(scope, q.Cursor, &before); err != nil {
		return none, err
	}
	rows, err := s.store.Revisions(ctx, id, before, q.Limit+1)
	if err != nil {
		return none, err
	}
	return page.Cut(s.signer, scope, q.Limit, rows, func(r Revision) Revision { return r }, func(r Revision) any { return r.Version }), nil
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
func (s *Service) Restore(ctx context.Context, author, id uuid.UUID) error {
	private, err := s.private(ctx, author)
	if err != nil {
		return err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		was, err := s.store.Restore(ctx, author, id, s.cfg.UndoWindow)
		if err != nil {
			return err
		}
		if err := s.moved(ctx, author, id, 1, visibility.PhotoAudience(was, private)); err != nil {
			return err
		}
		return s.outbox.Publish(ctx, posts.Restored{PostID: id, AuthorID: author})
	})
	if !errors.Is(err, posts.ErrNotFound) {
		return err
	}
	return s.store.Owned(ctx, author, id)
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
	s.contents.Drop(ctx, id)
	s.counts.Drop(ctx, author)
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.timelines.Forget(ctx, author) })
	return s.counters.AddPosts(ctx, author, delta)
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
		s.contents.Drop(ctx, id)
		return s.store.Purge(ctx, id)
	})
	if errors.Is(err, posts.ErrNotFound) {
		return nil
	}
	return err
}

// Check tidies a draft with at least so many photos and returns posts.ErrInvalid with everything that is wrong. What saved pins
// stays allowed, even where the product is gone.
func (s *Service) Check(ctx context.Context, d, saved *Draft, photos int) error {
	known, err := s.catalogue.Refs(ctx, pinned(d.Photos))
	if err != nil {
		return err
	}
	var old []uuid.UUID
	if saved != nil {
		old = pinned(saved.Photos)
	}
	return s.check(d, photos, func(id uuid.UUID) bool { return contains(known, id) || slices.Contains(old, id) })
}

func (s *Service) check(d *Draft, photos int, products func(uuid.UUID) bool) error {
	return rules{rooms: s.cfg.Rooms, styles: s.cfg.Styles, photos: photos, products: products}.check(d)
}

// Claim makes those of a post's photos its own that were not before. Faults name a photo by its place in the request.
// The texts stay with the post, where they can be edited: the uploads' own are left as they are.
func (s *Service) Claim(ctx context.Context, author uuid.UUID, photos, before []uuid.UUID, audience uploads.Audience) error {
	isNew := Without(photos, before)
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
	relations, err := s.policy.Relations(ctx, uuid.Nil, []uuid.UUID{author})
	return relations.IsPrivate(author), err
}

func contains[V any](m map[uuid.UUID]V, id uuid.UUID) bool {
	_, ok := m[id]
	return ok
}
