package palette

import (
	"context"
	"database/sql/driver"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/uploads"
	"atrium/platform/database"
	"atrium/platform/tasks"
)

// Indexer keeps the palettes of public posts as the posts are.
type Indexer struct {
	db      *database.DB
	store   *Store
	library uploads.Library
}

func NewIndexer(db *database.DB, store *Store, library uploads.Library) *Indexer {
	return &Indexer{db: db, store: store, library: library}
}

// Handlers follow what happens to posts. A purged post takes its palettes along.
func Handlers(x *Indexer) []tasks.Handler {
	return []tasks.Handler{
		tasks.Subscriber("posts.palette_published", func(ctx context.Context, _ uuid.UUID, e posts.Published) error { return x.Keep(ctx, e.PostID) }),
		tasks.Subscriber("posts.palette_edited", func(ctx context.Context, _ uuid.UUID, e posts.Edited) error { return x.Keep(ctx, e.PostID) }),
		tasks.Subscriber("posts.palette_deleted", func(ctx context.Context, _ uuid.UUID, e posts.Deleted) error { return x.Keep(ctx, e.PostID) }),
		tasks.Subscriber("posts.palette_restored", func(ctx context.Context, _ uuid.UUID, e posts.Restored) error { return x.Keep(ctx, e.PostID) }),
	}
}

// Schedules fill in what is missing: posts from before there were palettes, and whatever an event did not reach.
func Schedules(x *Indexer) []tasks.Schedule {
	return []tasks.Schedule{{Name: "posts.palettes", Every: time.Minute, Run: x.Walk}}
}

// Keep makes the palettes of posts those of their photos as they are now: none for a post that is not there or not for everybody.
// It reads the posts themselves, so that it does not matter in which order events arrive, nor how often.
func (x *Indexer) Keep(ctx context.Context, ids ...uuid.UUID) error {
	return x.db.InTx(ctx, func(ctx context.Context) error {
		subjects, err := x.store.lock(ctx, ids)
		if err != nil {
			return err
		}
		public := map[uuid.UUID]subject{}
		for _, s := range subjects {
			if s.Visibility == posts.Public && !s.Deleted {
				public[s.ID] = s
			}
		}
		photos, err := x.photos(ctx, public)
		if err != nil {
			return err
		}
		return x.store.replace(ctx, ids, photos)
	})
}

// photos returns the rows of the posts' photos.
func (x *Indexer) photos(ctx context.Context, public map[uuid.UUID]subject) ([]Photo, error) {
	if len(public) == 0 {
		return nil, nil
	}
	ids := make([]uuid.UUID, 0, len(public))
	for id := range public {
		ids = append(ids, id)
	}
	places, err := x.store.photos(ctx, ids)
	if err != nil {
		return nil, err
	}
	of := make([]uuid.UUID, len(places))
	for i, p := range places {
		of[i] = p.PhotoID
	}
	palettes, err := x.library.Palettes(ctx, of)
	if err != nil {
		return nil, err
	}
	var rows []Photo
	for _, p := range places {
		if tones := Of(palettes[p.PhotoID]); len(tones) > 0 {
			post := public[p.PostID]
			rows = append(rows, Photo{PhotoID: p.PhotoID, PostID: p.PostID, Room: post.Room, Style: post.Style, Tones: encode(tones), Cells: cellsOf(tones)})
		}
	}
	return rows, nil
}

const (
	stride   = 500 // posts in one transaction
	interval = 24 * time.Hour
)

// Walk goes through all posts by id and mends what is outdated. It writes down how far it came with each step, so that it goes on there
// after an interruption, on whichever instance; having come to the end it rests for a day.
func (x *Indexer) Walk(ctx context.Context) error {
	for {
		var ended bool
		err := x.db.InTx(ctx, func(ctx context.Context) (err error) {
			ended, err = x.stride(ctx)
			return err
		})
		if err != nil || ended {
			return err
		}
	}
}

func (x *Indexer) stride(ctx context.Context) (ended bool, err error) {
	at, err := x.store.resume(ctx)
	if err != nil {
		return false, err
	}
	if at.EndedAt != nil && time.Since(*at.EndedAt) < interval {
		return true, nil
	}
	ids, err := x.store.next(ctx, at.After, stride)
	if err != nil {
		return false, err
	}
	if len(ids) == 0 {
		return true, x.store.progress(ctx, uuid.Nil, true)
	}
	outdated, err := x.store.outdated(ctx, ids)
	if err != nil {
		return false, err
	}
	if len(outdated) > 0 {
		if err := x.Keep(ctx, outdated...); err != nil {
			return false, err
		}
	}
	return false, x.store.progress(ctx, ids[len(ids)-1], false)
}

// cells is a list of keys in a column.
type cells []int32

// Value hands the list to the driver.
func (c cells) Value() (driver.Value, error) { return database.Array([]int32(c)).Value() }
