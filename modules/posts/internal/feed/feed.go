// Package feed is the personal feed: what the people one follows posted, and oneself, the newest first.
//
// PostgreSQL is the truth. Redis holds, for each person who reads, the newest entries: ids alone, of everything that was
// posted, whoever may see it. What is published is written into them by package timeline; what may be seen is decided at each
// reading, by package list. docs/adr/0040 says why.
package feed

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/list"
	"atrium/modules/posts/internal/render"
	"atrium/modules/posts/internal/timeline"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/page"
)

// Feed reads feeds. Safe for concurrent use.
type Feed struct {
	store     *Store
	graph     users.Graph
	pager     *list.Pager
	timelines *timeline.Timelines
	fanOut    *timeline.FanOut
}

// New returns a Feed.
func New(store *Store, graph users.Graph, pager *list.Pager, timelines *timeline.Timelines, fanOut *timeline.FanOut) *Feed {
	return &Feed{store: store, graph: graph, pager: pager, timelines: timelines, fanOut: fanOut}
}

// MostNew bounds what CountNew counts.
const MostNew = 100

// Page returns a page of the viewer's feed, without muted people, and where it came from. No post that was there at the
// first page is shown twice or left out, whatever is published or deleted meanwhile.
func (f *Feed) Page(ctx context.Context, viewer uuid.UUID, q page.Query) (page.List[render.Card], cache.Origin, error) {
	r, err := f.open(ctx, viewer)
	if err != nil {
		return page.List[render.Card]{}, "", err
	}
	made, err := f.pager.Page(ctx, q, list.List{
		Scope: page.Scope("posts.feed", viewer), Viewer: viewer, WithoutMuted: true, OnlyFollowed: true, Source: r.after, OnMissing: r.forget,
	})
	return made, r.origin, err
}

// CountNew returns how many posts of others came into the viewer's feed after a moment, at most MostNew.
func (f *Feed) CountNew(ctx context.Context, viewer uuid.UUID, since time.Time) (int, error) {
	r, err := f.open(ctx, viewer)
	if err != nil {
		return 0, err
	}
	return f.pager.Count(ctx, list.List{
		Viewer: viewer, WithoutMuted: true, OnlyFollowed: true, WithoutOwn: true, Source: r.until(since), OnMissing: r.forget,
	}, MostNew)
}

// reading is one person's feed, being read.
type reading struct {
	feed      *Feed
	viewer    uuid.UUID
	following users.FollowingSet
	pulled    []uuid.UUID // those of them whose posts are fetched
	origin    cache.Origin
}

func (f *Feed) open(ctx context.Context, viewer uuid.UUID) (*reading, error) {
	following, err := f.graph.FollowingSet(ctx, viewer)
	if err != nil {
		return nil, err
	}
	all, err := f.fanOut.Pulled(ctx)
	if err != nil {
		return nil, err
	}
	return &reading{feed: f, viewer: viewer, following: following, pulled: intersection(all, following.IDs)}, nil
}

// after is the list.Source: the timeline, and among it what pulled authors posted. Where either ends, the database goes on.
func (r *reading) after(ctx context.Context, position page.Position, n int) ([]page.Position, error) {
	from := cache.Entry{At: position.At, ID: position.ID}
	stretch, err := r.feed.timelines.Read(ctx, r.viewer, r.following.Version, from, n, r.newest)
	if err != nil {
		return nil, err
	}
	r.origin = stretch.From
	entries := stretch.Entries
	if len(entries) < n && !stretch.Ended {
		return r.fromDatabase(ctx, from, n)
	}
	if len(r.pulled) > 0 {
		more, whole, err := r.fetched(ctx, from, n)
		if err != nil {
			return nil, err
		}
		if !whole {
			return r.fromDatabase(ctx, from, n)
		}
		entries = merged(append(entries, more...), n)
	}
	return positions(entries), nil
}

// until is after, down to a moment.
func (r *reading) until(since time.Time) list.Source {
	return func(ctx context.Context, position page.Position, n int) ([]page.Position, error) {
		found, err := r.after(ctx, position, n)
		for i, s := range found {
			if !s.At.After(since) {
				return found[:i], err
			}
		}
		return found, err
	}
}

// forget has the timeline made anew: it names posts that were purged.
func (r *reading) forget(ctx context.Context) { r.feed.timelines.Forget(ctx, r.viewer) }

// newest reads the top of the feed from the database.
func (r *reading) newest(ctx context.Context) ([]cache.Entry, error) {
	return r.feed.store.newest(ctx, r.authors(), top, r.feed.timelines.Most())
}

func (r *reading) fromDatabase(ctx context.Context, after cache.Entry, n int) ([]page.Position, error) {
	entries, err := r.feed.store.newest(ctx, r.authors(), after, n)
	return positions(entries), err
}

// top comes before every entry.
var top = cache.Entry{At: page.Newest.At, ID: page.Newest.ID}

func (r *reading) authors() []uuid.UUID {
	return append(slices.Clone(r.following.IDs), r.viewer)
}

// fetched returns what the pulled authors posted after an entry. Not whole: some list is cut off too early to tell.
func (r *reading) fetched(ctx context.Context, after cache.Entry, n int) (entries []cache.Entry, whole bool, err error) {
	lists, err := r.feed.fanOut.Newest(ctx, r.pulled)
	if err != nil {
		return nil, false, err
	}
	for _, list := range lists {
		from, _ := slices.BinarySearchFunc(list, after, later)
		if from < len(list) && list[from] == after {
			from++
		}
		rest := list[from:]
		if len(rest) < n && len(list) == r.feed.timelines.Most() {
			return nil, false, nil
		}
		entries = append(entries, rest[:min(n, len(rest))]...)
	}
	return entries, true, nil
}

// merged sorts entries, drops repetitions, and returns the first n.
func merged(entries []cache.Entry, n int) []cache.Entry {
	slices.SortFunc(entries, later)
	entries = slices.Compact(entries)
	return entries[:min(n, len(entries))]
}

// later orders the newest first.
func later(a, b cache.Entry) int {
	if c := b.At.Compare(a.At); c != 0 {
		return c
	}
	return slices.Compare(b.ID[:], a.ID[:])
}

func positions(entries []cache.Entry) []page.Position {
	all := make([]page.Position, len(entries))
	for i, e := range entries {
		all[i] = page.Position{At: e.At, ID: e.ID}
	}
	return all
}

// intersection returns the ids that are in both ascending lists.
func intersection(a, b database.IDs) (both []uuid.UUID) {
	if len(a) > len(b) {
		a, b = b, a
	}
	for _, id := range a {
		if b.Has(id) {
			both = append(both, id)
		}
	}
	return both
}
