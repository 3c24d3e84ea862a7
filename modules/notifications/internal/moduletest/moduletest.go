// Package moduletest runs the whole module on a database of its own, for the tests of its packages.
package moduletest

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/notifications/internal/alert"
	"atrium/modules/notifications/internal/channel"
	"atrium/modules/notifications/internal/delivery"
	"atrium/modules/notifications/internal/inbox"
	"atrium/modules/notifications/internal/notification"
	"atrium/modules/notifications/internal/relevance"
	"atrium/modules/notifications/internal/subscription"
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
	"atrium/platform/tasks"
	"atrium/platform/tasks/taskstest"
)

// Mails keeps the mails that it is given.
type Mails struct {
	mu   sync.Mutex
	Sent []mail.Message
}

// Send implements mail.Sender.
func (m *Mails) Send(_ context.Context, message mail.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.Sent = append(m.Sent, message)
	return nil
}

// Phones keeps the pushes that it is given, or fails.
type Phones struct {
	mu   sync.Mutex
	Sent []push.Message
	Fail error
}

// Send implements push.Sender.
func (p *Phones) Send(_ context.Context, message push.Message) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.Fail != nil {
		return p.Fail
	}
	p.Sent = append(p.Sent, message)
	return nil
}

// Orders knows one order, which expires when a test says so.
type Orders struct {
	order   uuid.UUID
	Overdue bool
}

// Expired satisfies orders.Reader.
func (r *Orders) Expired(_ context.Context, ids []uuid.UUID) (map[uuid.UUID]bool, error) {
	return map[uuid.UUID]bool{r.order: r.Overdue}, nil
}

// Receipt satisfies orders.Reader.
func (r *Orders) Receipt(_ context.Context, order uuid.UUID) (orders.Receipt, error) {
	if order != r.order {
		return orders.Receipt{}, orders.ErrNotFound
	}
	return orders.Receipt{Number: "A-1", Lines: []orders.ReceiptLine{{Name: "Arc lamp", SKU: "ARC", Quantity: 2, Total: money.Of(9800, "EUR")}},
		Subtotal: money.Of(9800, "EUR"), Shipping: money.Of(0, "EUR"), Discount: money.Of(0, "EUR"), Tax: money.Of(1565, "EUR"), Total: money.Of(9800, "EUR")}, nil
}

// Module is the module on a database of its own, on fakes of the modules that it needs.
type Module struct {
	T        *testing.T
	DB       *database.DB
	Outbox   *outbox.Outbox
	People   *userstest.Fake
	Posts    *poststest.Fake
	Shop     *productstest.Shop
	Mails    *Mails
	Phones   *Phones
	Channels *channel.Store
	Delivery *delivery.Service
	Alerts   *alert.Service
	App      *apptest.App
	Orders   *Orders

	Ana, Ben, Post, Order uuid.UUID // Ana has the post, Ben the order

	subscriptions *subscription.Service
}

// New starts the module.
func New(t *testing.T) *Module {
	t.Helper()
	m := &Module{T: t, DB: dbtest.Clone(t), People: userstest.New(), Posts: poststest.New(), Shop: productstest.NewShop(),
		Mails: &Mails{}, Phones: &Phones{}, Order: uuid.New()}
	m.Outbox = outbox.New(m.DB)
	m.Ana, m.Ben = m.People.Add("ana"), m.People.Add("ben")
	for id, address := range map[uuid.UUID]string{m.Ana: "ana@atrium.test", m.Ben: "ben@atrium.test"} {
		m.People.SetContact(id, users.Contact{DisplayName: "Person", Email: address, EmailVerified: true, Language: "en"})
	}
	m.Post = m.Posts.Add(m.Ana, "A room")
	store := notification.NewStore(m.DB)
	m.Channels, m.Orders = channel.NewStore(m.DB), &Orders{order: m.Order}
	asked := relevance.NewService(relevance.Deps{Relationships: m.People, Activity: m.Posts, Posts: m.Posts, Catalogue: m.Shop, Orders: m.Orders})
	m.Delivery = delivery.NewService(delivery.Deps{
		DB: m.DB, Store: store, Relevance: asked, Channels: m.Channels, Outbox: m.Outbox, People: m.People, Orders: m.Orders,
		Push: m.Phones, Mail: m.Mails,
	})
	m.Alerts = alert.NewService(m.DB, m.Outbox, m.Posts, m.Shop, m.Delivery)
	m.subscriptions = subscription.NewService(store, m.Channels, m.Delivery, m.Posts, m.People)
	m.App = apptest.NewOn(t, m.DB,
		inbox.Routes(inbox.NewHTTP(inbox.NewService(store, asked, m.People), page.NewSigner(make([]byte, 32)))),
		channel.Routes(channel.NewHTTP(channel.NewService(m.DB, m.Channels))))
	return m
}

