package comment

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/visibility"
	"atrium/modules/posts/internal/words"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/idempotency"
	"atrium/platform/identity"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/text"
)

// Service is what can be done with comments.
type Service struct {
	cfg      posts.Config
	db       *database.DB
	outbox   *outbox.Outbox
	store    *Store
	contents *content.Cache
	policy   *visibility.Policy
	people   users.Directory
	signer   *page.Signer
}

func NewService(cfg posts.Config, db *database.DB, out *outbox.Outbox, store *Store, contents *content.Cache, policy *visibility.Policy,
	people users.Directory, signer *page.Signer) *Service {
	return &Service{cfg: cfg, db: db, outbox: out, store: store, contents: contents, policy: policy, people: people, signer: signer}
}

// Create writes a comment below a post that the writer may see, or a reply to a comment there.
func (s *Service) Create(ctx context.Context, writer, post uuid.UUID, written string, parent *uuid.UUID) (Comment, error) {
	if made, ok := idempotency.Attached(ctx); ok {
		return s.store.Find(ctx, made)
	}
	if err := s.people.RequireConsents(ctx, writer); err != nil {
		return Comment{}, err
	}
	content, err := s.contents.Find(ctx, writer, post)
	if err != nil {
		return Comment{}, err
	}
	if written, err = clean(written); err != nil {
		return Comment{}, err
	}
	if err := s.welcome(ctx, writer, content, written); err != nil {
		return Comment{}, err
	}
	event := posts.Commented{CommentID: uuid.Must(uuid.NewV7()), PostID: post, AuthorID: content.AuthorID, UserID: writer}
	if event.ParentUserID, err = s.repliedTo(ctx, writer, post, parent); err != nil {
		return Comment{}, err
	}
	if event.Mentioned, err = words.Mentioned(ctx, s.people, writer, written); err != nil {
		return Comment{}, err
	}
	var c Comment
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		c = Comment{ID: event.CommentID, PostID: post, AuthorID: writer, ParentID: parent, Text: written}
		if err := s.store.Insert(ctx, &c); err != nil {
			return err
		}
		if err := idempotency.Attach(ctx, c.ID); err != nil {
			return err
		}
		if err := s.outbox.Publish(ctx, event); err != nil {
			return err
		}
		s.contents.DropFigures(ctx, post)
		return s.store.Move(ctx, post, 1)
	})
	return c, err
}

// welcome returns posts.ErrCommentsClosed or posts.ErrCommentRefused where the post's author does not take this comment.
func (s *Service) welcome(ctx context.Context, writer uuid.UUID, post *content.Content, written string) error {
	if writer == post.AuthorID {
		return nil
	}
	switch post.CommentPolicy {
	case posts.CommentsOff:
		return posts.ErrCommentsClosed
	case posts.CommentsFollowers:
		relations, err := s.policy.Relations(ctx, writer, []uuid.UUID{post.AuthorID})
		if err != nil {
			return err
		}
		if !relations.Follows(post.AuthorID) {
			return posts.ErrCommentsClosed
		}
	}
	filter, err := s.store.Filter(ctx, post.AuthorID)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(filter, text.NewMatcher(written).Contains) {
		return posts.ErrCommentRefused.At("/body/text", "the author does not take it")
	}
	return nil
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
	relations, err := s.policy.Relations(ctx, writer, []uuid.UUID{c.AuthorID})
	if err != nil {
		return uuid.Nil, err
	}
	if !relations.CanSeePerson(c.AuthorID) {
		return uuid.Nil, absent
	}
	if c.ParentID != nil {
		return uuid.Nil, posts.ErrInvalid.At("/body/parent_id", "is a reply itself: reply to the comment above it")
	}
	return c.AuthorID, nil
}

