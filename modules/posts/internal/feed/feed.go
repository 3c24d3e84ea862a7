// Package feed is the personal feed: what the people one follows posted, and oneself, the newest first.
package feed

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/card"
	"atrium/modules/users"
	"atrium/platform/page"
)

// Feed makes feeds by pull: each page reads the newest of every followed author.
type Feed struct {
	store  *Store
	graph  users.Graph
	lister *card.Lister
}

// New makes a Feed.
func New(store *Store, graph users.Graph, lister *card.Lister) *Feed {
	return &Feed{store: store, graph: graph, lister: lister}
}

// MostNew bounds what CountNew counts.
const MostNew = 100

// Page returns a page of the viewer's feed, without muted people. No post that was there at the first page is shown twice or left out,
// whatever is published or deleted meanwhile.
func (f *Feed) Page(ctx context.Context, viewer uuid.UUID, q page.Query) (page.List[card.Post], error) {
	timeline, err := f.timeline(ctx, viewer, true, time.Time{})
	if err != nil {
		return page.List[card.Post]{}, err
	}
	return f.lister.Page(ctx, q, card.List{Scope: page.Scope("posts.feed", viewer), Viewer: viewer, Mutes: true, From: timeline})
}

// CountNew returns how many posts of others came into the viewer's feed after a moment, at most MostNew.
func (f *Feed) CountNew(ctx context.Context, viewer uuid.UUID, since time.Time) (int, error) {
	timeline, err := f.timeline(ctx, viewer, false, since)
	if err != nil {
		return 0, err
	}
	return f.lister.Count(ctx, card.List{Viewer: viewer, Mutes: true, From: timeline}, MostNew)
}

// timeline is the one place that knows where a feed comes from: posts younger than since, of those whom the viewer follows and,
// where own is set, of the viewer.
func (f *Feed) timeline(ctx context.Context, viewer uuid.UUID, own bool, since time.Time) (card.Source, error) {
	authors, err := f.followed(ctx, viewer)
	if err != nil {
		return nil, err
	}
	if own {
		authors = append(authors, viewer)
	}
	return func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
		return f.store.newest(ctx, viewer, authors, after, since, n)
	}, nil
}

// step is how many followed people are asked for at once.
const step = 1000

func (f *Feed) followed(ctx context.Context, viewer uuid.UUID) ([]uuid.UUID, error) {
	var all []uuid.UUID
	for after := uuid.Nil; ; after = all[len(all)-1] {
		ids, err := f.graph.Following(ctx, viewer, after, step)
		if err != nil {
			return nil, err
		}
		all = append(all, ids...)
		if len(ids) < step {
			return all, nil
		}
	}
}
