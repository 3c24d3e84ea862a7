// Package relevance asks the modules whether what notifications tell is so at this moment: whether their cause is there, and whether
// the recipient may see what they are about.
package relevance

import (
	"context"
	"errors"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/notifications/internal/notification"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/plug"
)

// Deps are the modules that are asked.
type Deps struct {
	plug.In

	Relationships users.Relationships
	Activity      posts.Activity
	Posts         posts.Reader
	Catalogue     products.Catalogue
	Orders        orders.Reader
}

// Service asks the modules. It takes a few calls, however many notifications it is asked about. Safe for concurrent use.
type Service struct{ modules Deps }

func NewService(d Deps) *Service { return &Service{modules: d} }

// Verdict is what the modules say of a notification.
type Verdict struct {
	known   bool // false: a module that could say is switched off
	caused  bool // its cause is there
	visible bool // the recipient may see what it is about, and it is worth seeing now
}

// Lost reports whether the cause is gone: both its loss and its return are events, so that may be remembered.
func (v Verdict) Lost() bool { return v.known && !v.caused }

// Holds reports whether the cause is there.
func (v Verdict) Holds() bool { return v.known && v.caused }

// Shown reports whether the notification may be shown and told.
func (v Verdict) Shown() bool { return v.Holds() && v.visible }

// Shown returns those of the notifications that may be shown now, in their order.
func (s *Service) Shown(ctx context.Context, all []notification.Notification) ([]notification.Notification, error) {
	verdicts, err := s.Judge(ctx, all)
	if err != nil {
		return nil, err
	}
	shown := make([]notification.Notification, 0, len(all))
	for i, n := range all {
		if verdicts[i].Shown() {
			shown = append(shown, n)
		}
	}
	return shown, nil
}

// Judge returns a verdict on each of the notifications, in their order.
func (s *Service) Judge(ctx context.Context, all []notification.Notification) ([]Verdict, error) {
	verdicts, err := s.Causes(ctx, all)
	if err != nil {
		return nil, err
	}
	sights, err := s.sights(ctx, all)
	if err != nil {
		return nil, err
	}
	for i, n := range all {
		verdicts[i].visible = sights.allow(n)
	}
	return verdicts, nil
}

// Causes is Judge without who may see what: the verdicts tell Lost and Holds.
func (s *Service) Causes(ctx context.Context, all []notification.Notification) ([]Verdict, error) {
	c, err := s.causes(ctx, all)
	if err != nil {
		return nil, err
	}
	verdicts := make([]Verdict, len(all))
	for i, n := range all {
		verdicts[i] = Verdict{known: !c.postsOff || n.Post() == uuid.Nil, caused: c.has(n)}
	}
	return verdicts, nil
}

// causes are what the modules say of the causes of some notifications.
type causes struct {
	relationships map[users.Pair]users.Relationship
	likes         map[posts.Like]bool
	comments      map[uuid.UUID]posts.Comment
	mentions      map[uuid.UUID][]uuid.UUID // by posts
	postsOff      bool
}

func (s *Service) causes(ctx context.Context, all []notification.Notification) (c causes, err error) {
	var (
		pairs          []users.Pair
		likes          []posts.Like
		comments, room []uuid.UUID
	)
	for _, n := range all {
		if n.ActorID != uuid.Nil {
			pairs = append(pairs, pairOf(n))
		}
		switch {
		case n.Type == notification.PostLiked:
			likes = append(likes, likeOf(n))
		case n.SubjectType == notification.SubjectComment:
			comments = append(comments, n.SubjectID)
		case n.SubjectType == notification.SubjectPost:
			room = append(room, n.SubjectID)
		}
	}
	if c.relationships, err = ask(ctx, pairs, s.modules.Relationships.Relationships); err != nil {
		return c, err
	}
	if c.likes, err = ask(ctx, likes, s.modules.Activity.Likes); err == nil {
		c.comments, err = ask(ctx, comments, s.modules.Activity.Comments)
	}
	if err == nil {
		c.mentions, err = ask(ctx, room, s.modules.Activity.Mentions)
	}
	if errors.Is(err, posts.ErrOff) {
		c.postsOff, err = true, nil
	}
	return c, err
}

// ask asks a module about things, each once, if there are any.
func ask[Q comparable, A any](ctx context.Context, about []Q, question func(context.Context, []Q) (A, error)) (answer A, err error) {
	if len(about) == 0 {
		return answer, nil
	}
	seen, once := map[Q]bool{}, about[:0:0]
	for _, q := range about {
		if !seen[q] {
			seen[q] = true
			once = append(once, q)
		}
	}
	return question(ctx, once)
}

func pairOf(n notification.Notification) users.Pair {
	return users.Pair{User: n.RecipientID, Other: n.ActorID}
}

func likeOf(n notification.Notification) posts.Like {
	return posts.Like{PostID: n.SubjectID, UserID: n.ActorID}
}

// has reports whether the cause of a notification is there: who acted is there and across no block, and the recipient had not muted
// them before they were told; and what they did is there. What nobody did stays true.
func (c causes) has(n notification.Notification) bool {
	if n.ActorID == uuid.Nil {
		return n.SubjectType != notification.SubjectUser && n.SubjectType != notification.SubjectPost && n.SubjectType != notification.SubjectComment
	}
	r := c.relationships[pairOf(n)]
	return !r.Gone && !r.Blocked && !(r.Muted && n.ToldAt == nil) && c.done(n, r)
}

// done reports whether what the actor did is there.
func (c causes) done(n notification.Notification, r users.Relationship) bool {
	comment, commented := c.comments[n.SubjectID]
	switch n.Type {
	case notification.PostLiked:
		return c.likes[likeOf(n)]
	case notification.PostCommented, notification.CommentReplied:
		return commented
	case notification.UserMentioned:
		return slices.Contains(c.mentions[n.SubjectID], n.RecipientID) || slices.Contains(comment.Mentioned, n.RecipientID)
	case notification.UserFollowed:
		return r.FollowedSince != nil
	case notification.FollowRequested:
		return n.IsEpisodeOf(r.AskedSince)
	case notification.FollowAccepted:
		return n.IsEpisodeOf(r.FollowingSince)
	default:
		return true
	}
}