// List pages through the comments of a post, oldest first. Of a comment by somebody whom the viewer should not meet its place is left, as
// of a deleted one, where others have replied to it. The comment that the author pinned leads the first page instead of standing in its place.
func (s *Service) List(ctx context.Context, viewer, post uuid.UUID, q page.Query) (page.List[Shown], error) {
	var none page.List[Shown]
	if _, err := s.contents.Find(ctx, viewer, post); err != nil {
		return none, err
	}
	scope := page.Scope("posts.comments", viewer, post.String())
	var from spot
	later, err := s.signer.OpenCursor(scope, q.Cursor, &from)
	if err != nil {
		return none, err
	}
	var rows []Comment
	if !later {
		if rows, err = s.leading(ctx, viewer, post); err != nil {
			return none, err
		}
	}
	rest, err := page.Fill(Comment{CreatedAt: from.At, ID: from.ID}, q.Limit+1-len(rows),
		func(after Comment, n int) ([]Comment, error) { return s.store.Below(ctx, post, after, n) },
		func(rows []Comment) ([]Comment, error) { return s.withoutBlocked(ctx, viewer, rows) })
	if err != nil {
		return none, err
	}
	rows = append(rows, rest...)
	refs, err := s.people.Refs(ctx, writers(rows))
	if err != nil {
		return none, err
	}
	return page.Cut(s.signer, scope, q.Limit, rows,
		func(c Comment) Shown { return toShown(c, refs) },
		func(c Comment) any { return c.spot() }), nil
}

// Read returns a comment below a post that the viewer may see, as the list has it: its place where it is hidden and others have replied to
// it. posts.ErrCommentNotFound otherwise.
func (s *Service) Read(ctx context.Context, viewer, id uuid.UUID) (Comment, error) {
	c, err := s.store.Find(ctx, id)
	if err != nil {
		return Comment{}, err
	}
	if _, err := s.contents.Find(ctx, viewer, c.PostID); err != nil {
		return Comment{}, hide(err)
	}
	met, err := s.withoutBlocked(ctx, viewer, []Comment{c})
	if err != nil {
		return Comment{}, err
	}
	if len(met) == 0 {
		return Comment{}, posts.ErrCommentNotFound
	}
	return met[0], nil
}

// leading returns the pinned comment, if there is one that the viewer meets, or its place.
func (s *Service) leading(ctx context.Context, viewer, post uuid.UUID) ([]Comment, error) {
	rows, err := s.store.Pinned(ctx, post)
	if err != nil {
		return nil, err
	}
	return s.withoutBlocked(ctx, viewer, rows)
}

// withoutBlocked hides the comments of people whom the viewer may not come across: across a block, or where an account is locked. Where
// somebody else has replied, a hidden comment's place stays, as that of a deleted one; otherwise nothing is left of either.
func (s *Service) withoutBlocked(ctx context.Context, viewer uuid.UUID, rows []Comment) ([]Comment, error) {
	relations, err := s.policy.Relations(ctx, viewer, writers(rows))
	if err != nil {
		return nil, err
	}
	var hidden []uuid.UUID
	for _, c := range rows {
		if c.ParentID == nil && (c.DeletedAt != nil || !relations.CanSeePerson(c.AuthorID)) {
			hidden = append(hidden, c.ID)
		}
	}
	answered, err := s.answered(ctx, viewer, hidden)
	if err != nil {
		return nil, err
	}
	kept := make([]Comment, 0, len(rows))
	for _, c := range rows {
		if c.DeletedAt == nil && relations.CanSeePerson(c.AuthorID) {
			kept = append(kept, c)
		} else if answered[c.ID] {
			c.Hidden = true
			kept = append(kept, c)
		}
	}
	return kept, nil
}

// answered tells which of the comments have replies by people whom the viewer may come across.
func (s *Service) answered(ctx context.Context, viewer uuid.UUID, comments []uuid.UUID) (map[uuid.UUID]bool, error) {
	if len(comments) == 0 {
		return nil, nil
	}
	rows, err := s.store.Repliers(ctx, comments)
	if err != nil {
		return nil, err
	}
	people := make([]uuid.UUID, len(rows))
	for i, r := range rows {
		people[i] = r.AuthorID
	}
	relations, err := s.policy.Relations(ctx, viewer, people)
	answered := map[uuid.UUID]bool{}
	for _, r := range rows {
		answered[r.ParentID] = answered[r.ParentID] || relations.CanSeePerson(r.AuthorID)
	}
	return answered, err
}

