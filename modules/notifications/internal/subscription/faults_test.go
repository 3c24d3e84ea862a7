package subscription_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/notifications/internal/moduletest"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

// shows requires that a person's list holds notifications of these types, newest first, and that the count says so too.
func shows(t *testing.T, b *moduletest.Module, user uuid.UUID, types ...string) []moduletest.Notification {
	t.Helper()
	list := b.List(user)
	var unread int64
	got := []string{}
	for _, n := range list {
		got = append(got, n.Type)
		if !n.Read {
			unread++
		}
	}
	require.Equal(t, append([]string{}, types...), got)
	require.Equal(t, unread, b.Unread(user), "the count equals the list")
	return list
}

// channels requires how many pushes and mails went out.
func channels(t *testing.T, b *moduletest.Module, pushes, mails int) {
	t.Helper()
	require.Len(t, b.Phones.Sent, pushes, "pushes")
	require.Len(t, b.Mails.Sent, mails, "mails")
}

func TestFault_N1_LikeUnlikeLikeTellsOnce(t *testing.T) {
	t.Parallel()
	t.Run("likes", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		for range 4 {
			b.Publish(b.Liked(b.Ben))
			b.Publish(b.Unliked(b.Ben))
		}
		shows(t, b, b.Ana)
		b.Publish(b.Liked(b.Ben))
		shows(t, b, b.Ana, "post.liked")
		channels(t, b, 1, 1)
	})
	t.Run("follows", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		for range 4 {
			b.People.Follow(b.Ben, b.Ana)
			b.Publish(users.Followed{Follower: b.Ben, Followee: b.Ana})
			b.People.Unfollow(b.Ben, b.Ana)
			b.Publish(users.Unfollowed{Follower: b.Ben, Followee: b.Ana})
		}
		shows(t, b, b.Ana)
		b.People.Follow(b.Ben, b.Ana)
		b.Publish(users.Followed{Follower: b.Ben, Followee: b.Ana})
		shows(t, b, b.Ana, "user.followed")
		channels(t, b, 1, 1)
	})
	t.Run("one whose push was held back is told when the like comes back", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.PublishOnly(b.Liked(b.Ben))
		b.RunSubscribers()
		b.Posts.Unlike(b.Post, b.Ben)
		b.Drain()
		channels(t, b, 0, 0)
		shows(t, b, b.Ana)
		b.Publish(b.Liked(b.Ben))
		shows(t, b, b.Ana, "post.liked")
		channels(t, b, 1, 1)
	})
}

func TestFault_N4_R4_TheOrderOfEventsDoesNotMatter(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		do, undo func(b *moduletest.Module) outbox.Event
		kind     string
	}{
		"like": {func(b *moduletest.Module) outbox.Event { return b.Liked(b.Ben) },
			func(b *moduletest.Module) outbox.Event { return b.Unliked(b.Ben) }, "post.liked"},
		"follow": {func(b *moduletest.Module) outbox.Event {
			b.People.Follow(b.Ben, b.Ana)
			return users.Followed{Follower: b.Ben, Followee: b.Ana}
		}, func(b *moduletest.Module) outbox.Event {
			b.People.Unfollow(b.Ben, b.Ana)
			return users.Unfollowed{Follower: b.Ben, Followee: b.Ana}
		}, "user.followed"},
		"request": {func(b *moduletest.Module) outbox.Event {
			b.People.Ask(b.Ben, b.Ana)
			return users.FollowRequested{Follower: b.Ben, Followee: b.Ana}
		}, func(b *moduletest.Module) outbox.Event {
			b.People.EndRequest(b.Ben, b.Ana)
			return users.FollowRequestEnded{Follower: b.Ben, Followee: b.Ana}
		}, "user.follow_requested"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, undoneFirst := range []bool{false, true} {
				b := moduletest.New(t)
				b.Phone(b.Ana, "phone", "t1")
				done, undone := tc.do(b), tc.undo(b)
				if undoneFirst {
					done, undone = undone, done
				}
				b.Publish(done, undone)
				shows(t, b, b.Ana)
				channels(t, b, 0, 0)

				again := tc.do(b) // the event that undid comes late
				b.Publish(again, undone, done)
				shows(t, b, b.Ana, tc.kind)
				channels(t, b, 1, 1)
			}
		})
	}
}

