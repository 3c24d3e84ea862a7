package card

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/cache"
)

// How long things stay in the cache. Every change drops them, so this is about room, not about being right.
const (
	cachedFor  = 24 * time.Hour
	keptFor    = 5 * time.Minute
	keptAtMost = 20_000
	shownFor   = time.Minute // cards, which carry URLs that expire
)

// Deck turns ids into cards.
type Deck struct {
	store     *Store
	sight     *Sight
	contents  *cache.Space[uuid.UUID, *Content]
	marks     *cache.Space[uuid.UUID, marks] // by person
	shown     *cache.Derived[uuid.UUID, *written]
	timelines *Timelines
	people    users.Directory
	library   uploads.Library
	catalogue products.Catalogue
	mutes     users.Mutes
}

// NewDeck makes a Deck.
func NewDeck(store *Store, sight *Sight, c *cache.Cache, timelines *Timelines, people users.Directory, library uploads.Library,
	catalogue products.Catalogue, mutes users.Mutes) *Deck {
	return &Deck{
		store: store, sight: sight, timelines: timelines, people: people, library: library, catalogue: catalogue, mutes: mutes,
		contents: cache.NewSpace[uuid.UUID, *Content](c, "posts.content.4", cachedFor, keptFor, keptAtMost),
		marks:    cache.NewSpace[uuid.UUID, marks](c, "posts.marks", cachedFor, keptFor, keptAtMost),
		shown:    cache.NewDerived[uuid.UUID, *written](c, "posts.card", shownFor, keptAtMost),
	}
}

// Drop forgets the posts. Call it in AfterCommit of whatever changes a post's row: edits, deletions, its counters.
func (d *Deck) Drop(ctx context.Context, ids ...uuid.UUID) { d.contents.Drop(ctx, ids...) }

// Marked forgets a post and what the person liked and saved. Call it in AfterCommit of a like, a save, and their end.
func (d *Deck) Marked(ctx context.Context, user uuid.UUID, posts ...uuid.UUID) {
	d.marks.Drop(ctx, user)
	d.contents.Drop(ctx, posts...)
}

// Appeared makes the author see a post in their own feed at once. Call it in AfterCommit of what publishes or restores one.
func (d *Deck) Appeared(ctx context.Context, author uuid.UUID) { d.timelines.Forget(ctx, author) }

// Seen returns the figures of the post if the viewer may see it, else posts.ErrNotFound.
func (d *Deck) Seen(ctx context.Context, viewer, id uuid.UUID) (Figures, error) {
	c, err := d.Content(ctx, viewer, id)
	if err != nil {
		return Figures{}, err
	}
	mark, err := d.marksOf(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return Figures{}, err
	}
	return Figures{
		ID: id, AuthorID: c.AuthorID, Visibility: c.Visibility, Version: c.Version, Likes: c.Likes, Comments: c.Comments, Saves: c.Saves,
		Own: c.AuthorID == viewer, Liked: mark(id).Liked, Saved: mark(id).Saved,
	}, nil
}

// Read returns the whole post with its palettes, or posts.ErrNotFound.
func (d *Deck) Read(ctx context.Context, viewer, id uuid.UUID) (Post, error) {
	c, err := d.Content(ctx, viewer, id)
	if err != nil {
		return Post{}, err
	}
	all, err := d.around(ctx, map[uuid.UUID]*Content{id: c})
	if err != nil {
		return Post{}, err
	}
	mark, err := d.marksOf(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return Post{}, err
	}
	author, known := all.people[c.AuthorID]
	if !known {
		return Post{}, posts.ErrNotFound
	}
	post := toPost(c, c.AuthorID == viewer, author, all.dress(c, true))
	post.Viewer = mark(id)
	return post, nil
}

// Cards returns those of the posts that the viewer may see now, without palettes.
func (d *Deck) Cards(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Post, error) {
	seen, err := d.visible(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	return d.show(ctx, viewer, seen)
}

// Content returns what a post says if the viewer may see it, else posts.ErrNotFound.
func (d *Deck) Content(ctx context.Context, viewer, id uuid.UUID) (*Content, error) {
	seen, err := d.visible(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return nil, err
	}
	if len(seen) == 0 {
		return nil, posts.ErrNotFound
	}
	return seen[0], nil
}

// Visible keeps the promise of posts.Reader.
func (d *Deck) Visible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]posts.Post, error) {
	seen, err := d.visible(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]posts.Post, len(seen))
	for _, c := range seen {
		found[c.ID] = posts.Post{ID: c.ID, AuthorID: c.AuthorID, Caption: c.Caption, Visibility: c.Visibility}
	}
	return found, nil
}

// visible returns those of the posts that are there and that the viewer may see, in the order of ids.
func (d *Deck) visible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) ([]*Content, error) {
	found, err := d.contents.LoadMany(ctx, ids, d.store.Contents)
	if err != nil {
		return nil, err
	}
	view, err := d.sight.Of(ctx, viewer, authors(found))
	if err != nil {
		return nil, err
	}
	seen := make([]*Content, 0, len(ids))
	for _, id := range ids {
		if c, ok := found[id]; ok && !c.Gone && view.Post(c.AuthorID, c.Visibility) {
			seen = append(seen, c)
		}
	}
	return seen, nil
}

func authors(contents map[uuid.UUID]*Content) []uuid.UUID {
	all := make([]uuid.UUID, 0, len(contents))
	for _, c := range contents {
		all = append(all, c.AuthorID)
	}
	return all
}

// unique sorts ids and drops repetitions.
func unique(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
