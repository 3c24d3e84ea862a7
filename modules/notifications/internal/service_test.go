package internal

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/auth"
	"atrium/modules/orders"
	"atrium/modules/posts"
	"atrium/modules/posts/poststest"
	"atrium/modules/products/productstest"
	"atrium/modules/users"
	"atrium/modules/users/userstest"
	"atrium/platform/apptest"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/mail"
	"atrium/platform/money"
	"atrium/platform/outbox"
	"atrium/platform/page"
	"atrium/platform/push"
	"atrium/platform/tasks/taskstest"
)

// post box and phones that keep what they are given, and fail when they are told to.
type postBox struct {
	mu   sync.Mutex
	sent []mail.Message
}

func (b *postBox) Send(_ context.Context, m mail.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sent = append(b.sent, m)
	return nil
}

type phones struct {
	mu   sync.Mutex
	sent []push.Message
	fail error
}

func (p *phones) Send(_ context.Context, m push.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	p.sent = append(p.sent, m)
	return nil
}

// receipts knows one order.
type receipts struct{ order uuid.UUID }

func (r receipts) Receipt(_ context.Context, order uuid.UUID) (orders.Receipt, error) {
	if order != r.order {
		return orders.Receipt{}, orders.ErrNotFound
	}
	return orders.Receipt{Number: "A-1", Lines: []orders.ReceiptLine{{Name: "Arc lamp", SKU: "ARC", Quantity: 2, Total: money.Of(9800, "EUR")}},
		Subtotal: money.Of(9800, "EUR"), Shipping: money.Of(0, "EUR"), Discount: money.Of(0, "EUR"), Tax: money.Of(1565, "EUR"), Total: money.Of(9800, "EUR")}, nil
}

type bundle struct {
	t       *testing.T
	db      *database.DB
	box     *outbox.Outbox
	people  *userstest.Fake
	posts   *poststest.Fake
	mails   *postBox
	phones  *phones
	shop    *productstest.Shop
	service *Service
	app     *apptest.App

	ana, ben, post, order uuid.UUID
}

// setup: Ana has a post; Ben has an order.
func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{t: t, db: dbtest.Clone(t), people: userstest.New(), posts: poststest.New(), mails: &postBox{}, phones: &phones{}, shop: productstest.NewShop(), order: uuid.New()}
	b.box = outbox.New(b.db)
	b.ana, b.ben = b.people.Add("ana"), b.people.Add("ben")
	for id, address := range map[uuid.UUID]string{b.ana: "ana@atrium.test", b.ben: "ben@atrium.test"} {
		b.people.SetContact(id, users.Contact{DisplayName: "Person", Email: address, EmailVerified: true, Language: "en"})
	}
	b.post = b.posts.Add(b.ana, "A room")
	b.service = NewService(b.db, NewStore(b.db), b.box, b.people, b.people, b.posts, b.posts, receipts{b.order}, b.shop, b.phones, b.mails, page.NewSigner(make([]byte, 32)))
	b.app = apptest.NewOn(t, b.db, NewHTTP(b.service).Routes())
	return b
}

// publish publishes events and runs all that follows from them.
func (b *bundle) publish(events ...outbox.Event) {
	b.t.Helper()
	for _, e := range events {
		require.NoError(b.t, b.db.InTx(b.t.Context(), func(ctx context.Context) error { return b.box.Publish(ctx, e) }))
		taskstest.Drain(b.t, b.db, Handlers(b.service)...)
	}
}

func (b *bundle) liked(by uuid.UUID) posts.Liked {
	return posts.Liked{PostID: b.post, AuthorID: b.ana, UserID: by}
}

// list reads a person's notifications through the API.
func (b *bundle) list(user uuid.UUID) []notificationResponse {
	b.t.Helper()
	return apptest.Read[page.List[notificationResponse]](b.get(user, "/v1/notifications")).Items
}

func (b *bundle) get(user uuid.UUID, path string) *apptest.Response {
	b.t.Helper()
	return b.app.Do(b.t, apptest.Request{Token: apptest.As(user), Method: http.MethodGet, Path: path}).Want(http.StatusOK)
}

func (b *bundle) send(user uuid.UUID, method, path string, body any, status int) *apptest.Response {
	b.t.Helper()
	return b.app.Do(b.t, apptest.Request{Token: apptest.As(user), Method: method, Path: path, Body: body}).Want(status)
}

func (b *bundle) phone(user uuid.UUID, installation, token string) {
	b.t.Helper()
	b.send(user, http.MethodPut, "/v1/me/devices/"+installation, map[string]string{
		"platform": "ios", "token": token, "locale": "en-GB", "timezone": "Europe/Berlin"}, http.StatusNoContent)
}