func TestFault_N5_ACommentIsToldOnceAndWithdrawnWithItself(t *testing.T) {
	t.Parallel()
	t.Run("written and deleted at once", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		for range 10 {
			c := b.Commented(b.Ben, uuid.Nil)
			b.Posts.DeleteComment(c.CommentID)
			b.Publish(posts.CommentDeleted{CommentID: c.CommentID, PostID: b.Post, UserID: b.Ben}, c)
		}
		shows(t, b, b.Ana)
		channels(t, b, 0, 0)
	})
	t.Run("edited six times", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.Phone(b.Ben, "phone", "t2")
		cleo := b.People.Add("cleo")
		c := b.Commented(cleo, b.Ben, b.Ana, b.Ben)
		edited := posts.CommentEdited{CommentID: c.CommentID, PostID: b.Post, UserID: cleo, Mentioned: []uuid.UUID{b.Ana, b.Ben}}
		b.Publish(edited, edited, edited, c, edited, edited, edited) // the first overtake the comment itself
		shows(t, b, b.Ana, "post.commented")
		shows(t, b, b.Ben, "comment.replied")
		channels(t, b, 2, 2)
	})
	t.Run("a mention comes and goes with the words", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		cleo := b.People.Add("cleo")
		c := b.Commented(b.Ben, uuid.Nil, cleo)
		b.Publish(c)
		shows(t, b, cleo, "user.mentioned")
		without := posts.Comment{ID: c.CommentID, PostID: b.Post, AuthorID: b.Ben, PostAuthorID: b.Ana}
		b.Posts.Comment(without)
		b.Publish(posts.CommentEdited{CommentID: c.CommentID, PostID: b.Post, UserID: b.Ben})
		shows(t, b, cleo)
		with := without
		with.Mentioned = []uuid.UUID{cleo}
		b.Posts.Comment(with)
		b.Publish(posts.CommentEdited{CommentID: c.CommentID, PostID: b.Post, UserID: b.Ben, Mentioned: with.Mentioned})
		shows(t, b, cleo, "user.mentioned")
		b.Publish(b.Mentioned(cleo))
		shows(t, b, cleo, "user.mentioned", "user.mentioned")
		b.Publish(b.Mentioned())
		shows(t, b, cleo, "user.mentioned")
		require.Len(t, b.Mails.Sent, 2, "the author's and cleo's, once")
	})
}

func TestFault_N7_APushIsAskedAgain(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ben, "phone", "t1")
	b.PublishOnly(b.Mentioned(b.Ben))
	b.RunSubscribers()
	shows(t, b, b.Ben, "user.mentioned")
	b.Posts.Hide(b.Post, b.Ben) // private before the push went
	b.Drain()
	channels(t, b, 0, 0)
	shows(t, b, b.Ben)
	b.Posts.Show(b.Post, b.Ben)
	b.Publish(b.Mentioned(b.Ben))
	shows(t, b, b.Ben, "user.mentioned")
	channels(t, b, 1, 1)

	settings := map[string]any{"types": map[string]any{"user.mentioned": map[string]bool{"push": false, "mail": false}}}
	another := b.Commented(b.Ana, uuid.Nil, b.Ben)
	b.PublishOnly(another)
	b.RunSubscribers()
	b.App.Do(t, apptest.Request{Token: apptest.As(b.Ben), Method: http.MethodPatch, Path: "/v1/me/notification-settings",
		Header: map[string]string{"If-Match": "*"}, Body: settings}).Want(http.StatusOK)
	b.Drain()
	channels(t, b, 1, 1)
}

