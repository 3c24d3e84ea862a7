// Package subscription turns events of other modules into notifications.
package subscription

import (
	"context"
	"slices"

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

// Service notifies people of events. What it tells is asked anew from the current state, so the order of events does not matter.
type Service struct {
	store    *notification.Store
	channels *channel.Store
	delivery *delivery.Service
	posts    posts.Reader
}

// NewService asks the reader who may see a post.
func NewService(store *notification.Store, channels *channel.Store, deliveries *delivery.Service, rooms posts.Reader) *Service {
	return &Service{store: store, channels: channels, delivery: deliveries, posts: rooms}
}

// Handlers are the module's subscriptions to what people do; alert has those to what happens to products. No other file links
// notifications to the modules that it listens to.
func Handlers(s *Service) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("notifications.post_published", s.postPublished),
		tasks.Subscriber("notifications.post_edited", s.postEdited),
		tasks.Subscriber("notifications.post_deleted", s.postDeleted),
		tasks.Subscriber("notifications.post_liked", s.postLiked),
		tasks.Subscriber("notifications.post_unliked", s.postUnliked),
		tasks.Subscriber("notifications.post_commented", s.postCommented),
		tasks.Subscriber("notifications.comment_edited", s.commentEdited),
		tasks.Subscriber("notifications.user_followed", s.userFollowed),
		tasks.Subscriber("notifications.user_unfollowed", s.userUnfollowed),
		tasks.Subscriber("notifications.follow_requested", s.followRequested),
		tasks.Subscriber("notifications.user_blocked", s.userBlocked),
		tasks.Subscriber("notifications.user_locked", func(ctx context.Context, _ uuid.UUID, e users.Locked) error {
			return s.channels.RemoveDevices(ctx, e.UserID)
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

func (s *Service) postPublished(ctx context.Context, _ uuid.UUID, e posts.Published) error {
	about := notification.Notification{Type: notification.UserMentioned, SubjectType: notification.SubjectPost, SubjectID: e.PostID, ActorID: e.AuthorID}
	return s.notifyVisible(ctx, e.Mentioned, about, e.PostID)
}

// postEdited notifies whom the post mentions now. Who was notified before is not notified again.
func (s *Service) postEdited(ctx context.Context, _ uuid.UUID, e posts.Edited) error {
	about := notification.Notification{Type: notification.UserMentioned, SubjectType: notification.SubjectPost, SubjectID: e.PostID, ActorID: e.AuthorID}
	return s.notifyVisible(ctx, e.Mentioned, about, e.PostID)
}

func (s *Service) postDeleted(ctx context.Context, _ uuid.UUID, e posts.Deleted) error {
	return s.store.RemoveAboutPost(ctx, e.PostID)
}

func (s *Service) postLiked(ctx context.Context, _ uuid.UUID, e posts.Liked) error {
	about := notification.Notification{Type: notification.PostLiked, SubjectType: notification.SubjectPost, SubjectID: e.PostID, ActorID: e.UserID}
	return s.notifyVisible(ctx, []uuid.UUID{e.AuthorID}, about, e.PostID)
}

func (s *Service) postUnliked(ctx context.Context, _ uuid.UUID, e posts.Unliked) error {
	return s.store.WithdrawUnread(ctx, e.AuthorID, notification.PostLiked, e.PostID, e.UserID)
}

// postCommented notifies the one replied to, the post's author and the people mentioned, each once.
func (s *Service) postCommented(ctx context.Context, _ uuid.UUID, e posts.Commented) error {
	about := notification.Notification{SubjectType: notification.SubjectComment, SubjectID: e.CommentID, ActorID: e.UserID, Facts: notification.Facts{PostID: &e.PostID}}
	told := map[uuid.UUID]bool{e.UserID: true, uuid.Nil: true}
	for _, audience := range []struct {
		kind   notification.Type
		people []uuid.UUID
	}{
		{notification.CommentReplied, []uuid.UUID{e.ParentUserID}},
		{notification.PostCommented, []uuid.UUID{e.AuthorID}},
		{notification.UserMentioned, e.Mentioned},
	} {
		fresh := slices.DeleteFunc(slices.Clone(audience.people), func(id uuid.UUID) bool { return told[id] })
		about.Type = audience.kind
		if err := s.notifyVisible(ctx, fresh, about, e.PostID); err != nil {
			return err
		}
		for _, id := range fresh {
			told[id] = true
		}
	}
	return nil
}

// commentEdited notifies whom the comment mentions now, unless they were notified of it in another way before.
func (s *Service) commentEdited(ctx context.Context, _ uuid.UUID, e posts.CommentEdited) error {
	fresh := make([]uuid.UUID, 0, len(e.Mentioned))
	for _, id := range e.Mentioned {
		told, err := s.store.Notified(ctx, id, e.CommentID)
		if err != nil {
			return err
		}
		if !told {
			fresh = append(fresh, id)
		}
	}
	about := notification.Notification{Type: notification.UserMentioned, SubjectType: notification.SubjectComment, SubjectID: e.CommentID, ActorID: e.UserID, Facts: notification.Facts{PostID: &e.PostID}}
	return s.notifyVisible(ctx, fresh, about, e.PostID)
}

// notifyVisible notifies those of the people who may see the post now: it may have been deleted or its audience narrowed.
func (s *Service) notifyVisible(ctx context.Context, people []uuid.UUID, about notification.Notification, post uuid.UUID) error {
	for _, id := range people {
		visible, err := s.posts.Visible(ctx, id, []uuid.UUID{post})
		if err != nil {
			return err
		}
		if _, ok := visible[post]; !ok {
			continue
		}
		about.RecipientID = id
		if err := s.delivery.Notify(ctx, about); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) userFollowed(ctx context.Context, _ uuid.UUID, e users.Followed) error {
	if err := s.store.WithdrawUnread(ctx, e.Followee, notification.FollowRequested, e.Follower, e.Follower); err != nil {
		return err
	}
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: e.Followee, Type: notification.UserFollowed, SubjectType: notification.SubjectUser, SubjectID: e.Follower, ActorID: e.Follower})
}

func (s *Service) userUnfollowed(ctx context.Context, _ uuid.UUID, e users.Unfollowed) error {
	return s.store.WithdrawUnread(ctx, e.Followee, notification.UserFollowed, e.Follower, e.Follower)
}

func (s *Service) followRequested(ctx context.Context, _ uuid.UUID, e users.FollowRequested) error {
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: e.Followee, Type: notification.FollowRequested, SubjectType: notification.SubjectUser, SubjectID: e.Follower, ActorID: e.Follower})
}

func (s *Service) userBlocked(ctx context.Context, _ uuid.UUID, e users.Blocked) error {
	return s.store.RemoveBetween(ctx, e.Blocker, e.Blocked)
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
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: e.UserID, Type: notification.NewDevice, SubjectType: notification.SubjectSession, SubjectID: e.SessionID})
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
	return s.delivery.Notify(ctx, notification.Notification{RecipientID: e.UserID, Type: notification.SessionRevoked, SubjectType: notification.SubjectSession, SubjectID: e.SessionID})
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
	return notification.Notification{RecipientID: e.UserID, Type: kind, SubjectType: notification.SubjectOrder, SubjectID: e.OrderID, Facts: notification.Facts{OrderNumber: e.Number}}
}