func TestNotify(t *testing.T) {
	t.Parallel()
	t.Run("a like is one notification, one push a device and one mail, however often it is liked", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "phone", "t1")
		b.phone(b.ana, "tablet", "t2")
		b.publish(b.liked(b.ben), b.liked(b.ben))
		list := b.list(b.ana)
		require.Len(t, list, 1)
		require.Equal(t, "post.liked", list[0].Type)
		require.Equal(t, subjectResponse{Type: "post", ID: b.post}, list[0].Subject)
		require.Equal(t, b.ben, list[0].Actors[0].ID)
		require.Len(t, b.phones.sent, 2)
		require.Equal(t, map[string]string{"notification_id": list[0].ID.String(), "type": "post.liked", "subject_type": "post", "subject_id": b.post.String()}, b.phones.sent[0].Data)
		require.Len(t, b.mails.sent, 1)
		require.Equal(t, list[0].ID.String(), b.mails.sent[0].ID)
		require.Equal(t, "ana@atrium.test", b.mails.sent[0].To)
	})
	t.Run("only the first like of a post is worth a mail", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish(b.liked(b.ben), b.liked(b.people.Add("chiara")))
		require.Len(t, b.list(b.ana), 2)
		require.Len(t, b.mails.sent, 1)
	})
	t.Run("at night a push waits, unless it is about the account", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.send(b.ana, http.MethodPut, "/v1/me/devices/phone", map[string]string{"platform": "ios", "token": "t1", "locale": "en", "timezone": "Etc/UTC"}, http.StatusNoContent)
		now := time.Now().UTC()
		night := users.Contact{DisplayName: "Person", QuietFrom: now.Add(-time.Hour).Format("15:04"), QuietTo: now.Add(time.Hour).Format("15:04")}
		b.people.SetContact(b.ana, night)
		b.publish(b.liked(b.ben))
		require.Len(t, b.list(b.ana), 1, "in the app it is there")
		require.Empty(t, b.phones.sent)
		b.publish(auth.SignedIn{UserID: b.ana, SessionID: uuid.New(), NewDevice: true})
		require.Len(t, b.phones.sent, 1)
		night.QuietFrom = ""
		b.people.SetContact(b.ana, night) // it is morning
		taskstest.Ripen(t, b.db)
		taskstest.Drain(t, b.db, Handlers(b.service)...)
		require.Len(t, b.phones.sent, 2)
	})
	t.Run("whoever is locked out gets no more pushes", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "phone", "t1")
		b.publish(users.Locked{UserID: b.ana, Reason: "erasure"}, b.liked(b.ben))
		require.Empty(t, b.phones.sent)
	})
	t.Run("taking a like back withdraws it while unread, and only then", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		unliked := posts.Unliked{PostID: b.post, AuthorID: b.ana, UserID: b.ben}
		b.publish(b.liked(b.ben), unliked)
		require.Empty(t, b.list(b.ana))
		b.publish(b.liked(b.ben))
		b.send(b.ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": b.list(b.ana)[0].ID}, http.StatusNoContent)
		b.publish(unliked)
		require.Len(t, b.list(b.ana), 1)
	})
	t.Run("nobody hears from themselves, from those they block or mute, or about what they cannot see", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		muted, blocked := b.people.Add("muted"), b.people.Add("blocked")
		b.people.Mute(b.ana, muted)
		b.people.Block(b.ana, blocked)
		b.publish(b.liked(b.ana), b.liked(muted), b.liked(blocked))
		b.posts.Hide(b.post, b.ben)
		b.publish(posts.Published{PostID: b.post, AuthorID: b.ana, Visibility: "followers", Mentioned: []uuid.UUID{b.ben}})
		require.Empty(t, b.list(b.ana))
		require.Empty(t, b.list(b.ben))
	})
	t.Run("one comment reaches the one replied to, the author and the mentioned, each once", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		parent := b.people.Add("parent")
		b.publish(posts.Commented{CommentID: uuid.New(), PostID: b.post, AuthorID: b.ana, UserID: b.ben, ParentUserID: parent,
			Mentioned: []uuid.UUID{b.ana, parent, b.ben}})
		require.Equal(t, "post.commented", b.list(b.ana)[0].Type)
		require.Equal(t, "comment.replied", b.list(parent)[0].Type)
		require.Len(t, b.list(b.ana), 1)
		require.Len(t, b.list(parent), 1)
		require.Empty(t, b.list(b.ben))
	})
	t.Run("a block removes what is there, and what is on its way is not sent", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "phone", "t1")
		require.NoError(t, b.db.InTx(t.Context(), func(ctx context.Context) error {
			return b.service.postLiked(ctx, uuid.New(), b.liked(b.ben))
		}))
		b.people.Block(b.ana, b.ben)
		taskstest.Drain(t, b.db, Handlers(b.service)...)
		require.Empty(t, b.phones.sent)
		require.Empty(t, b.mails.sent)
		b.publish(users.Blocked{Blocker: b.ana, Blocked: b.ben})
		require.Empty(t, b.list(b.ana))
	})
	t.Run("a deleted post takes its notifications and those of its comments along", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish(b.liked(b.ben), posts.Commented{CommentID: uuid.New(), PostID: b.post, AuthorID: b.ana, UserID: b.ben})
		require.Len(t, b.list(b.ana), 2)
		b.publish(posts.Deleted{PostID: b.post, AuthorID: b.ana})
		require.Empty(t, b.list(b.ana))
	})
	t.Run("a paid order brings the receipt, whatever the person has set", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.publish(orders.Paid{Moved: orders.Moved{OrderID: b.order, UserID: b.ben, Number: "A-1"}})
		require.Len(t, b.mails.sent, 1)
		require.Contains(t, b.mails.sent[0].Subject, "A-1")
		require.Contains(t, b.mails.sent[0].Text, "2 x Arc lamp: 98.00 EUR")
		require.Contains(t, b.mails.sent[0].HTML, "Arc lamp")
		require.Equal(t, "order.paid", b.list(b.ben)[0].Type)
	})
	t.Run("each parcel and each refund of an order is news", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		moved := orders.Moved{OrderID: b.order, UserID: b.ben, Number: "A-1"}
		b.publish(orders.Shipped{Moved: moved, TrackingNumber: "1"}, orders.Shipped{Moved: moved, TrackingNumber: "2"},
			orders.Refunded{Moved: moved, RefundID: uuid.New(), Amount: 100, Currency: "EUR"}, orders.Refunded{Moved: moved, RefundID: uuid.New(), Amount: 250, Currency: "EUR"})
		require.Len(t, b.list(b.ben), 4)
		require.Equal(t, "We refunded 2.50 EUR of your order A-1.", b.list(b.ben)[0].Text)
	})
	t.Run("an unverified address gets no mail", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.people.SetContact(b.ana, users.Contact{Email: "ana@atrium.test"})
		b.publish(b.liked(b.ben))
		require.Len(t, b.list(b.ana), 1)
		require.Empty(t, b.mails.sent)
	})
	t.Run("an erased person leaves nothing behind", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "phone", "t1")
		b.publish(b.liked(b.ben), users.Deleted{UserID: b.ana})
		require.Empty(t, b.list(b.ana))
		devices, err := b.service.store.Devices(t.Context(), b.ana)
		require.NoError(t, err)
		require.Empty(t, devices)
	})
}