func TestFault_V2_WhatIsHiddenOrGoneIsWithdrawn(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ana, "phone", "t1")
	cleo := b.People.Add("cleo")
	comment := b.Commented(cleo, uuid.Nil)
	b.People.Follow(b.Ben, b.Ana)
	b.Publish(b.Liked(b.Ben), comment, users.Followed{Follower: b.Ben, Followee: b.Ana})
	all := shows(t, b, b.Ana, "user.followed", "post.commented", "post.liked")
	b.Send(b.Ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": all[1].ID}, http.StatusNoContent)

	b.People.SetGone(b.Ben, true)
	shows(t, b, b.Ana, "post.commented")
	b.Publish(users.Locked{UserID: b.Ben, Reason: "suspended"})
	shows(t, b, b.Ana, "post.commented")
	b.People.SetGone(b.Ben, false)
	b.Publish(users.Returned{UserID: b.Ben})
	require.Equal(t, all[0], shows(t, b, b.Ana, "user.followed", "post.commented", "post.liked")[0], "as it was: the same, unread")

	b.People.Block(b.Ana, cleo)
	shows(t, b, b.Ana, "user.followed", "post.liked")
	b.Publish(users.Blocked{Blocker: b.Ana, Blocked: cleo})
	b.People.Unblock(b.Ana, cleo)
	b.Publish(users.Unblocked{Blocker: b.Ana, Unblocked: cleo})
	require.True(t, shows(t, b, b.Ana, "user.followed", "post.commented", "post.liked")[1].Read)

	room, err := b.Posts.Visible(t.Context(), b.Ana, []uuid.UUID{b.Post})
	require.NoError(t, err)
	b.Posts.Remove(b.Post)
	shows(t, b, b.Ana, "user.followed")
	b.Publish(posts.Deleted{PostID: b.Post, AuthorID: b.Ana})
	shows(t, b, b.Ana, "user.followed")
	b.Posts.Restore(room[b.Post])
	b.Publish(posts.Restored{PostID: b.Post, AuthorID: b.Ana})
	shows(t, b, b.Ana, "user.followed", "post.commented", "post.liked")

	b.Posts.DeleteComment(comment.CommentID)
	shows(t, b, b.Ana, "user.followed", "post.liked")
	b.Publish(posts.CommentDeleted{CommentID: comment.CommentID, PostID: b.Post, UserID: cleo})
	b.People.Remove(b.Ben)
	shows(t, b, b.Ana)
	b.Publish(users.Deleted{UserID: b.Ben})
	shows(t, b, b.Ana)
	channels(t, b, 3, 2) // the like's and the follow's mail; the comment waits for the hour

	var named int64
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM notifications WHERE ? IN (recipient_id, actor_id, subject_id)`, b.Ben).Scan(&named).Error)
	require.Zero(t, named, "nothing says who was erased")
}

func TestFault_V2_AlertsAndExpiredOrdersAreAskedToo(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	arc, variant := b.Shop.Add("Arc lamp", money.Of(9900, "EUR"), 1)
	b.Posts.Wish(b.Ben, arc)
	b.Publish(products.Repriced{ProductID: arc, Was: money.Of(12900, "EUR"), Now: money.Of(9900, "EUR")})
	shows(t, b, b.Ben, "product.price_dropped")
	b.Shop.Reprice(variant, money.Of(12900, "EUR"))
	shows(t, b, b.Ben)
	b.Shop.Reprice(variant, money.Of(9900, "EUR"))
	shows(t, b, b.Ben, "product.price_dropped")

	b.Phone(b.Ben, "phone", "t1")
	b.Orders.Overdue = true
	b.PublishOnly(orders.Expired{Moved: orders.Moved{OrderID: b.Order, UserID: b.Ben, Number: "A-1"}})
	b.RunSubscribers()
	shows(t, b, b.Ben, "order.expired", "product.price_dropped")
	b.Orders.Overdue = false // the money came after all
	b.Drain()
	shows(t, b, b.Ben, "product.price_dropped")
	channels(t, b, 0, 0)
}

func TestFault_N8_FollowRequests(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ana, "phone", "t1")
	b.Phone(b.Ben, "phone", "t2")
	asked, ended := users.FollowRequested{Follower: b.Ben, Followee: b.Ana}, users.FollowRequestEnded{Follower: b.Ben, Followee: b.Ana}
	ask := func() {
		b.People.Ask(b.Ben, b.Ana)
		b.Publish(asked)
	}
	end := func() {
		b.People.EndRequest(b.Ben, b.Ana)
		b.Publish(ended)
	}
	ask()
	first := shows(t, b, b.Ana, "user.follow_requested")[0]
	channels(t, b, 1, 1)
	end()
	shows(t, b, b.Ana)
	b.Send(b.Ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": first.ID}, http.StatusNoContent)
	ask()
	second := shows(t, b, b.Ana, "user.follow_requested")[0]
	require.NotEqual(t, first.ID, second.ID, "a new request is a new note")
	require.False(t, second.Read)
	channels(t, b, 1, 1) // once in 24 hours
	end()
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE notifications SET delivered_at = delivered_at - interval '25 hours'`).Error)
	ask()
	shows(t, b, b.Ana, "user.follow_requested")
	channels(t, b, 2, 2)

	b.People.Follow(b.Ben, b.Ana)
	b.Publish(users.Followed{Follower: b.Ben, Followee: b.Ana, Accepted: true})
	shows(t, b, b.Ana, "user.followed")
	accepted := shows(t, b, b.Ben, "user.follow_accepted")[0]
	require.Equal(t, "Ana accepted your request to follow them.", accepted.Text)
	require.Equal(t, moduletest.Subject{Type: "user", ID: b.Ana}, accepted.Subject)
	require.Equal(t, b.Ana, accepted.Actors[0].ID)
	channels(t, b, 3, 3)
	require.Equal(t, "user.follow_accepted", b.Phones.Sent[2].Data["type"])
	require.Equal(t, "t2", b.Phones.Sent[2].Token, "who accepted knows it")
	b.People.Unfollow(b.Ben, b.Ana)
	b.Publish(users.Unfollowed{Follower: b.Ben, Followee: b.Ana})
	shows(t, b, b.Ben)
	shows(t, b, b.Ana)
}

