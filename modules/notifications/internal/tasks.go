package internal

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/auth"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/money"
	"atrium/platform/tasks"
)

// Handlers are everything the module listens to, and its own tasks. This is the one place that links it to the others.
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
			return s.store.RemoveDevices(ctx, e.UserID)
		}),
		tasks.Subscriber("notifications.user_deleted", s.userDeleted, tasks.Lasting()),
		tasks.Subscriber("notifications.signed_in", s.signedIn),
		tasks.Subscriber("notifications.session_revoked", s.sessionRevoked),
		tasks.Subscriber("notifications.order_paid", func(ctx context.Context, _ uuid.UUID, e orders.Paid) error {
			return s.orderMoved(ctx, OrderPaid, e.Moved)
		}),
		tasks.Subscriber("notifications.order_shipped", s.orderShipped),
		tasks.Subscriber("notifications.order_delivered", func(ctx context.Context, _ uuid.UUID, e orders.Delivered) error {
			return s.orderMoved(ctx, OrderDelivered, e.Moved)
		}),
		tasks.Subscriber("notifications.order_cancelled", func(ctx context.Context, _ uuid.UUID, e orders.Cancelled) error {
			return s.orderMoved(ctx, OrderCancelled, e.Moved)
		}),
		tasks.Subscriber("notifications.order_expired", func(ctx context.Context, _ uuid.UUID, e orders.Expired) error {
			return s.orderMoved(ctx, OrderExpired, e.Moved)
		}),
		tasks.Subscriber("notifications.order_refunded", s.orderRefunded),
		tasks.Subscriber("notifications.product_repriced", s.repriced),
		tasks.Subscriber("notifications.product_back_in_stock", s.backInStock),
		tasks.Job(s.Alert),
		tasks.Job(s.SendPush),
		tasks.Job(s.SendMail),
	}
}

func (s *Service) postPublished(ctx context.Context, _ uuid.UUID, e posts.Published) error {
	about := Notification{Type: UserMentioned, SubjectType: SubjectPost, SubjectID: e.PostID, ActorID: e.AuthorID}
	return s.tell(ctx, e.Mentioned, about, e.PostID)
}

// postEdited tells whom the post names now. Who was told before is not told again.
func (s *Service) postEdited(ctx context.Context, _ uuid.UUID, e posts.Edited) error {
	about := Notification{Type: UserMentioned, SubjectType: SubjectPost, SubjectID: e.PostID, ActorID: e.AuthorID}
	return s.tell(ctx, e.Mentioned, about, e.PostID)
}

func (s *Service) postDeleted(ctx context.Context, _ uuid.UUID, e posts.Deleted) error {
	return s.store.RemoveAboutPost(ctx, e.PostID)
}

func (s *Service) postLiked(ctx context.Context, _ uuid.UUID, e posts.Liked) error {
	about := Notification{Type: PostLiked, SubjectType: SubjectPost, SubjectID: e.PostID, ActorID: e.UserID}
	return s.tell(ctx, []uuid.UUID{e.AuthorID}, about, e.PostID)
}

func (s *Service) postUnliked(ctx context.Context, _ uuid.UUID, e posts.Unliked) error {
	return s.store.WithdrawUnread(ctx, e.AuthorID, PostLiked, e.PostID, e.UserID)
}

// postCommented tells the one replied to, the post's author and the people mentioned; nobody hears of one comment twice.
func (s *Service) postCommented(ctx context.Context, _ uuid.UUID, e posts.Commented) error {
	about := Notification{SubjectType: SubjectComment, SubjectID: e.CommentID, ActorID: e.UserID, Facts: Facts{PostID: &e.PostID}}
	told := map[uuid.UUID]bool{e.UserID: true, uuid.Nil: true}
	for _, audience := range []struct {
		kind   string
		people []uuid.UUID
	}{
		{CommentReplied, []uuid.UUID{e.ParentUserID}},
		{PostCommented, []uuid.UUID{e.AuthorID}},
		{UserMentioned, e.Mentioned},
	} {
		fresh := slices.DeleteFunc(slices.Clone(audience.people), func(id uuid.UUID) bool { return told[id] })
		about.Type = audience.kind
		if err := s.tell(ctx, fresh, about, e.PostID); err != nil {
			return err
		}
		for _, id := range fresh {
			told[id] = true
		}
	}
	return nil
}

