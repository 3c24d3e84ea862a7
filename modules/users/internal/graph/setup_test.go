package graph

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"atrium/modules/posts"
	"atrium/modules/uploads/uploadstest"
	"atrium/modules/users"
	"atrium/modules/users/internal/consent"
	"atrium/modules/users/internal/relation"
	"atrium/modules/users/internal/user"
	"atrium/modules/users/internal/usertest"
	"atrium/platform/apptest"
	"atrium/platform/cache"
	"atrium/platform/dbtest"
	"atrium/platform/httpserver"
	"atrium/platform/outbox"
	"atrium/platform/page"
)

// bundle is the capability on a database of its own.
type bundle struct {
	*apptest.App
	t         *testing.T
	db        usertest.Database
	graph     *Service
	relations *relation.Service
	directory *user.Directory
	tastes    tastes
	posts     counts
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
	alike, posts := tastes{}, counts{}
	graph := NewService(Deps{
		DB: db, Outbox: events, Users: people, Directory: directory, Relations: relations, Cursors: page.NewSigner(make([]byte, 32)), Tastes: alike, Posts: posts,
	})
	return &bundle{
		App: apptest.NewOn(t, db, Routes(NewHTTP(graph))), t: t, db: usertest.Database{DB: db},
		graph: graph, relations: relations, directory: directory, tastes: alike, posts: posts,
	}
}

// counts are how many posts people have: a posts.Counts.
type counts map[uuid.UUID]posts.ByVisibility

func (c counts) CountByAuthor(context.Context, []uuid.UUID) (map[uuid.UUID]posts.ByVisibility, error) {
	return c, nil
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