// Asked, taken back and asked again before anybody was told: the second request is told, though the first was to be told before it.
func TestFault_N8_AHeldBackRequestDoesNotSilenceTheNext(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ana, "phone", "t1")
	b.People.Ask(b.Ben, b.Ana)
	b.PublishOnly(users.FollowRequested{Follower: b.Ben, Followee: b.Ana})
	b.RunSubscribers()
	b.People.Ask(b.Ben, b.Ana) // meanwhile another
	b.Publish(users.FollowRequestEnded{Follower: b.Ben, Followee: b.Ana}, users.FollowRequested{Follower: b.Ben, Followee: b.Ana})
	shows(t, b, b.Ana, "user.follow_requested")
	channels(t, b, 1, 1)
}

func TestFault_N9_MailsOfOnePostAreCoalesced(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	cleo := b.People.Add("cleo")
	hour := func() {
		require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE notification_mails SET mailed_at = mailed_at - interval '1 hour', digest_at = digest_at - interval '1 hour'`).Error)
		taskstest.Ripen(t, b.DB)
		b.Drain()
	}
	var taken []posts.Commented
	for range 10 {
		c := b.Commented(b.Ben, uuid.Nil)
		taken = append(taken, c)
		b.Publish(c)
	}
	b.Publish(b.Commented(cleo, uuid.Nil), b.Liked(cleo))
	require.Len(t, b.List(b.Ana), 12)
	require.Len(t, b.Mails.Sent, 1)
	b.Posts.DeleteComment(taken[9].CommentID)
	hour()
	require.Len(t, b.Mails.Sent, 2)
	require.Equal(t, "News about a room", b.Mails.Sent[1].Subject)
	require.Contains(t, b.Mails.Sent[1].Text, "Ben commented on your room. (8×)\nCleo commented on your room.\nCleo likes your room.\n")
	require.Contains(t, b.Mails.Sent[1].HTML, "<p>Cleo likes your room.</p>")

	var unmailed int64
	require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM notifications WHERE deliveries->>'mail' IS NULL`).Scan(&unmailed).Error)
	require.EqualValues(t, 1, unmailed, "the deleted comment's")

	b.Publish(b.Commented(b.Ben, uuid.Nil))
	require.Len(t, b.Mails.Sent, 2, "an hour since the last mail")
	hour()
	require.Len(t, b.Mails.Sent, 3)
	require.Equal(t, "A comment on your room", b.Mails.Sent[2].Subject)

	b.Publish(b.Commented(b.Ben, uuid.Nil))
	b.Send(b.Ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": b.List(b.Ana)[0].ID}, http.StatusNoContent)
	hour()
	require.Len(t, b.Mails.Sent, 3, "what was read is not mailed")
	hour()
	b.Publish(b.Commented(b.Ben, uuid.Nil))
	require.Len(t, b.Mails.Sent, 4, "after a quiet hour at once")

	another := b.Posts.Add(b.Ana, "Another room")
	b.Posts.Like(another, b.Ben)
	b.Publish(posts.Liked{PostID: another, AuthorID: b.Ana, UserID: b.Ben})
	require.Len(t, b.Mails.Sent, 5, "each post has its own hour")
}

