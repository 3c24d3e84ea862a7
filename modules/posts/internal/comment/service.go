package comment

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/posts/internal/words"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/idempotency"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// Service is what can be done with comments.
type Service struct {
	cfg    posts.Config
	db     *database.DB
	outbox *outbox.Outbox
	store  *Store
	deck   *card.Deck
	sight  *card.Sight
	people users.Directory
	signer *page.Signer
}

// NewService makes a Service.
func NewService(cfg posts.Config, db *database.DB, out *outbox.Outbox, store *Store, deck *card.Deck, sight *card.Sight,
	people users.Directory, signer *page.Signer) *Service {
	return &Service{cfg: cfg, db: db, outbox: out, store: store, deck: deck, sight: sight, people: people, signer: signer}
}

// Create writes a comment below a post that the writer may see, or a reply to a comment there.
func (s *Service) Create(ctx context.Context, writer, post uuid.UUID, text string, parent *uuid.UUID) (Comment, error) {
	if made, ok := idempotency.Attached(ctx); ok {
		return s.store.Find(ctx, made)
	}
	if err := s.people.RequireConsents(ctx, writer); err != nil {
		return Comment{}, err
	}
	seen, err := s.deck.Seen(ctx, writer, post)
	if err != nil {
		return Comment{}, err
	}
	if text, err = tidy(text); err != nil {
		return Comment{}, err
	}
	event := posts.Commented{CommentID: uuid.Must(uuid.NewV7()), PostID: post, AuthorID: seen.AuthorID, UserID: writer}
	if event.ParentUserID, err = s.repliedTo(ctx, writer, post, parent); err != nil {
		return Comment{}, err
	}
	if event.Mentioned, err = words.Mentioned(ctx, s.people, writer, text); err != nil {
		return Comment{}, err
	}
	var c Comment
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		c = Comment{ID: event.CommentID, PostID: post, AuthorID: writer, ParentID: parent, Text: text}
		if err := s.store.Insert(ctx, &c); err != nil {
			return err
		}
		if err := idempotency.Attach(ctx, c.ID); err != nil {
			return err
		}
		if err := s.outbox.Publish(ctx, event); err != nil {
			return err
		}
		return s.store.Move(ctx, post, 1)
	})
	return c, err
}

// repliedTo returns who wrote the parent (uuid.Nil without one), or posts.ErrInvalid where it cannot be replied to.
func (s *Service) repliedTo(ctx context.Context, writer, post uuid.UUID, parent *uuid.UUID) (uuid.UUID, error) {
	if parent == nil {
		return uuid.Nil, nil
	}
	absent := posts.ErrInvalid.At("/body/parent_id", "there is no such comment")
	c, err := s.store.Find(ctx, *parent)
	if errors.Is(err, posts.ErrCommentNotFound) || err == nil && c.PostID != post {
		return uuid.Nil, absent
	}
	if err != nil {
		return uuid.Nil, err
	}
	view, err := s.sight.Of(ctx, writer, []uuid.UUID{c.AuthorID})
	if err != nil {
		return uuid.Nil, err
	}
	if !view.Person(c.AuthorID) {
		return uuid.Nil, absent
	}
	if c.ParentID != nil {
		return uuid.Nil, posts.ErrInvalid.At("/body/parent_id", "is a reply itself: reply to the comment above it")
	}
	return c.AuthorID, nil
}

// List pages through the comments of a post, oldest first, without those of people whom the viewer should not meet and the replies to them.
func (s *Service) List(ctx context.Context, viewer, post uuid.UUID, q page.Query) (page.List[Shown], error) {
	var none page.List[Shown]
	if _, err := s.deck.Seen(ctx, viewer, post); err != nil {
		return none, err
	}
	scope := page.Scope("posts.comments", viewer, post.String())
	var from spot
	if _, err := s.signer.Open(scope, q.Cursor, &from); err != nil {
		return none, err
	}
	rows, err := card.Fill(Comment{CreatedAt: from.At, ID: from.ID}, q.Limit+1,
		func(after Comment, n int) ([]Comment, error) { return s.store.Below(ctx, post, after, n) },
		func(rows []Comment) ([]Comment, error) { return s.met(ctx, viewer, rows) })
	if err != nil {
		return none, err
	}
	refs, err := s.people.Refs(ctx, writers(rows))
	if err != nil {
		return none, err
	}
	list := page.Cut(s.signer, scope, q.Limit, rows,
		func(c Comment) Shown { return toShown(c, refs) },
		func(c Comment) any { return spot{At: c.CreatedAt, ID: c.ID} })
	list.Items = slices.DeleteFunc(list.Items, func(c Shown) bool { return !c.Deleted && c.Author == nil })
	return list, nil
}

// met leaves out what the viewer should not meet. A deleted comment has no writer any more.
func (s *Service) met(ctx context.Context, viewer uuid.UUID, rows []Comment) ([]Comment, error) {
	view, err := s.sight.Of(ctx, viewer, writers(rows))
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(slices.Clone(rows), func(c Comment) bool {
		return c.DeletedAt == nil && !view.Person(c.AuthorID) || c.ParentAuthorID != nil && !view.Person(*c.ParentAuthorID)
	}), nil
}

// Edit changes the writer's own comment while it is young: posts.ErrEditClosed afterwards.
func (s *Service) Edit(ctx context.Context, writer, id uuid.UUID, text string) (Comment, error) {
	c, err := s.store.Find(ctx, id)
	if err != nil {
		return Comment{}, err
	}
	if c.AuthorID != writer {
		return Comment{}, posts.ErrCommentNotFound
	}
	if _, err := s.deck.Seen(ctx, writer, c.PostID); err != nil {
		return Comment{}, hide(err)
	}
	if text, err = tidy(text); err != nil {
		return Comment{}, err
	}
	if err := s.store.Edit(ctx, id, text, s.cfg.CommentWindow); err != nil {
		return Comment{}, err
	}
	return s.store.Find(ctx, id)
}

// Delete takes a comment away: its writer's right, and that of the post's author.
func (s *Service) Delete(ctx context.Context, user, id uuid.UUID) error {
	c, err := s.store.Find(ctx, id)
	if err != nil {
		return err
	}
	seen, err := s.deck.Seen(ctx, user, c.PostID)
	if err != nil {
		return hide(err)
	}
	if user != c.AuthorID && user != seen.AuthorID {
		return posts.ErrCommentNotFound
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Delete(ctx, id); err != nil {
			return err
		}
		return s.store.Move(ctx, c.PostID, -1)
	})
}

// Show returns the comment as clients see it.
func (s *Service) Show(ctx context.Context, c Comment) (Shown, error) {
	refs, err := s.people.Refs(ctx, []uuid.UUID{c.AuthorID})
	return toShown(c, refs), err
}

// hide says of a comment below a hidden post what is said of one that does not exist.
func hide(err error) error {
	if errors.Is(err, posts.ErrNotFound) {
		return posts.ErrCommentNotFound
	}
	return err
}
