// Package erasure removes what a person left behind in posts, once their account is erased.
package erasure

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/database"
	"atrium/platform/outbox"
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
	db      *database.DB
	outbox  *outbox.Outbox
	store   *Store
	deck    *card.Deck
	library uploads.Library
}

// NewEraser makes an Eraser.
func NewEraser(db *database.DB, out *outbox.Outbox, store *Store, deck *card.Deck, library uploads.Library) *Eraser {
	return &Eraser{db: db, outbox: out, store: store, deck: deck, library: library}
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

// Erase removes the person's posts, likes, saves, comments, settings and followed hashtags, each batch in a transaction of its own.
func (e *Eraser) Erase(ctx context.Context, user uuid.UUID) error {
	for _, batch := range []func(ctx context.Context) ([]uuid.UUID, error){
		func(ctx context.Context) ([]uuid.UUID, error) { return e.posts(ctx, user) },
		func(ctx context.Context) ([]uuid.UUID, error) {
			return e.store.reactions(ctx, "post_likes", "like_count", user)
		},
		func(ctx context.Context) ([]uuid.UUID, error) {
			return e.store.reactions(ctx, "post_saves", "save_count", user)
		},
		func(ctx context.Context) ([]uuid.UUID, error) { return e.store.comments(ctx, user) },
		func(ctx context.Context) ([]uuid.UUID, error) { return nil, e.store.settings(ctx, user) },
		func(ctx context.Context) ([]uuid.UUID, error) { return nil, e.store.tags(ctx, user) },
	} {
		if err := e.repeat(ctx, user, batch); err != nil {
			return err
		}
	}
	return nil
}

// repeat runs batches until one is empty.
func (e *Eraser) repeat(ctx context.Context, user uuid.UUID, batch func(ctx context.Context) ([]uuid.UUID, error)) error {
	for {
		var touched []uuid.UUID
		err := e.db.InTx(ctx, func(ctx context.Context) (err error) {
			touched, err = batch(ctx)
			e.db.AfterCommit(ctx, func(ctx context.Context) { e.deck.Marked(ctx, user, touched...) })
			return err
		})
		if err != nil || len(touched) == 0 {
			return err
		}
	}
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
	return ids, e.store.remove(ctx, ids)
}