// commentEdited tells whom the comment names now, unless they were told of it in another way before.
func (s *Service) commentEdited(ctx context.Context, _ uuid.UUID, e posts.CommentEdited) error {
	fresh := make([]uuid.UUID, 0, len(e.Mentioned))
	for _, id := range e.Mentioned {
		told, err := s.store.Told(ctx, id, e.CommentID)
		if err != nil {
			return err
		}
		if !told {
			fresh = append(fresh, id)
		}
	}
	about := Notification{Type: UserMentioned, SubjectType: SubjectComment, SubjectID: e.CommentID, ActorID: e.UserID, Facts: Facts{PostID: &e.PostID}}
	return s.tell(ctx, fresh, about, e.PostID)
}

// tell notifies those of the people who may see the post: it may be deleted or narrowed by now.
func (s *Service) tell(ctx context.Context, people []uuid.UUID, about Notification, post uuid.UUID) error {
	for _, id := range people {
		visible, err := s.posts.Visible(ctx, id, []uuid.UUID{post})
		if err != nil {
			return err
		}
		if _, ok := visible[post]; !ok {
			continue
		}
		about.RecipientID = id
		if err := s.Notify(ctx, about); err != nil {
			return err
		}
	}
	return nil
}

func (s *Service) userFollowed(ctx context.Context, _ uuid.UUID, e users.Followed) error {
	if err := s.store.WithdrawUnread(ctx, e.Followee, FollowRequested, e.Follower, e.Follower); err != nil {
		return err
	}
	return s.Notify(ctx, Notification{RecipientID: e.Followee, Type: UserFollowed, SubjectType: SubjectUser, SubjectID: e.Follower, ActorID: e.Follower})
}

func (s *Service) userUnfollowed(ctx context.Context, _ uuid.UUID, e users.Unfollowed) error {
	return s.store.WithdrawUnread(ctx, e.Followee, UserFollowed, e.Follower, e.Follower)
}

func (s *Service) followRequested(ctx context.Context, _ uuid.UUID, e users.FollowRequested) error {
	return s.Notify(ctx, Notification{RecipientID: e.Followee, Type: FollowRequested, SubjectType: SubjectUser, SubjectID: e.Follower, ActorID: e.Follower})
}

func (s *Service) userBlocked(ctx context.Context, _ uuid.UUID, e users.Blocked) error {
	return s.store.RemoveBetween(ctx, e.Blocker, e.Blocked)
}

func (s *Service) userDeleted(ctx context.Context, _ uuid.UUID, e users.Deleted) error {
	return s.store.RemovePerson(ctx, e.UserID)
}

func (s *Service) signedIn(ctx context.Context, _ uuid.UUID, e auth.SignedIn) error {
	if !e.NewDevice {
		return nil
	}
	return s.Notify(ctx, Notification{RecipientID: e.UserID, Type: NewDevice, SubjectType: SubjectSession, SubjectID: e.SessionID})
}

// sessionRevoked stops the pushes to that device, and tells the person unless they did it themselves.
func (s *Service) sessionRevoked(ctx context.Context, _ uuid.UUID, e auth.SessionRevoked) error {
	if e.InstallationID != "" {
		if err := s.store.RemoveDevice(ctx, e.UserID, e.InstallationID); err != nil {
			return err
		}
	}
	if e.Reason != "reuse" {
		return nil
	}
	return s.Notify(ctx, Notification{RecipientID: e.UserID, Type: SessionRevoked, SubjectType: SubjectSession, SubjectID: e.SessionID})
}

func (s *Service) orderMoved(ctx context.Context, kind string, e orders.Moved) error {
	return s.Notify(ctx, aboutOrder(kind, e))
}

// orderShipped may happen several times to one order, once a parcel.
func (s *Service) orderShipped(ctx context.Context, event uuid.UUID, e orders.Shipped) error {
	n := aboutOrder(OrderShipped, e.Moved)
	n.CauseID, n.Facts.Carrier, n.Facts.TrackingNumber = event, e.Carrier, e.TrackingNumber
	return s.Notify(ctx, n)
}

// orderRefunded may happen several times to one order, once a refund.
func (s *Service) orderRefunded(ctx context.Context, _ uuid.UUID, e orders.Refunded) error {
	n := aboutOrder(OrderRefunded, e.Moved)
	n.CauseID, n.Facts.Amount = e.RefundID, money.Of(e.Amount, e.Currency).String()
	return s.Notify(ctx, n)
}

func aboutOrder(kind string, e orders.Moved) Notification {
	return Notification{RecipientID: e.UserID, Type: kind, SubjectType: SubjectOrder, SubjectID: e.OrderID, Facts: Facts{OrderNumber: e.Number}}
}
