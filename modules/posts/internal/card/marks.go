package card

import (
	"bytes"
	"context"

	"github.com/google/uuid"

	"atrium/platform/database"
)

// marks are what a person liked and saved: of each the newest mostMarks posts, ascending.
type marks struct {
	Likes database.IDs `json:"likes"`
	Saves database.IDs `json:"saves"`
}

// marksOf tells which of the posts the viewer liked and saved.
func (d *Deck) marksOf(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (func(post uuid.UUID) PostViewer, error) {
	if viewer == uuid.Nil || len(ids) == 0 {
		return func(uuid.UUID) PostViewer { return PostViewer{} }, nil
	}
	newest, err := d.marks.Load(ctx, viewer, func(ctx context.Context) (marks, error) { return d.store.marks(ctx, viewer) })
	if err != nil {
		return nil, err
	}
	var older marks
	if old := newest.beyond(ids); len(old) > 0 {
		if older, err = d.store.marked(ctx, viewer, old); err != nil {
			return nil, err
		}
	}
	return func(post uuid.UUID) PostViewer {
		return PostViewer{
			Liked: newest.Likes.Has(post) || older.Likes.Has(post),
			Saved: newest.Saves.Has(post) || older.Saves.Has(post),
		}
	}, nil
}

// beyond are those of the posts that are older than the oldest that is kept, where some were left off.
func (m marks) beyond(ids []uuid.UUID) (old []uuid.UUID) {
	for _, id := range ids {
		if leftOff(m.Likes, id) || leftOff(m.Saves, id) {
			old = append(old, id)
		}
	}
	return old
}

func leftOff(kept database.IDs, id uuid.UUID) bool {
	return len(kept) == mostMarks && bytes.Compare(id[:], kept[0][:]) < 0
}
