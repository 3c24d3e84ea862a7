package deletion

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/auth/authtest"
	"atrium/modules/posts"
	"atrium/modules/uploads/uploadstest"
	"atrium/modules/users"
	"atrium/modules/users/internal/account"
	"atrium/modules/users/internal/consent"
	"atrium/modules/users/internal/graph"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/modules/users/internal/usertest"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/mail"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// bundle is the capability on a database of its own.
type bundle struct {
	*apptest.App
	t         *testing.T
	db        usertest.Database
	accounts  *account.Service
	deletions *Service
	mails     *mailbox
	graph     *graph.Service
	relations *relation.Service
	directory *user.Directory
	consents  *consent.Service
	library   *uploadstest.Library
	sessions  *authtest.Sessions
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
	web := httpserver.Config{PublicURL: "https://api.atrium.test/"}
	events, copies, library := outbox.New(db), cache.New(nil, zap.NewNop()), uploadstest.NewLibrary()
	consents := consent.NewService(cfg, web, db, copies)
	people := user.NewStore(db, usertest.Master(t))
	directory := user.NewDirectory(db, people, copies, library, consents)
	relations := relation.NewService(db, directory, copies)
	alike := tastes{}
	follows := graph.NewService(graph.Deps{
		DB: db, Outbox: events, Users: people, Directory: directory, Relations: relations, Cursors: page.NewSigner(make([]byte, 32)), Tastes: alike, Posts: posts.Absent{},
	})
	sessions := authtest.NewSessions()
	accounts := account.NewService(account.Deps{
		DB: db, Outbox: events, Library: library, Importer: library, Sessions: sessions, Users: people, Directory: directory,
		Consents: consents, Graph: follows, Posts: posts.Absent{},
	})
	mails := &mailbox{}
	deletions := NewService(Deps{
		Config: cfg, Web: web, Master: usertest.Master(t), DB: db, Outbox: events, Library: library, Mail: mails, Sessions: sessions,
		Users: people, Directory: directory, Consents: consents, Relations: relations, Graph: follows,
	})
	return &bundle{
		App: apptest.NewOn(t, db, Routes(NewHTTP(deletions)), account.Routes(account.NewHTTP(accounts)), graph.Routes(graph.NewHTTP(follows))),
		t:   t, db: usertest.Database{DB: db}, accounts: accounts, deletions: deletions, mails: mails,
		graph: follows, relations: relations, directory: directory, consents: consents, library: library, sessions: sessions,
	}
}

// tastes are people who show what everybody likes, each with how many posts: a posts.Tastes.
type tastes map[uuid.UUID]int64

func (t tastes) Alike(context.Context, uuid.UUID, int) (map[uuid.UUID]int64, error) { return t, nil }

func (b *bundle) follow(t *testing.T, follower, followee uuid.UUID) {
	t.Helper()
	require.NoError(t, b.graph.Follow(t.Context(), follower, followee))
}

// relation returns how other stands to viewer.
func (b *bundle) relation(t *testing.T, viewer, other uuid.UUID) users.Relation {
	t.Helper()
	found, err := b.relations.Relations(context.WithoutCancel(t.Context()), viewer, []uuid.UUID{other})
	require.NoError(t, err)
	return found[other]
}

// join signs somebody up.
func (b *bundle) join(t *testing.T, name string) uuid.UUID {
	t.Helper()
	id, err := b.accounts.SignUp(t.Context(), users.NewPerson{Name: name, Email: name + "@atrium.test", EmailVerified: true})
	require.NoError(t, err)
	return id
}

// joinPrivate signs somebody up who is private.
func (b *bundle) joinPrivate(t *testing.T, name string) uuid.UUID {
	t.Helper()
	id := b.join(t, name)
	b.db.Exec(t, "UPDATE users SET is_private = true WHERE id = ?", id)
	return id
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