func TestFault_N6_OrdersAreToldInQuietHours(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Send(b.Ben, http.MethodPut, "/v1/me/devices/phone", map[string]string{"platform": "ios", "token": "t1", "locale": "en", "timezone": "Etc/UTC"}, http.StatusNoContent)
	now := time.Now().UTC()
	b.People.SetContact(b.Ben, users.Contact{DisplayName: "Person", QuietFrom: now.Add(-time.Hour).Format("15:04"), QuietTo: now.Add(time.Hour).Format("15:04")})
	moved := orders.Moved{OrderID: b.Order, UserID: b.Ben, Number: "A-1"}
	b.Orders.Overdue = true
	b.Publish(orders.Paid{Moved: moved}, orders.Shipped{Moved: moved}, orders.Delivered{Moved: moved}, orders.Cancelled{Moved: moved},
		orders.Refunded{Moved: moved, RefundID: uuid.New(), Amount: 1, Currency: "EUR"}, orders.Expired{Moved: moved})
	require.Len(t, b.Phones.Sent, 6)
	b.Publish(b.Mentioned(b.Ben))
	require.Len(t, b.Phones.Sent, 6, "a mention waits")
}

func TestFault_N3_APushHasItsLifetimeAndANewerOneReplacesIt(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ana, "phone", "t1")
	b.Phone(b.Ben, "phone", "t2")
	cleo := b.People.Add("cleo")
	b.Publish(b.Commented(b.Ben, uuid.Nil), b.Commented(cleo, uuid.Nil), b.Liked(b.Ben), b.Liked(cleo),
		orders.Paid{Moved: orders.Moved{OrderID: b.Order, UserID: b.Ben, Number: "A-1"}})
	sent := b.Phones.Sent
	require.Len(t, sent, 5)
	require.Equal(t, "post.commented:"+b.Post.String(), sent[0].CollapseKey)
	require.Equal(t, sent[0].CollapseKey, sent[1].CollapseKey, "the newer comment replaces the older")
	require.Equal(t, sent[2].CollapseKey, sent[3].CollapseKey)
	require.NotEqual(t, sent[0].CollapseKey, sent[2].CollapseKey)
	require.Equal(t, "order.paid:"+b.Order.String(), sent[4].CollapseKey)
	for _, push := range sent {
		require.LessOrEqual(t, len(push.CollapseKey), 64, "as APNs takes it")
		require.Positive(t, push.TTL)
	}
	require.Equal(t, 72*time.Hour, sent[0].TTL)
	require.Equal(t, 24*time.Hour, sent[2].TTL)
}

