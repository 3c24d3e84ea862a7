// Package subscription turns events of other modules into notifications.
package subscription

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/delivery"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/money"
	"atrium/platform/tasks"
)

// Service notifies people of events. An event says where to look: what is told is asked anew from the current state, so the order of
// events does not matter.
type Service struct {
	store         *notification.Store
	channels      *channel.Store
	delivery      *delivery.Service
	activity      posts.Activity
	relationships users.Relationships
}

// NewService asks posts and users what is so now.
func NewService(store *notification.Store, channels *channel.Store, deliveries *delivery.Service, activity posts.Activity,
	relationships users.Relationships) *Service {
	return &Service{store: store, channels: channels, delivery: deliveries, activity: activity, relationships: relationships}
}

// Handlers are the module's subscriptions to what people do; alert has those to what happens to products. No other file links
// notifications to the modules that it listens to.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("notifications.post_published", func(ctx context.Context, _ uuid.UUID, e posts.Published) error {
			return s.mentions(ctx, e.PostID, e.AuthorID)
		}),
		tasks.Subscriber("notifications.post_edited", s.postEdited),
		tasks.Subscriber("notifications.post_deleted", func(ctx context.Context, _ uuid.UUID, e posts.Deleted) error {
			return s.delivery.Recheck(ctx, notification.Scope{Post: e.PostID})
		}),
		tasks.Subscriber("notifications.post_restored", s.postRestored),
		tasks.BatchSubscriber("notifications.post_liked", s.postsLiked),
		tasks.Subscriber("notifications.post_unliked", func(ctx context.Context, _ uuid.UUID, e posts.Unliked) error {
			return s.delivery.Recheck(ctx, notification.Scope{Type: notification.PostLiked, Subject: e.PostID, Actor: e.UserID})
		}),
		tasks.BatchSubscriber("notifications.post_commented", s.commented),
		tasks.Subscriber("notifications.comment_edited", s.commentEdited),
		tasks.Subscriber("notifications.comment_deleted", func(ctx context.Context, _ uuid.UUID, e posts.CommentDeleted) error {
			return s.delivery.Recheck(ctx, notification.Scope{Subject: e.CommentID})
		}),
		tasks.Subscriber("notifications.user_followed", s.userFollowed),
		tasks.Subscriber("notifications.user_unfollowed", func(ctx context.Context, _ uuid.UUID, e users.Unfollowed) error {
			return s.recheckFollows(ctx, e.Follower, e.Followee)
		}),
		tasks.Subscriber("notifications.follow_requested", s.followRequested),
		tasks.Subscriber("notifications.follow_request_ended", func(ctx context.Context, _ uuid.UUID, e users.FollowRequestEnded) error {
			return s.recheckFollows(ctx, e.Follower, e.Followee)
		}),
		tasks.Subscriber("notifications.user_blocked", func(ctx context.Context, _ uuid.UUID, e users.Blocked) error {
			return s.delivery.Recheck(ctx, notification.Scope{Pair: [2]uuid.UUID{e.Blocker, e.Blocked}})
		}),
		tasks.Subscriber("notifications.user_unblocked", func(ctx context.Context, _ uuid.UUID, e users.Unblocked) error {
			return s.delivery.Recheck(ctx, notification.Scope{Pair: [2]uuid.UUID{e.Blocker, e.Unblocked}})
		}),
		tasks.Subscriber("notifications.user_locked", s.userLocked),
		tasks.Subscriber("notifications.user_returned", func(ctx context.Context, _ uuid.UUID, e users.Returned) error {
			return s.delivery.Recheck(ctx, notification.Scope{Actor: e.UserID})
		}),
		tasks.Subscriber("notifications.user_deleted", s.userDeleted, tasks.Lasting()),
		tasks.Subscriber("notifications.signed_in", s.signedIn),
		tasks.Subscriber("notifications.session_revoked", s.sessionRevoked),
		tasks.Subscriber("notifications.order_paid", func(ctx context.Context, _ uuid.UUID, e orders.Paid) error {
			return s.orderMoved(ctx, notification.OrderPaid, e.Moved)
		}),
		tasks.Subscriber("notifications.order_shipped", s.orderShipped),
		tasks.Subscriber("notifications.order_delivered", func(ctx context.Context, _ uuid.UUID, e orders.Delivered) error {
			return s.orderMoved(ctx, notification.OrderDelivered, e.Moved)
		}),
		tasks.Subscriber("notifications.order_cancelled", func(ctx context.Context, _ uuid.UUID, e orders.Cancelled) error {
			return s.orderMoved(ctx, notification.OrderCancelled, e.Moved)
		}),
		tasks.Subscriber("notifications.order_expired", func(ctx context.Context, _ uuid.UUID, e orders.Expired) error {
			return s.orderMoved(ctx, notification.OrderExpired, e.Moved)
		}),
		tasks.Subscriber("notifications.order_refunded", s.orderRefunded),
	}
}

