// Package feed is the personal feed: what the people one follows posted, and oneself, the newest first.
//
// PostgreSQL is the truth. Redis holds, for each person who reads, the newest entries: ids alone, of everything that was
// posted, whoever may see it. What is published is written into them (tasks.go); what may be seen is decided at each reading,
// by card. docs/adr/0040 says why.
package feed

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/database"
	"atrium/platform/page"
)

const (
	// keptFor and keptHere are how long the lists of authors whose posts are fetched stay in the caches; a new post drops them.
	keptFor  = 6 * time.Hour
	keptHere = time.Minute
	// pulledAtMost is how many of those lists this process keeps.
	pulledAtMost = 10_000
)

// Feed makes feeds.
type Feed struct {
	pushUpTo  int
	store     *Store
	graph     users.Graph
	lister    *card.Lister
	timelines *card.Timelines
	pulled    *cache.Space[string, database.IDs]     // all authors whose posts are fetched, under everyone
	authors   *cache.Space[uuid.UUID, []cache.Entry] // the newest of each of them
}

// everyone is the one key of Feed.pulled.
const everyone = "all"

// New makes a Feed.
func New(cfg posts.Config, store *Store, graph users.Graph, lister *card.Lister, timelines *card.Timelines, c *cache.Cache) *Feed {
	return &Feed{
		pushUpTo: cfg.PushUpTo, store: store, graph: graph, lister: lister, timelines: timelines,
		pulled:  cache.NewSpace[string, database.IDs](c, "posts.pulled_authors", keptFor, keptHere, 1),
		authors: cache.NewSpace[uuid.UUID, []cache.Entry](c, "posts.author", keptFor, keptHere, pulledAtMost),
	}
}

// MostNew bounds what CountNew counts.
const MostNew = 100

// Page returns a page of the viewer's feed, without muted people, and where it came from. No post that was there at the
// first page is shown twice or left out, whatever is published or deleted meanwhile.
func (f *Feed) Page(ctx context.Context, viewer uuid.UUID, q page.Query) (page.List[card.Post], cache.Origin, error) {
	r, err := f.open(ctx, viewer)
	if err != nil {
		return page.List[card.Post]{}, "", err
	}
	list, err := f.lister.Page(ctx, q, card.List{
		Scope: page.Scope("posts.feed", viewer), Viewer: viewer, Mutes: true, Circle: true, From: r.after, Lost: r.lost,
	})
	return list, r.origin, err
}

// CountNew returns how many posts of others came into the viewer's feed after a moment, at most MostNew.
func (f *Feed) CountNew(ctx context.Context, viewer uuid.UUID, since time.Time) (int, error) {
	r, err := f.open(ctx, viewer)
	if err != nil {
		return 0, err
	}
	return f.lister.Count(ctx, card.List{
		Viewer: viewer, Mutes: true, Circle: true, Others: true, From: r.until(since), Lost: r.lost,
	}, MostNew)
}

// reading is one person's feed, being read.
type reading struct {
	feed   *Feed
	viewer uuid.UUID
	circle users.Circle
	pulled []uuid.UUID // those of the circle whose posts are fetched
	origin cache.Origin
}

func (f *Feed) open(ctx context.Context, viewer uuid.UUID) (*reading, error) {
	circle, err := f.graph.Circle(ctx, viewer)
	if err != nil {
		return nil, err
	}
	all, err := f.pulled.Load(ctx, everyone, f.store.pulled)
	if err != nil {
		return nil, err
	}
	return &reading{feed: f, viewer: viewer, circle: circle, pulled: shared(all, circle.Following)}, nil
}

// after is the card.Source: the timeline, and among it what pulled authors posted. Where either ends, the database goes on.
func (r *reading) after(ctx context.Context, spot card.Spot, n int) ([]card.Spot, error) {
	from := cache.Entry{At: spot.At, ID: spot.ID}
	stretch, err := r.feed.timelines.Read(ctx, r.viewer, r.circle.Mark, from, n, r.newest)
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
	return spots(entries), nil
}

// until is after, down to a moment.
func (r *reading) until(since time.Time) card.Source {
	return func(ctx context.Context, spot card.Spot, n int) ([]card.Spot, error) {
		found, err := r.after(ctx, spot, n)
		for i, s := range found {
			if !s.At.After(since) {
				return found[:i], err
			}
		}
		return found, err
	}
}

// lost has the timeline made anew: it names posts that were purged.
func (r *reading) lost(ctx context.Context) { r.feed.timelines.Forget(ctx, r.viewer) }

// newest reads the top of the feed from the database.
func (r *reading) newest(ctx context.Context) ([]cache.Entry, error) {
	return r.feed.store.newest(ctx, r.authors(), top, r.feed.timelines.Most())
}

func (r *reading) fromDatabase(ctx context.Context, after cache.Entry, n int) ([]card.Spot, error) {
	entries, err := r.feed.store.newest(ctx, r.authors(), after, n)
	return spots(entries), err
}

// top comes before every entry.
var top = cache.Entry{At: card.Start.At, ID: card.Start.ID}

func (r *reading) authors() []uuid.UUID {
	return append(slices.Clone(r.circle.Following), r.viewer)
}

// fetched returns what the pulled authors posted after an entry. Not whole: some list is cut off too early to tell.
func (r *reading) fetched(ctx context.Context, after cache.Entry, n int) (entries []cache.Entry, whole bool, err error) {
	lists, err := r.feed.authors.LoadMany(ctx, r.pulled, r.feed.newestOf)
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

func (f *Feed) newestOf(ctx context.Context, authors []uuid.UUID) (map[uuid.UUID][]cache.Entry, error) {
	return f.store.newestOf(ctx, authors, f.timelines.Most())
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

func spots(entries []cache.Entry) []card.Spot {
	all := make([]card.Spot, len(entries))
	for i, e := range entries {
		all[i] = card.Spot{At: e.At, ID: e.ID}
	}
	return all
}

// shared are the ids of both ascending lists.
func shared(a, b database.IDs) (both []uuid.UUID) {
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
