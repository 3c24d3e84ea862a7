// Package react is what people do with posts besides reading them: likes and saves.
package react

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// Service is likes and saves.
type Service struct {
	db     *database.DB
	outbox *outbox.Outbox
	store  *Store
	deck   *card.Deck
	lister *card.Lister
	sight  *card.Sight
	people users.Directory
	graph  users.Graph
	signer *page.Signer
}

// NewService makes a Service.
func NewService(db *database.DB, out *outbox.Outbox, store *Store, deck *card.Deck, lister *card.Lister, sight *card.Sight,
	people users.Directory, graph users.Graph, signer *page.Signer) *Service {
	return &Service{db: db, outbox: out, store: store, deck: deck, lister: lister, sight: sight, people: people, graph: graph, signer: signer}
}

// Like makes the person like the post. Liking again changes nothing.
func (s *Service) Like(ctx context.Context, user, post uuid.UUID) error {
	seen, err := s.deck.Seen(ctx, user, post)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		isNew, err := s.store.put(ctx, likes, post, user)
		if err != nil || !isNew {
			return err
		}
		if err := s.outbox.Publish(ctx, posts.Liked{PostID: post, AuthorID: seen.AuthorID, UserID: user}); err != nil {
			return err
		}
		s.marked(ctx, user, post)
		return s.store.move(ctx, likes, post, 1)
	})
}

// Unlike takes a like back. Without one it changes nothing.
func (s *Service) Unlike(ctx context.Context, user, post uuid.UUID) error {
	seen, err := s.deck.Seen(ctx, user, post)
	if err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		was, err := s.store.take(ctx, likes, post, user)
		if err != nil || !was {
			return err
		}
		if err := s.outbox.Publish(ctx, posts.Unliked{PostID: post, AuthorID: seen.AuthorID, UserID: user}); err != nil {
			return err
		}
		s.marked(ctx, user, post)
		return s.store.move(ctx, likes, post, -1)
	})
}

// Save keeps the post for the person. Saving again changes nothing.
func (s *Service) Save(ctx context.Context, user, post uuid.UUID) error {
	if _, err := s.deck.Seen(ctx, user, post); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		isNew, err := s.store.put(ctx, saves, post, user)
		if err != nil || !isNew {
			return err
		}
		s.marked(ctx, user, post)
		return s.store.move(ctx, saves, post, 1)
	})
}

// Unsave forgets a saved post. One that was not saved is no error.
func (s *Service) Unsave(ctx context.Context, user, post uuid.UUID) error {
	if _, err := s.deck.Seen(ctx, user, post); err != nil {
		return err
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		was, err := s.store.take(ctx, saves, post, user)
		if err != nil || !was {
			return err
		}
		s.marked(ctx, user, post)
		return s.store.move(ctx, saves, post, -1)
	})
}

// marked drops what the caches know of it, once the transaction open in ctx has committed.
func (s *Service) marked(ctx context.Context, user, post uuid.UUID) {
	s.db.AfterCommit(ctx, func(ctx context.Context) { s.deck.Marked(ctx, user, post) })
}

// Saves lists what the person saved and may still see, the newest save first.
func (s *Service) Saves(ctx context.Context, user uuid.UUID, q page.Query) (page.List[card.Post], error) {
	return s.lister.Page(ctx, q, card.List{Scope: page.Scope("posts.saves", user), Viewer: user,
		From: func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
			return s.store.saved(ctx, user, after, n)
		}})
}

// Liker is a person who likes a post, as the viewer sees them.
type Liker struct {
	users.Ref
	Viewer users.Viewer `json:"viewer"`
}

// Likers lists who likes the post, newest first, without those whom the viewer should not meet. Where the author hides the
// figures, only the author reads it: others get posts.ErrCountsHidden.
func (s *Service) Likers(ctx context.Context, viewer, post uuid.UUID, q page.Query) (page.List[Liker], error) {
	var none page.List[Liker]
	content, err := s.deck.Content(ctx, viewer, post)
	if err != nil {
		return none, err
	}
	if content.CountsHidden && content.AuthorID != viewer {
		return none, posts.ErrCountsHidden
	}
	scope := page.Scope("posts.likes", viewer, post.String())
	after := Like{CreatedAt: card.Start.At, UserID: card.Start.ID}
	if _, err := s.signer.Open(scope, q.Cursor, &after); err != nil {
		return none, err
	}
	rows, err := card.Fill(after, q.Limit+1,
		func(after Like, n int) ([]Like, error) { return s.store.likes(ctx, post, after, n) },
		func(rows []Like) ([]Like, error) { return s.met(ctx, viewer, rows) })
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

// met leaves out whom the viewer should not meet.
func (s *Service) met(ctx context.Context, viewer uuid.UUID, rows []Like) ([]Like, error) {
	view, err := s.sight.Of(ctx, viewer, people(rows))
	return slices.DeleteFunc(slices.Clone(rows), func(l Like) bool { return !view.Person(l.UserID) }), err
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