func TestDevices(t *testing.T) {
	t.Parallel()
	t.Run("a token belongs to who registered it last", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "phone", "shared")
		b.phone(b.ben, "phone", "shared")
		b.publish(b.liked(b.ben), posts.Liked{PostID: b.posts.Add(b.ben, "Another"), AuthorID: b.ben, UserID: b.ana})
		require.Len(t, b.phones.sent, 1)
		require.Contains(t, b.phones.sent[0].Body, "Ana")
	})
	t.Run("an unregistered token is forgotten, an invalid message is not the token's fault", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "phone", "t1")
		b.phones.fail = push.ErrInvalid
		require.NoError(t, b.db.InTx(t.Context(), func(ctx context.Context) error { return b.box.Publish(ctx, b.liked(b.ben)) }))
		taskstest.Try(t, b.db, Handlers(b.service)...)
		devices, err := b.service.store.Devices(t.Context(), b.ana)
		require.NoError(t, err)
		require.Len(t, devices, 1)
		b.phones.fail = push.ErrUnregistered
		b.publish(b.liked(b.people.Add("chiara")))
		devices, err = b.service.store.Devices(t.Context(), b.ana)
		require.NoError(t, err)
		require.Empty(t, devices)
	})
	t.Run("a revoked session's device hears nothing more; theft is told to the others", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.phone(b.ana, "stolen", "t1")
		b.phone(b.ana, "tablet", "t2")
		b.publish(auth.SessionRevoked{UserID: b.ana, SessionID: uuid.New(), InstallationID: "stolen", Reason: "reuse"})
		require.Len(t, b.phones.sent, 1)
		require.Equal(t, "t2", b.phones.sent[0].Token)
		require.Equal(t, "security.session_revoked", b.phones.sent[0].Data["type"])
	})
	t.Run("a person has at most 20 devices, the newest", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		for n := range devicesPerPerson + 3 {
			b.phone(b.ana, fmt.Sprint("phone", n), fmt.Sprint("t", n))
		}
		devices, err := b.service.store.Devices(t.Context(), b.ana)
		require.NoError(t, err)
		require.Len(t, devices, devicesPerPerson)
		require.NotContains(t, fmt.Sprint(devices), "phone0 ")
	})
	t.Run("bad values are refused with pointers", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		r := b.send(b.ana, http.MethodPut, "/v1/me/devices/phone", map[string]string{
			"platform": "ios", "token": "t", "locale": "en", "timezone": "Mars/Olympus"}, http.StatusUnprocessableEntity)
		require.Contains(t, string(r.Body), "/body/timezone")
		r = b.send(b.ana, http.MethodPut, "/v1/me/devices/phone", map[string]string{
			"platform": "fridge", "token": "t", "locale": "en", "timezone": "UTC"}, http.StatusUnprocessableEntity)
		require.Contains(t, string(r.Body), "/body/platform")
	})
}