// Edit changes the writer's own comment while it is young: posts.ErrEditClosed afterwards. The same text changes nothing.
func (s *Service) Edit(ctx context.Context, writer, id uuid.UUID, written string) (Comment, error) {
	c, err := s.store.Find(ctx, id)
	if err != nil {
		return Comment{}, err
	}
	if c.AuthorID != writer {
		return Comment{}, posts.ErrCommentNotFound
	}
	content, err := s.contents.Find(ctx, writer, c.PostID)
	if err != nil {
		return Comment{}, hide(err)
	}
	if written, err = clean(written); err != nil {
		return Comment{}, err
	}
	if err := s.welcome(ctx, writer, content, written); err != nil {
		return Comment{}, err
	}
	event := posts.CommentEdited{CommentID: id, PostID: c.PostID, UserID: writer}
	if event.Mentioned, err = words.Mentioned(ctx, s.people, writer, written); err != nil {
		return Comment{}, err
	}
	err = s.db.InTx(ctx, func(ctx context.Context) error {
		changed, err := s.store.Edit(ctx, id, written, s.cfg.CommentWindow)
		if err != nil || !changed {
			return err
		}
		return s.outbox.Publish(ctx, event)
	})
	if err != nil {
		return Comment{}, err
	}
	return s.store.Find(ctx, id)
}

// Delete takes a comment away: the right of its writer, who may not see the post any more, of the post's author, and of moderators,
// whatever they see as persons.
func (s *Service) Delete(ctx context.Context, who identity.Principal, id uuid.UUID) error {
	c, err := s.store.Find(ctx, id)
	if err != nil {
		return err
	}
	if who.UserID != c.AuthorID && !who.Has(identity.RoleModerator, identity.RoleAdmin) {
		if _, err := s.ofOwnPost(ctx, who.UserID, id); err != nil {
			return err
		}
	}
	return s.db.InTx(ctx, func(ctx context.Context) error {
		if err := s.store.Delete(ctx, id); err != nil {
			return err
		}
		if err := s.store.Unpin(ctx, c.PostID, id); err != nil {
			return err
		}
		if err := s.outbox.Publish(ctx, posts.CommentDeleted{CommentID: id, PostID: c.PostID, UserID: c.AuthorID}); err != nil {
			return err
		}
		s.contents.DropFigures(ctx, c.PostID)
		return s.store.Move(ctx, c.PostID, -1)
	})
}

// Pin lets a comment lead those of its post, instead of the one that did. Only the post's author may, and only a comment that is no
// reply: else posts.ErrCommentNotFound.
func (s *Service) Pin(ctx context.Context, author, id uuid.UUID) error {
	c, err := s.ofOwnPost(ctx, author, id)
	if err != nil {
		return err
	}
	if c.ParentID != nil {
		return posts.ErrCommentNotFound
	}
	return s.store.Pin(ctx, c.PostID, id)
}

// Unpin puts a comment back in its place. One that is not pinned is no error.
func (s *Service) Unpin(ctx context.Context, author, id uuid.UUID) error {
	c, err := s.ofOwnPost(ctx, author, id)
	if err != nil {
		return err
	}
	return s.store.Unpin(ctx, c.PostID, id)
}

// ofOwnPost returns a comment below a post of the author, or posts.ErrCommentNotFound.
func (s *Service) ofOwnPost(ctx context.Context, author, id uuid.UUID) (Comment, error) {
	c, err := s.store.Find(ctx, id)
	if err != nil {
		return Comment{}, err
	}
	seen, err := s.contents.Find(ctx, author, c.PostID)
	if err != nil {
		return Comment{}, hide(err)
	}
	if seen.AuthorID != author {
		return Comment{}, posts.ErrCommentNotFound
	}
	return c, nil
}

// Filter returns the words that the author does not want below their posts.
func (s *Service) Filter(ctx context.Context, author uuid.UUID) ([]string, error) {
	return s.store.Filter(ctx, author)
}

// SetFilter replaces them. Comments that are there already stay.
func (s *Service) SetFilter(ctx context.Context, author uuid.UUID, list []string) ([]string, error) {
	tidied, err := cleanFilter(list)
	if err != nil {
		return nil, err
	}
	return tidied, s.store.SetFilter(ctx, author, tidied)
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
