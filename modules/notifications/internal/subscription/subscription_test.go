package subscription_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/notifications/internal/moduletest"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/users"
	"atrium/platform/outbox"
	"atrium/platform/tasks/taskstest"
)

func TestNotify(t *testing.T) {
	t.Parallel()
	t.Run("a like is one notification, one push a device and one mail, however often it is liked", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.Phone(b.Ana, "tablet", "t2")
		b.Publish(b.Liked(b.Ben), b.Liked(b.Ben))
		list := b.List(b.Ana)
		require.Len(t, list, 1)
		require.Equal(t, "post.liked", list[0].Type)
		require.Equal(t, moduletest.Subject{Type: "post", ID: b.Post}, list[0].Subject)
		require.Equal(t, b.Ben, list[0].Actors[0].ID)
		require.Len(t, b.Phones.Sent, 2)
		require.Equal(t, map[string]string{"notification_id": list[0].ID.String(), "type": "post.liked", "subject_type": "post", "subject_id": b.Post.String()}, b.Phones.Sent[0].Data)
		require.Len(t, b.Mails.Sent, 1)
		require.Equal(t, list[0].ID.String(), b.Mails.Sent[0].ID)
		require.Equal(t, "ana@atrium.test", b.Mails.Sent[0].To)
	})
	t.Run("only the first like of a post is worth a mail", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Publish(b.Liked(b.Ben), b.Liked(b.People.Add("chiara")))
		require.Len(t, b.List(b.Ana), 2)
		require.Len(t, b.Mails.Sent, 1)
	})
	t.Run("at night a push waits, unless it is about the account", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Send(b.Ana, http.MethodPut, "/v1/me/devices/phone", map[string]string{"platform": "ios", "token": "t1", "locale": "en", "timezone": "Etc/UTC"}, http.StatusNoContent)
		now := time.Now().UTC()
		night := users.Contact{DisplayName: "Person", QuietFrom: now.Add(-time.Hour).Format("15:04"), QuietTo: now.Add(time.Hour).Format("15:04")}
		b.People.SetContact(b.Ana, night)
		b.Publish(b.Liked(b.Ben))
		require.Len(t, b.List(b.Ana), 1, "in the app it is there")
		require.Empty(t, b.Phones.Sent)
		b.Publish(auth.SignedIn{UserID: b.Ana, SessionID: uuid.New(), NewDevice: true})
		require.Len(t, b.Phones.Sent, 1)
		night.QuietFrom = ""
		b.People.SetContact(b.Ana, night) // it is morning
		taskstest.Ripen(t, b.DB)
		taskstest.Drain(t, b.DB, b.Handlers()...)
		require.Len(t, b.Phones.Sent, 2)
	})
	t.Run("whoever is locked out gets no more pushes", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.Publish(users.Locked{UserID: b.Ana, Reason: "erasure"}, b.Liked(b.Ben))
		require.Empty(t, b.Phones.Sent)
	})
	t.Run("taking a like back withdraws it, read or not, and liking again brings it back as it was", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Publish(b.Liked(b.Ben))
		b.Publish(b.Unliked(b.Ben))
		require.Empty(t, b.List(b.Ana))
		b.Publish(b.Liked(b.Ben))
		b.Send(b.Ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": b.List(b.Ana)[0].ID}, http.StatusNoContent)
		b.Publish(b.Unliked(b.Ben))
		require.Empty(t, b.List(b.Ana))
		b.Publish(b.Liked(b.Ben))
		require.True(t, b.List(b.Ana)[0].Read)
	})
	t.Run("nobody hears from themselves, from those they block or mute, or about what they cannot see", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		muted, blocked := b.People.Add("muted"), b.People.Add("blocked")
		b.People.Mute(b.Ana, muted)
		b.People.Block(b.Ana, blocked)
		b.Publish(b.Liked(b.Ana), b.Liked(muted), b.Liked(blocked))
		b.Posts.Hide(b.Post, b.Ben)
		b.Publish(b.Mentioned(b.Ben))
		require.Empty(t, b.List(b.Ana))
		require.Empty(t, b.List(b.Ben))
	})
	t.Run("one comment reaches the one replied to, the author and the mentioned, each once", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		parent := b.People.Add("parent")
		b.Publish(b.Commented(b.Ben, parent, b.Ana, parent, b.Ben))
		require.Equal(t, "post.commented", b.List(b.Ana)[0].Type)
		require.Equal(t, "comment.replied", b.List(parent)[0].Type)
		require.Len(t, b.List(b.Ana), 1)
		require.Len(t, b.List(parent), 1)
		require.Empty(t, b.List(b.Ben))
	})
	t.Run("a block removes what is there, and what is on its way is not sent", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.PublishOnly(b.Liked(b.Ben))
		b.RunSubscribers()
		b.People.Block(b.Ana, b.Ben)
		taskstest.Drain(t, b.DB, b.Handlers()...)
		require.Empty(t, b.Phones.Sent)
		require.Empty(t, b.Mails.Sent)
		b.Publish(users.Blocked{Blocker: b.Ana, Blocked: b.Ben})
		require.Empty(t, b.List(b.Ana))
	})
	t.Run("a deleted post takes its notifications and those of its comments along", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Publish(b.Liked(b.Ben), b.Commented(b.Ben, uuid.Nil))
		require.Len(t, b.List(b.Ana), 2)
		b.Posts.Remove(b.Post)
		b.Publish(posts.Deleted{PostID: b.Post, AuthorID: b.Ana})
		require.Empty(t, b.List(b.Ana))
	})
	t.Run("a paid order brings the receipt, whatever the person has set", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Publish(orders.Paid{Moved: orders.Moved{OrderID: b.Order, UserID: b.Ben, Number: "A-1"}})
		require.Len(t, b.Mails.Sent, 1)
		require.Contains(t, b.Mails.Sent[0].Subject, "A-1")
		require.Contains(t, b.Mails.Sent[0].Text, "2 x Arc lamp: 98.00 EUR")
		require.Contains(t, b.Mails.Sent[0].HTML, "Arc lamp")
		require.Equal(t, "order.paid", b.List(b.Ben)[0].Type)
	})
	t.Run("each parcel and each refund of an order is news", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		moved := orders.Moved{OrderID: b.Order, UserID: b.Ben, Number: "A-1"}
		b.Publish(orders.Shipped{Moved: moved, TrackingNumber: "1"}, orders.Shipped{Moved: moved, TrackingNumber: "2"},
			orders.Refunded{Moved: moved, RefundID: uuid.New(), Amount: 100, Currency: "EUR"}, orders.Refunded{Moved: moved, RefundID: uuid.New(), Amount: 250, Currency: "EUR"})
		require.Len(t, b.List(b.Ben), 4)
		require.Equal(t, "We refunded 2.50 EUR of your order A-1.", b.List(b.Ben)[0].Text)
	})
	t.Run("an unverified address gets no mail", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.People.SetContact(b.Ana, users.Contact{Email: "ana@atrium.test"})
		b.Publish(b.Liked(b.Ben))
		require.Len(t, b.List(b.Ana), 1)
		require.Empty(t, b.Mails.Sent)
	})
	t.Run("an erased person leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		b := moduletest.New(t)
		b.Phone(b.Ana, "phone", "t1")
		b.Publish(b.Liked(b.Ben), users.Deleted{UserID: b.Ana})
		require.Empty(t, b.List(b.Ana))
		found, err := b.Channels.Devices(t.Context(), b.Ana)
		devices := found[b.Ana]
		require.NoError(t, err)
		require.Empty(t, devices)
	})
}

