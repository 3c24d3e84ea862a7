// Package reaction keeps what people do with posts besides reading them: likes and saves.
package reaction

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/viewerstate"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/users"
	"atrium/platform/database"
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
	Contents *content.Cache
	States   *viewerstate.Cache
	Policy   *visibility.Policy
	People   users.Directory
	Graph    users.Graph
	Signer   *page.Signer
}

// Service keeps likes and saves. Safe for concurrent use.
type Service struct {
	db       *database.DB
	outbox   *outbox.Outbox
	store    *Store
	contents *content.Cache
	states   *viewerstate.Cache
	policy   *visibility.Policy
	people   users.Directory
	graph    users.Graph
	signer   *page.Signer
}

// NewService returns a service.
func NewService(d Deps) *Service {
	return &Service{db: d.DB, outbox: d.Outbox, store: d.Store, contents: d.Contents, states: d.States, policy: d.Policy, people: d.People,
		graph: d.Graph, signer: d.Signer}
}

// Like makes the person like the post. Idempotent. posts.ErrNotFound where they may not see it.
func (s *Service) Like(ctx context.Context, user, post uuid.UUID) error {
	content, err := s.contents.Find(ctx, user, post)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		added, err := s.store.add(ctx, likes, post, user)
		if err != nil || !added {
			return err
		}
		s.dropCaches(ctx, user, post)
		return s.outbox.Publish(ctx, posts.Liked{PostID: post, AuthorID: content.AuthorID, UserID: user})
	})
}

// Unlike takes a like back, also below a post that the person cannot see any more. Idempotent. posts.ErrNotFound where there is no
// like and they may not see the post.
func (s *Service) Unlike(ctx context.Context, user, post uuid.UUID) error {
	return s.takeBack(ctx, likes, user, post, func(ctx context.Context, author uuid.UUID) error {
		return s.outbox.Publish(ctx, posts.Unliked{PostID: post, AuthorID: author, UserID: user})
	})
}

// Save keeps the post among what the person saved. Idempotent. posts.ErrNotFound where they may not see it.
func (s *Service) Save(ctx context.Context, user, post uuid.UUID) error {
	if _, err := s.contents.Find(ctx, user, post); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		added, err := s.store.add(ctx, saves, post, user)
		if err == nil && added {
			s.dropCaches(ctx, user, post)
		}
		return err
	})
}

// Unsave takes the post off what the person saved, also one that they cannot see any more. Idempotent. posts.ErrNotFound where it is
// not saved and they may not see it.
func (s *Service) Unsave(ctx context.Context, user, post uuid.UUID) error {
	return s.takeBack(ctx, saves, user, post, func(context.Context, uuid.UUID) error { return nil })
}

// takeBack removes what the person did with a post, whoever may see it by now; tell is called in the transaction, with the post's author.
func (s *Service) takeBack(ctx context.Context, k kind, user, post uuid.UUID, tell func(ctx context.Context, author uuid.UUID) error) error {
	found, err := s.contents.Load(ctx, []uuid.UUID{post})
	if err != nil {
		return err
	}
	content, ok := found[post]
	if !ok {
		return posts.ErrNotFound
	}
	deleted := false
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		if deleted, err = s.store.remove(ctx, k, post, user); err != nil || !deleted {
			return err
		}
		s.dropCaches(ctx, user, post)
		return tell(ctx, content.AuthorID)
	})
	if err != nil || deleted {
		return err
	}
	_, err = s.contents.Find(ctx, user, post)
	return err
}

// dropCaches forgets the person's state and the post's figures, once the transaction open in ctx has committed.
func (s *Service) dropCaches(ctx context.Context, user, post uuid.UUID) {
	s.states.Drop(ctx, user)
	s.contents.DropFigures(ctx, post)
}

// Liker is a person who likes a post, as the viewer sees them.
type Liker struct {
	users.Ref
	Viewer users.Viewer `json:"viewer"`
}

// SchemaName is its name in the OpenAPI document.
func (Liker) SchemaName() string { return "Liker" }

// Likers lists who likes the post, newest first, without those whom the viewer should not meet. Where the author hides the
// figures, only the author reads it: others get posts.ErrCountsHidden.
func (s *Service) Likers(ctx context.Context, viewer, post uuid.UUID, q page.Query) (page.List[Liker], error) {
	var none page.List[Liker]
	content, err := s.contents.Find(ctx, viewer, post)
	if err != nil {
		return none, err
	}
	if content.CountsHidden && content.AuthorID != viewer {
		return none, posts.ErrCountsHidden
	}
	scope := page.Scope("posts.likes", viewer, post.String())
	after := Like{CreatedAt: page.Newest.At, UserID: page.Newest.ID}
	if _, err := s.signer.OpenCursor(scope, q.Cursor, &after); err != nil {
		return none, err
	}
	rows, err := page.Fill(after, q.Limit+1,
		func(after Like, n int) ([]Like, error) { return s.store.likes(ctx, post, after, n) },
		func(rows []Like) ([]Like, error) { return s.withoutHidden(ctx, viewer, rows) })
	if err != nil {
		return none, err
	}
	likers, err := s.likers(ctx, viewer, rows)
	if err != nil {
		return none, err
	}
	list := page.Cut(s.signer, scope, q.Limit, rows,
		func(l Like) Liker { return likers[l.UserID] }, func(l Like) any { return l })
	list.Items = slices.DeleteFunc(list.Items, func(l Liker) bool { return l.ID == uuid.Nil })
	return list, nil
}

// withoutHidden leaves out people whom the viewer may not come across.
func (s *Service) withoutHidden(ctx context.Context, viewer uuid.UUID, rows []Like) ([]Like, error) {
	relations, err := s.policy.Relations(ctx, viewer, people(rows))
	return slices.DeleteFunc(slices.Clone(rows), func(l Like) bool { return !relations.CanSeePerson(l.UserID) }), err
}

func (s *Service) likers(ctx context.Context, viewer uuid.UUID, rows []Like) (map[uuid.UUID]Liker, error) {
	ids := people(rows)
	refs, err := s.people.Refs(ctx, ids)
	if err != nil {
		return nil, err
	}
	flags, err := s.graph.Viewers(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	likers := make(map[uuid.UUID]Liker, len(refs))
	for id, ref := range refs {
		likers[id] = Liker{Ref: ref, Viewer: flags[id]}
	}
	return likers, nil
}

func people(rows []Like) []uuid.UUID {
	ids := make([]uuid.UUID, len(rows))
	for i, row := range rows {
		ids[i] = row.UserID
	}
	return ids
}
