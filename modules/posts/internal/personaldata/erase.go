// Package personaldata is what posts keeps about a person: it exports it, and erases it once their account is erased.
package personaldata

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/viewerstate"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/outbox"
	"atrium/platform/plug"
	"atrium/platform/tasks"
)

// Erase removes everything of a person, batch by batch: it may be interrupted and run again.
type Erase struct {
	UserID uuid.UUID `json:"user_id"`
}

// TaskName is the task's name on the wire.
func (Erase) TaskName() string { return "posts.erase" }

// Eraser does it.
type Eraser struct {
	db       *database.DB
	outbox   *outbox.Outbox
	store    *Store
	contents *content.Cache
	counts   *content.Counts
	states   *viewerstate.Cache
	library  uploads.Library
}

// Deps is what an Eraser needs.
type Deps struct {
	plug.In

	DB       *database.DB
	Outbox   *outbox.Outbox
	Store    *Store
	Contents *content.Cache
	Counts   *content.Counts
	States   *viewerstate.Cache
	Library  uploads.Library
}

func NewEraser(d Deps) *Eraser {
	return &Eraser{db: d.DB, outbox: d.Outbox, store: d.Store, contents: d.Contents, counts: d.Counts, states: d.States, library: d.Library}
}

// Handlers is the background work of the erasure.
func Handlers(e *Eraser) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("posts.user_deleted", func(ctx context.Context, _ uuid.UUID, event users.Deleted) error {
			return e.outbox.Enqueue(ctx, Erase{UserID: event.UserID})
		}, tasks.Lasting()),
		tasks.Job(func(ctx context.Context, _ uuid.UUID, t Erase) error { return e.Erase(ctx, t.UserID) },
			tasks.Queue("low"), tasks.Timeout(10*time.Minute)),
	}
}

// Erase removes the person's posts, drafts, likes, saves, comments, boards, settings and followed hashtags, each batch in a transaction of its own.
func (e *Eraser) Erase(ctx context.Context, user uuid.UUID) error {
	once := func(remove func(ctx context.Context, user uuid.UUID) error) batch {
		return func(ctx context.Context) (bool, error) { return false, remove(ctx, user) }
	}
	for _, b := range []batch{
		e.dropping(user, e.posts),
		func(ctx context.Context) (bool, error) { return e.drafts(ctx, user) },
		e.dropping(user, func(ctx context.Context, user uuid.UUID) ([]uuid.UUID, error) {
			return e.store.reactions(ctx, "post_likes", "like_count", user)
		}),
		e.dropping(user, func(ctx context.Context, user uuid.UUID) ([]uuid.UUID, error) {
			return e.store.reactions(ctx, "post_saves", "save_count", user)
		}),
		e.dropping(user, e.store.comments),
		func(ctx context.Context) (bool, error) { return e.store.boards(ctx, user) },
		once(e.store.settings),
		once(e.store.tags),
	} {
		if err := e.repeat(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

// batch removes some rows in the transaction open in ctx, and reports whether there may be more.
type batch func(ctx context.Context) (more bool, err error)

// repeat runs batches until there is nothing more.
func (e *Eraser) repeat(ctx context.Context, b batch) error {
	for {
		var more bool
		err := e.db.InTx(ctx, func(ctx context.Context) (err error) {
			more, err = b(ctx)
			return err
		})
		if err != nil || !more {
			return err
		}
	}
}

// dropping makes a batch of what changes posts: the caches forget them.
func (e *Eraser) dropping(user uuid.UUID, remove func(ctx context.Context, user uuid.UUID) ([]uuid.UUID, error)) batch {
	return func(ctx context.Context) (bool, error) {
		touched, err := remove(ctx, user)
		e.states.Drop(ctx, user)
		e.contents.Drop(ctx, touched...)
		e.contents.DropFigures(ctx, touched...)
		return len(touched) > 0, err
	}
}

func (e *Eraser) drafts(ctx context.Context, user uuid.UUID) (more bool, err error) {
	rows, err := e.store.drafts(ctx, user)
	if err != nil {
		return false, err
	}
	var photos []uuid.UUID
	for _, id := range rows {
		if id != nil {
			photos = append(photos, *id)
		}
	}
	return len(rows) > 0, e.library.Release(ctx, photos)
}

func (e *Eraser) posts(ctx context.Context, user uuid.UUID) ([]uuid.UUID, error) {
	ids, err := e.store.posts(ctx, user)
	if err != nil || len(ids) == 0 {
		return nil, err
	}
	photos, err := e.store.photos(ctx, ids)
	if err != nil {
		return nil, err
	}
	if err := e.library.Release(ctx, photos); err != nil {
		return nil, err
	}
	for _, id := range ids {
		if err := e.outbox.Publish(ctx, posts.Deleted{PostID: id, AuthorID: user}); err != nil {
			return nil, err
		}
	}
	e.counts.Drop(ctx, user)
	return ids, e.store.remove(ctx, ids)
}