// Handlers are the module's task handlers.
func (m *Module) Handlers() []tasks.Handler {
	return append(append(delivery.Handlers(m.Delivery), alert.Handlers(m.Alerts)...), subscription.Handlers(m.subscriptions)...)
}

// Publish publishes events and runs all that follows from them.
func (m *Module) Publish(events ...outbox.Event) {
	m.T.Helper()
	for _, e := range events {
		m.PublishOnly(e)
		m.Drain()
	}
}

// PublishOnly publishes an event that nobody handles before the next Drain.
func (m *Module) PublishOnly(e outbox.Event) {
	m.T.Helper()
	require.NoError(m.T, m.DB.InTx(m.T.Context(), func(ctx context.Context) error { return m.Outbox.Publish(ctx, e) }))
}

// Drain runs all that is due.
func (m *Module) Drain() {
	m.T.Helper()
	taskstest.Drain(m.T, m.DB, m.Handlers()...)
}

// RunSubscribers runs the subscribers of all events that nobody handled, and leaves the pushes and mails that follow.
func (m *Module) RunSubscribers() {
	m.T.Helper()
	taskstest.Drain(m.T, m.DB, append(subscription.Handlers(m.subscriptions), alert.Handlers(m.Alerts)...)...)
}

// Liked makes a person like Ana's post, and returns the event.
func (m *Module) Liked(by uuid.UUID) posts.Liked {
	m.Posts.Like(m.Post, by)
	return posts.Liked{PostID: m.Post, AuthorID: m.Ana, UserID: by}
}

// Unliked takes that back, and returns the event.
func (m *Module) Unliked(by uuid.UUID) posts.Unliked {
	m.Posts.Unlike(m.Post, by)
	return posts.Unliked{PostID: m.Post, AuthorID: m.Ana, UserID: by}
}

// Commented writes a comment below Ana's post, in reply to one of parent's (the nil id: to none), and returns the event.
func (m *Module) Commented(by, parent uuid.UUID, mentioned ...uuid.UUID) posts.Commented {
	id := uuid.Must(uuid.NewV7())
	m.Posts.Comment(posts.Comment{ID: id, PostID: m.Post, AuthorID: by, PostAuthorID: m.Ana, ParentAuthorID: parent, Mentioned: mentioned})
	return posts.Commented{CommentID: id, PostID: m.Post, AuthorID: m.Ana, UserID: by, ParentUserID: parent, Mentioned: mentioned}
}

// Mentioned makes Ana's post mention these people, and no others, and returns the event.
func (m *Module) Mentioned(people ...uuid.UUID) posts.Edited {
	m.Posts.Mention(m.Post, people...)
	return posts.Edited{PostID: m.Post, AuthorID: m.Ana, Visibility: posts.Public, Mentioned: people}
}

// Unread is the number of a person's unread notifications, as the API answers it.
func (m *Module) Unread(user uuid.UUID) int64 {
	m.T.Helper()
	return apptest.Read[struct{ Count int64 }](m.Get(user, "/v1/notifications/unread-count")).Count
}

// Notification is one as the API answers it.
type Notification struct {
	ID      uuid.UUID
	Type    string
	Actors  []users.Ref
	Subject Subject
	Text    string
	Read    bool
}

// Subject is what a notification is about, as the API answers it.
type Subject struct {
	Type string
	ID   uuid.UUID
}

// List reads a person's notifications through the API.
func (m *Module) List(user uuid.UUID) []Notification {
	m.T.Helper()
	return apptest.Read[page.List[Notification]](m.Get(user, "/v1/notifications")).Items
}

// Get reads a path as a person.
func (m *Module) Get(user uuid.UUID, path string) *apptest.Response {
	m.T.Helper()
	return m.App.Do(m.T, apptest.Request{Token: apptest.As(user), Method: http.MethodGet, Path: path}).Want(http.StatusOK)
}

// Send sends a request as a person and expects a status.
func (m *Module) Send(user uuid.UUID, method, path string, body any, status int) *apptest.Response {
	m.T.Helper()
	return m.App.Do(m.T, apptest.Request{Token: apptest.As(user), Method: method, Path: path, Body: body}).Want(status)
}

// Phone registers an installation of a person's for pushes.
func (m *Module) Phone(user uuid.UUID, installation, token string) {
	m.T.Helper()
	m.Send(user, http.MethodPut, "/v1/me/devices/"+installation, map[string]string{
		"platform": "ios", "token": token, "locale": "en-GB", "timezone": "Europe/Berlin"}, http.StatusNoContent)
}
