package draft

import (
	"context"
	"errors"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/post"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/etag"
	"atrium/platform/fault"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/plug"
)

// Deps is what a Service needs.
type Deps struct {
	plug.In

	DB       *database.DB
	Outbox   *outbox.Outbox
	Store    *Store
	Posts    *post.Service
	Renderer *render.Renderer
	Policy   *visibility.Policy
	Library  uploads.Library
	Signer   *page.Signer
}

// Service keeps drafts. Safe for concurrent use.
type Service struct {
	db       *database.DB
	outbox   *outbox.Outbox
	store    *Store
	posts    *post.Service
	renderer *render.Renderer
	policy   *visibility.Policy
	library  uploads.Library
	signer   *page.Signer
}

// NewService returns a service.
func NewService(d Deps) *Service {
	return &Service{db: d.DB, outbox: d.Outbox, store: d.Store, posts: d.Posts, renderer: d.Renderer, policy: d.Policy, library: d.Library,
		signer: d.Signer}
}

// Save keeps what the author says so far under an id that the client made, and returns the draft with its next version. Photos that
// are new in it become the draft's, those that it lost are given up. A draft that says just this already keeps its version. One that was
// published meanwhile: posts.ErrDraftPublished.
func (s *Service) Save(ctx context.Context, author, id uuid.UUID, match etag.Match, said post.Draft) (Shown, error) {
	saved, err := s.store.Find(ctx, author, id)
	if err != nil && !errors.Is(err, posts.ErrDraftNotFound) {
		return Shown{}, err
	}
	if err := s.posts.Complete(ctx, author, &said); err != nil {
		return Shown{}, err
	}
	if err := s.posts.Check(ctx, &said, &saved.Said, 0); err != nil {
		return Shown{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		d, err := s.lock(ctx, author, id, match)
		if err != nil {
			return err
		}
		if d.says(said) {
			saved = d
			return nil
		}
		photos := post.PhotoIDs(said.Photos)
		if err := s.posts.Claim(ctx, author, photos, d.photos(), uploads.Some); err != nil {
			return err
		}
		if err := s.library.Release(ctx, post.Without(d.photos(), photos)); err != nil {
			return err
		}
		if err := s.store.Save(ctx, id, said); err != nil {
			return err
		}
		saved, err = s.store.Find(ctx, author, id) // as it was saved: it may be published before this is answered
		return err
	})
	if err != nil {
		return Shown{}, err
	}
	shown, err := s.show(ctx, []Draft{saved})
	return shown[id], err
}

// lock returns the draft that is to be saved, if it may be.
func (s *Service) lock(ctx context.Context, author, id uuid.UUID, match etag.Match) (Draft, error) {
	d, err := s.store.Lock(ctx, author, id)
	if err != nil {
		return Draft{}, err
	}
	if d.PostID != nil {
		return Draft{}, posts.ErrDraftPublished.Detail("post_id", *d.PostID)
	}
	if err := match.Check(d.Version); err != nil {
		return Draft{}, err
	}
	if d.Version > 0 {
		return d, nil
	}
	n, err := s.store.Count(ctx, author)
	if err == nil && n > maxDrafts {
		err = posts.ErrTooManyDrafts
	}
	return d, err
}

// Read returns the author's draft, or posts.ErrDraftNotFound: a published one is no draft any more.
func (s *Service) Read(ctx context.Context, author, id uuid.UUID) (Shown, error) {
	d, err := s.store.Find(ctx, author, id)
	if err != nil {
		return Shown{}, err
	}
	if d.PostID != nil {
		return Shown{}, posts.ErrDraftNotFound
	}
	shown, err := s.show(ctx, []Draft{d})
	return shown[id], err
}

// List pages through the author's drafts, the one saved last first.
func (s *Service) List(ctx context.Context, author uuid.UUID, q page.Query) (page.List[Shown], error) {
	var none page.List[Shown]
	scope := page.Scope("posts.drafts", author)
	after := spot{At: page.Newest.At, ID: page.Newest.ID}
	if _, err := s.signer.OpenCursor(scope, q.Cursor, &after); err != nil {
		return none, err
	}
	rows, err := s.store.Newest(ctx, author, after, q.Limit+1)
	if err != nil {
		return none, err
	}
	shown, err := s.show(ctx, rows)
	if err != nil {
		return none, err
	}
	return page.Cut(s.signer, scope, q.Limit, rows,
		func(d Draft) Shown { return shown[d.ID] }, func(d Draft) any { return spot{At: d.UpdatedAt, ID: d.ID} }), nil
}