// mentions notifies whom a post mentions now. Who was notified before is not notified again.
func (s *Service) mentions(ctx context.Context, post, author uuid.UUID) error {
	mentioned, err := s.activity.Mentions(ctx, []uuid.UUID{post})
	if err != nil {
		return err
	}
	about := notification.Notification{Type: notification.UserMentioned, SubjectType: notification.SubjectPost, SubjectID: post, ActorID: author}
	return s.delivery.Notify(ctx, each(mentioned[post], about)...)
}

// each addresses a notification to people.
func each(people []uuid.UUID, about notification.Notification) []notification.Notification {
	all := make([]notification.Notification, len(people))
	for i, id := range people {
		all[i] = about
		all[i].RecipientID = id
	}
	return all
}

// postEdited withdraws what those heard whom the post mentions no longer, and notifies whom it mentions now.
func (s *Service) postEdited(ctx context.Context, _ uuid.UUID, e posts.Edited) error {
	if err := s.delivery.Recheck(ctx, notification.Scope{Type: notification.UserMentioned, Subject: e.PostID}); err != nil {
		return err
	}
	return s.mentions(ctx, e.PostID, e.AuthorID)
}

func (s *Service) postRestored(ctx context.Context, _ uuid.UUID, e posts.Restored) error {
	if err := s.delivery.Recheck(ctx, notification.Scope{Post: e.PostID}); err != nil {
		return err
	}
	return s.mentions(ctx, e.PostID, e.AuthorID)
}

func (s *Service) postsLiked(ctx context.Context, events []posts.Liked) error {
	all := make([]notification.Notification, len(events))
	for i, e := range events {
		all[i] = notification.Notification{RecipientID: e.AuthorID, Type: notification.PostLiked,
			SubjectType: notification.SubjectPost, SubjectID: e.PostID, ActorID: e.UserID}
	}
	return s.delivery.Notify(ctx, all...)
}

func (s *Service) commented(ctx context.Context, events []posts.Commented) error {
	ids := make([]uuid.UUID, len(events))
	for i, e := range events {
		ids[i] = e.CommentID
	}
	return s.comments(ctx, ids)
}

// commentEdited withdraws what those heard whom the comment does not concern any more, and notifies whom it concerns now.
func (s *Service) commentEdited(ctx context.Context, _ uuid.UUID, e posts.CommentEdited) error {
	if err := s.delivery.Recheck(ctx, notification.Scope{Subject: e.CommentID}); err != nil {
		return err
	}
	return s.comments(ctx, []uuid.UUID{e.CommentID})
}

// comments notifies the one replied to, the post's author and the people mentioned, each once, of comments as they are now.
func (s *Service) comments(ctx context.Context, ids []uuid.UUID) error {
	found, err := s.activity.Comments(ctx, ids)
	if err != nil {
		return err
	}
	var all []notification.Notification
	for _, id := range ids {
		if c, there := found[id]; there {
			all = append(all, audience(c)...)
		}
	}
	return s.delivery.Notify(ctx, all...)
}

// audience are the notifications of a comment: one for each whom it concerns, whatever the number of reasons.
func audience(c posts.Comment) []notification.Notification {
	about := notification.Notification{SubjectType: notification.SubjectComment, SubjectID: c.ID, ActorID: c.AuthorID, Facts: notification.Facts{PostID: &c.PostID}}
	var all []notification.Notification
	concerned := map[uuid.UUID]bool{c.AuthorID: true, uuid.Nil: true}
	add := func(kind notification.Type, people ...uuid.UUID) {
		for _, id := range people {
			if !concerned[id] {
				concerned[id] = true
				about.Type, about.RecipientID = kind, id
				all = append(all, about)
			}
		}
	}
	add(notification.CommentReplied, c.ParentAuthorID)
	add(notification.PostCommented, c.PostAuthorID)
	add(notification.UserMentioned, c.Mentioned...)
	return all
}

// userFollowed notifies the one who is followed; one who accepted it knows, and has it in the list alone. Who was accepted hears so.
func (s *Service) userFollowed(ctx context.Context, _ uuid.UUID, e users.Followed) error {
	if err := s.recheckFollows(ctx, e.Follower, e.Followee); err != nil {
		return err
	}
	followed := notification.Notification{RecipientID: e.Followee, Type: notification.UserFollowed, SubjectType: notification.SubjectUser,
		SubjectID: e.Follower, ActorID: e.Follower}
	if !e.Accepted {
		return s.delivery.Notify(ctx, followed)
	}
	if err := s.delivery.NotifyInApp(ctx, followed); err != nil {
		return err
	}
	r, err := s.relationship(ctx, e.Follower, e.Followee)
	if err != nil {
		return err
	}
	return s.notifyEpisode(ctx, notification.FollowAccepted, e.Follower, e.Followee, r.FollowingSince)
}