func TestReading(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, name := range []string{"c", "d", "e", "f", "g"} {
		b.publish(b.liked(b.people.Add(name)))
	}
	count := func() int64 { return apptest.Read[countResponse](b.get(b.ana, "/v1/notifications/unread-count")).Count }
	require.EqualValues(t, 5, count())

	var ids []uuid.UUID
	path := "/v1/notifications?limit=2"
	for {
		list := apptest.Read[page.List[notificationResponse]](b.get(b.ana, path))
		for _, n := range list.Items {
			ids = append(ids, n.ID)
		}
		if list.NextCursor == nil {
			break
		}
		path = "/v1/notifications?limit=2&cursor=" + *list.NextCursor
	}
	require.Len(t, ids, 5)
	b.app.Do(t, apptest.Request{Token: apptest.As(b.ben), Method: http.MethodGet, Path: path}).Want(http.StatusBadRequest) // Ana's cursor

	read := func(id uuid.UUID) {
		b.send(b.ana, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": id}, http.StatusNoContent)
	}
	read(ids[2])
	require.EqualValues(t, 2, count())
	read(ids[4]) // older: changes nothing
	require.EqualValues(t, 2, count())
	b.send(b.ben, http.MethodPost, "/v1/notifications/read", map[string]any{"up_to": ids[0]}, http.StatusNoContent)
	require.EqualValues(t, 2, count(), "another person's reading is not mine")
}

func TestSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	change := func(ifMatch string, types map[string]Channels) *apptest.Response {
		return b.app.Do(t, apptest.Request{Token: apptest.As(b.ana), Method: http.MethodPatch, Path: "/v1/me/notification-settings",
			Header: map[string]string{"If-Match": ifMatch}, Body: map[string]any{"types": types}})
	}
	silent := map[string]Channels{"post.liked": {}}
	change("", silent).Want(http.StatusPreconditionRequired)
	change(`"1"`, map[string]Channels{"order.paid": {}}).Want(http.StatusUnprocessableEntity)
	change(`"1"`, map[string]Channels{"post.burned": {}}).Want(http.StatusUnprocessableEntity)
	changed := change(`"1"`, silent).Want(http.StatusOK)
	require.Equal(t, `"2"`, changed.Header.Get("ETag"))
	stale := change(`"1"`, silent).Want(http.StatusPreconditionFailed)
	require.Equal(t, `"2"`, stale.Header.Get("ETag"))

	b.phone(b.ana, "phone", "t1")
	b.publish(b.liked(b.ben))
	require.Len(t, b.list(b.ana), 1)
	require.Empty(t, b.phones.sent)
	require.Empty(t, b.mails.sent)
}

func TestEdits_TellWhomTheyNameOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cleo := b.people.Add("cleo")
	comment := uuid.New()
	b.publish(
		posts.Published{PostID: b.post, AuthorID: b.ana, Mentioned: []uuid.UUID{b.ben}},
		posts.Edited{PostID: b.post, AuthorID: b.ana, Mentioned: []uuid.UUID{b.ben, cleo}},
		posts.Commented{CommentID: comment, PostID: b.post, AuthorID: b.ana, UserID: b.ben},
		posts.CommentEdited{CommentID: comment, PostID: b.post, UserID: b.ben, Mentioned: []uuid.UUID{b.ana, cleo}},
	)
	types := func(user uuid.UUID) (types []string) {
		for _, n := range b.list(user) {
			types = append(types, n.Type)
		}
		return types
	}
	require.Equal(t, []string{"user.mentioned"}, types(b.ben))
	require.Equal(t, []string{"user.mentioned", "user.mentioned"}, types(cleo), "the post and the comment")
	require.Equal(t, []string{"post.commented"}, types(b.ana), "who heard of the comment hears of it once")
}