func (s *Service) show(ctx context.Context, rows []Draft) (map[uuid.UUID]Shown, error) {
	contents := make(map[uuid.UUID]*content.Content, len(rows))
	for _, d := range rows {
		contents[d.ID] = d.content()
	}
	photos, err := s.renderer.Photos(ctx, contents)
	if err != nil {
		return nil, err
	}
	shown := make(map[uuid.UUID]Shown, len(rows))
	for _, d := range rows {
		shown[d.ID] = toShown(d, photos[d.ID])
	}
	return shown, nil
}

// Delete gives the author's draft and its photos up.
func (s *Service) Delete(ctx context.Context, author, id uuid.UUID) error {
	return s.db.InTx(ctx, func(ctx context.Context) error {
		d, err := s.store.Remove(ctx, author, id)
		if err != nil {
			return err
		}
		return s.library.Release(ctx, d.photos())
	})
}

// Publish publishes the author's draft now, as it was saved last, and returns the post's id. Idempotent. Whoever saves or publishes it
// at the same time waits.
func (s *Service) Publish(ctx context.Context, author, id uuid.UUID) (made uuid.UUID, err error) {
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		d, err := s.store.Held(ctx, author, id)
		if err != nil {
			return err
		}
		if d.PostID != nil {
			made = *d.PostID
			return nil
		}
		made, err = s.publish(ctx, d)
		return err
	})
	return made, err
}

// publish makes a post of a locked draft.
func (s *Service) publish(ctx context.Context, d Draft) (uuid.UUID, error) {
	p, err := s.posts.Prepare(ctx, d.AuthorID, d.Said, &d.Said)
	if err != nil {
		return uuid.Nil, err
	}
	if err := s.store.Give(ctx, d.ID, p.ID); err != nil {
		return uuid.Nil, err
	}
	return p.ID, s.posts.Publish(ctx, p)
}

// Schedule has the author's draft published at a moment, instead of the one planned before. What could not be published now is
// refused now; it is checked again when the moment comes.
func (s *Service) Schedule(ctx context.Context, author, id uuid.UUID, at time.Time) (Shown, error) {
	d, err := s.store.Find(ctx, author, id)
	if err != nil {
		return Shown{}, err
	}
	if d.PostID != nil {
		return Shown{}, posts.ErrDraftPublished.Detail("post_id", *d.PostID)
	}
	if time.Until(at) > furthest {
		return Shown{}, posts.ErrInvalid.At("/body/at", "is more than a year ahead")
	}
	if _, err := s.posts.Prepare(ctx, author, d.Said, &d.Said); err != nil {
		return Shown{}, err
	}
	at = at.UTC().Truncate(time.Microsecond) // as PostgreSQL keeps it
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Plan(ctx, author, id, &at); err != nil {
			return err
		}
		return s.outbox.Enqueue(ctx, Publish{DraftID: id, AuthorID: author, At: at}, outbox.At(at))
	})
	if err != nil {
		return Shown{}, err
	}
	return s.Read(ctx, author, id)
}

// Cancel takes a planned publication back. A draft without one is no error.
func (s *Service) Cancel(ctx context.Context, author, id uuid.UUID) error {
	return s.store.Plan(ctx, author, id, nil)
}

// Due publishes a draft whose moment has come, unless it is planned for another one now, or for none. Where it cannot be published,
// the draft says why, and is planned no more.
func (s *Service) Due(ctx context.Context, t Publish) error {
	err := s.db.InTx(ctx, func(ctx context.Context) error {
		d, err := s.store.Held(ctx, t.AuthorID, t.DraftID)
		if errors.Is(err, posts.ErrDraftNotFound) || err == nil && (d.PostID != nil || !d.dueAt(t.At)) {
			return nil
		}
		if err == nil {
			err = s.present(ctx, d.AuthorID)
		}
		if err == nil {
			_, err = s.publish(ctx, d)
		}
		return err
	})
	var refusal *fault.Error
	if errors.As(err, &refusal) && refusal.Kind != fault.KindInternal && refusal.Kind != fault.KindUnavailable {
		return s.store.Fail(ctx, t.DraftID, t.At, refusal.Code)
	}
	return err
}

// present returns users.ErrSuspended of an author who is locked out.
func (s *Service) present(ctx context.Context, author uuid.UUID) error {
	relations, err := s.policy.Relations(ctx, uuid.Nil, []uuid.UUID{author})
	if err == nil && !relations.CanSeePerson(author) {
		err = users.ErrSuspended
	}
	return err
}