func TestFault_H11_ReadingUpToWhatOneNeverHad(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	read := func(user, id uuid.UUID, status int) *apptest.Response {
		return b.Send(user, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": id}, status)
	}
	cleo := b.People.Add("cleo")
	b.Publish(b.Liked(cleo), b.Liked(b.Ben))
	newest := b.List(b.Ana)[0].ID
	for _, foreign := range []uuid.UUID{newest, uuid.New()} {
		refused := read(b.Ben, foreign, http.StatusUnprocessableEntity)
		require.Equal(t, "notifications.unknown", refused.Code())
		require.Contains(t, string(refused.Body), "/body/up_to")
	}
	require.EqualValues(t, 2, b.Unread(b.Ana))
	b.Publish(b.Unliked(b.Ben))
	require.EqualValues(t, 1, b.Unread(b.Ana))
	read(b.Ana, newest, http.StatusNoContent)
	require.Zero(t, b.Unread(b.Ana), "the older one is read")

	b.Publish(b.Commented(b.Ben, uuid.Nil))
	newest = b.List(b.Ana)[0].ID
	b.People.Remove(b.Ben)
	b.Publish(users.Deleted{UserID: b.Ben})
	read(b.Ana, newest, http.StatusNoContent)
}

// A scope of more rows than one transaction takes is gone through by tasks, and what nobody asks about any more is pruned.
func TestRecheck_GoesThroughAllAndForgetsWhatIsOld(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`INSERT INTO notifications (id, recipient_id, type, subject_type, subject_id, actor_id, cause_id)
		SELECT gen_random_uuid(), gen_random_uuid(), 'post.liked', 'post', ?, gen_random_uuid(), ? FROM generate_series(1, 1200)`, b.Post, uuid.Nil).Error)
	withdrawn := func() (n int64) {
		require.NoError(t, b.DB.Conn(t.Context()).Raw(`SELECT count(*) FROM notifications WHERE withdrawn_at IS NOT NULL`).Scan(&n).Error)
		return n
	}
	b.Posts.Remove(b.Post)
	b.Publish(posts.Deleted{PostID: b.Post, AuthorID: b.Ana})
	require.EqualValues(t, 1200, withdrawn())
	require.NoError(t, b.DB.Conn(t.Context()).Exec(`UPDATE notifications SET withdrawn_at = now() - interval '91 days' WHERE id < '80000000-0000-0000-0000-000000000000'`).Error)
	require.NoError(t, b.Delivery.Prune(context.WithoutCancel(t.Context())))
	left := withdrawn()
	require.Positive(t, left)
	require.Less(t, left, int64(1200))
}

// Many people at once, each changing their mind, with subscribers in any order: what is left is what is so.
func TestFault_R4_AStormOfSecondThoughtsLeavesNoGhosts(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ana, "phone", "t1")
	kept := 0
	for n := range 20 {
		who := b.People.Add(fmt.Sprint("fan", n))
		b.PublishOnly(b.Liked(who))
		b.PublishOnly(b.Unliked(who))
		if n%3 == 0 {
			b.PublishOnly(b.Liked(who))
			kept++
		}
	}
	b.Drain()
	list := shows(t, b, b.Ana, strings.Fields(strings.Repeat("post.liked ", kept))...)
	require.Len(t, list, kept)
	channels(t, b, kept, 1)
}