func (s *Service) followRequested(ctx context.Context, _ uuid.UUID, e users.FollowRequested) error {
	if err := s.recheckFollows(ctx, e.Follower, e.Followee); err != nil {
		return err
	}
	r, err := s.relationship(ctx, e.Followee, e.Follower)
	if err != nil {
		return err
	}
	return s.notifyEpisode(ctx, notification.FollowRequested, e.Followee, e.Follower, r.AskedSince)
}

// notifyEpisode notifies a person of what has begun between them and another one at a moment (nil: it is over).
func (s *Service) notifyEpisode(ctx context.Context, kind notification.Type, recipient, actor uuid.UUID, since *time.Time) error {
	if since == nil {
		return nil
	}
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: recipient, Type: kind, SubjectType: notification.SubjectUser,
		SubjectID: actor, ActorID: actor, CauseID: notification.EpisodeID(*since)})
}

func (s *Service) relationship(ctx context.Context, user, other uuid.UUID) (users.Relationship, error) {
	pair := users.Pair{User: user, Other: other}
	found, err := s.relationships.Relationships(ctx, []users.Pair{pair})
	return found[pair], err
}

// recheckFollows asks what two people heard of following each other.
func (s *Service) recheckFollows(ctx context.Context, a, b uuid.UUID) error {
	return s.delivery.Recheck(ctx, notification.Scope{Pair: [2]uuid.UUID{a, b}, Kind: notification.SubjectUser})
}

// userLocked stops pushes to a locked account, and withdraws what it caused until it returns.
func (s *Service) userLocked(ctx context.Context, _ uuid.UUID, e users.Locked) error {
	if err := s.channels.RemoveDevices(ctx, e.UserID); err != nil {
		return err
	}
	return s.delivery.Recheck(ctx, notification.Scope{Actor: e.UserID})
}

func (s *Service) userDeleted(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
	if err := s.store.RemovePerson(ctx, e.UserID); err != nil {
		return err
	}
	return s.channels.RemovePerson(ctx, e.UserID)
}

func (s *Service) signedIn(ctx context.Context, _ uuid.UUID, e auth.SignedIn) error {
	if !e.NewDevice {
		return nil
	}
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: e.UserID, Type: notification.NewDevice,
		SubjectType: notification.SubjectSession, SubjectID: e.SessionID})
}

// sessionRevoked stops pushes to that device, and notifies the person where a refresh token was reused.
func (s *Service) sessionRevoked(ctx context.Context, _ uuid.UUID, e auth.SessionRevoked) error {
	if e.InstallationID != "" {
		if err := s.channels.RemoveDevice(ctx, e.UserID, e.InstallationID); err != nil {
			return err
		}
	}
	if e.Reason != auth.ReasonReuse {
		return nil
	}
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: e.UserID, Type: notification.SessionRevoked,
		SubjectType: notification.SubjectSession, SubjectID: e.SessionID})
}

func (s *Service) orderMoved(ctx context.Context, kind notification.Type, e orders.Moved) error {
	return s.delivery.Notify(ctx, aboutOrder(kind, e))
}

// orderShipped notifies of each parcel: an order can have several.
func (s *Service) orderShipped(ctx context.Context, event uuid.UUID, e orders.Shipped) error {
	n := aboutOrder(notification.OrderShipped, e.Moved)
	n.CauseID, n.Facts.Carrier, n.Facts.TrackingNumber = event, e.Carrier, e.TrackingNumber
	return s.delivery.Notify(ctx, n)
}

// orderRefunded notifies of each refund: an order can have several.
func (s *Service) orderRefunded(ctx context.Context, _ uuid.UUID, e orders.Refunded) error {
	n := aboutOrder(notification.OrderRefunded, e.Moved)
	n.CauseID, n.Facts.Amount = e.RefundID, money.Of(e.Amount, e.Currency).String()
	return s.delivery.Notify(ctx, n)
}

func aboutOrder(kind notification.Type, e orders.Moved) notification.Notification {
	return notification.Notification{RecipientID: e.UserID, Type: kind, SubjectType: notification.SubjectOrder, SubjectID: e.OrderID,
		Facts: notification.Facts{OrderNumber: e.Number}}
}
