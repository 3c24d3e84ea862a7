package internal

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/auth/authtest"
	"atrium/modules/uploads/uploadstest"
	"atrium/modules/users"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// bundle is the module on a database of its own.
type bundle struct {
	*apptest.App
	t         *testing.T
	db        *database.DB
	people    *People
	graph     *Graph
	directory *Directory
	library   *uploadstest.Library
	mails     *mailbox
	sessions  *authtest.Sessions
	tastes    tastes
}

// mailbox keeps what was sent; Down refuses it.
type mailbox struct {
	mu   sync.Mutex
	sent []mail.Message
	down error
}

// Send satisfies mail.Sender.
func (m *mailbox) Send(_ context.Context, message mail.Message) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.down == nil {
		m.sent = append(m.sent, message)
	}
	return m.down
}

func setup(t *testing.T, change ...func(*users.Config)) *bundle {
	t.Helper()
	db := dbtest.Clone(t)
	cfg := users.Config{
		EraseAfter: 14 * 24 * time.Hour,
		Documents:  []users.Document{{Name: "terms", Version: "2026-01", URL: "{public_url}/legal/terms"}},
	}
	for _, c := range change {
		c(&cfg)
	}
	library := uploadstest.NewLibrary()
	directory := NewDirectory(cfg, db, cache.New(nil, zap.NewNop()), library, "https://api.atrium.test")
	mails, sessions := &mailbox{}, authtest.NewSessions()
	people := NewPeople(cfg, Deps{DB: db, Outbox: outbox.New(db), Library: library, Pictures: library, Mail: mails, Sessions: sessions, Directory: directory,
		LinkKey: make([]byte, 32), PublicURL: "https://api.atrium.test/"})
	alike := tastes{}
	graph := NewGraph(db, outbox.New(db), directory, page.NewSigner(make([]byte, 32)), alike)
	return &bundle{
		App: apptest.NewOn(t, db, httpserver.Routes{Module: "users", Register: NewHTTP(people, graph).Register}),
		t:   t, db: db, people: people, graph: graph, directory: directory, library: library, mails: mails, sessions: sessions, tastes: alike,
	}
}

// tastes are people who show what everybody likes, each with how many posts: a posts.Tastes.
type tastes map[uuid.UUID]int64

func (t tastes) Alike(context.Context, uuid.UUID, int) (map[uuid.UUID]int64, error) { return t, nil }

// join signs somebody up.
func (b *bundle) join(t *testing.T, name string) uuid.UUID {
	t.Helper()
	id, err := b.people.SignUp(t.Context(), users.NewPerson{Name: name, Email: name + "@atrium.test", EmailVerified: true})
	require.NoError(t, err)
	return id
}

// private signs somebody up who is private.
func (b *bundle) private(t *testing.T, name string) uuid.UUID {
	t.Helper()
	id := b.join(t, name)
	b.exec(t, "UPDATE users SET is_private = true WHERE id = ?", id)
	return id
}

func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	require.NoError(t, b.db.Conn(t.Context()).Exec(statement, args...).Error)
}

func (b *bundle) number(t *testing.T, query string, args ...any) (n int64) {
	t.Helper()
	require.NoError(t, b.db.Conn(t.Context()).Raw(query, args...).Scan(&n).Error)
	return n
}

func (b *bundle) events(t *testing.T, name string) int64 {
	t.Helper()
	return b.number(t, "SELECT count(*) FROM outbox WHERE name = ?", name)
}

// figuresHold checks that every figure equals its rows.
func (b *bundle) figuresHold(t *testing.T) {
	t.Helper()
	require.Zero(t, b.number(t, `SELECT count(*) FROM users u WHERE
		u.followers <> (SELECT count(*) FROM user_follows f WHERE f.followee_id = u.id) OR
		u.following <> (SELECT count(*) FROM user_follows f WHERE f.follower_id = u.id)`), "a figure differs from its rows")
}

func (b *bundle) follow(t *testing.T, follower, followee uuid.UUID) {
	t.Helper()
	require.NoError(t, b.graph.Follow(t.Context(), follower, followee))
}

// relation is how other stands to viewer.
func (b *bundle) relation(t *testing.T, viewer, other uuid.UUID) users.Relation {
	t.Helper()
	found, err := b.graph.Relations(context.WithoutCancel(t.Context()), viewer, []uuid.UUID{other})
	require.NoError(t, err)
	return found[other]
}