func TestEdits_TellWhomTheyNameOnce(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	cleo := b.People.Add("cleo")
	b.Publish(b.Mentioned(b.Ben))
	b.Publish(b.Mentioned(b.Ben, cleo))
	commented := b.Commented(b.Ben, uuid.Nil)
	b.Publish(commented)
	b.Posts.Comment(posts.Comment{ID: commented.CommentID, PostID: b.Post, AuthorID: b.Ben, PostAuthorID: b.Ana, Mentioned: []uuid.UUID{b.Ana, cleo}})
	b.Publish(posts.CommentEdited{CommentID: commented.CommentID, PostID: b.Post, UserID: b.Ben, Mentioned: []uuid.UUID{b.Ana, cleo}})
	types := func(user uuid.UUID) (types []string) {
		for _, n := range b.List(user) {
			types = append(types, n.Type)
		}
		return types
	}
	require.Equal(t, []string{"user.mentioned"}, types(b.Ben))
	require.Equal(t, []string{"user.mentioned", "user.mentioned"}, types(cleo), "the post and the comment")
	require.Equal(t, []string{"post.commented"}, types(b.Ana), "who heard of the comment hears of it once")
}

func TestLikes_ABatchTellsEachOnceAndMailsTheFirstOfAPost(t *testing.T) {
	t.Parallel()
	b := moduletest.New(t)
	b.Phone(b.Ana, "phone", "t1")
	gone := b.People.Add("gone")
	left := b.Liked(gone)
	b.Unliked(gone)
	likes := []outbox.Event{left}
	for _, name := range []string{"a1", "a2", "a3"} {
		like := b.Liked(b.People.Add(name))
		likes = append(likes, like, like) // liked, not liked and liked again before anybody was told
	}
	for _, like := range likes {
		b.PublishOnly(like)
	}
	b.PublishOnly(b.Commented(b.Ben, uuid.Nil))
	b.Drain()
	shows(t, b, b.Ana, "post.commented", "post.liked", "post.liked", "post.liked")
	channels(t, b, 4, 1)
	require.EqualValues(t, 1, b.DB.Conn(t.Context()).Exec("DELETE FROM notifications WHERE told_at IS NULL").RowsAffected,
		"what was not so is told when it becomes so")
	b.Publish(b.Liked(b.Ben))
	channels(t, b, 5, 1)
}
