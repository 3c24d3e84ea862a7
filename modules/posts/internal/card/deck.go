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

// How long contents stay in the cache. The version guards them, so this is about room, not about being right.
const (
	cachedFor  = 24 * time.Hour
	keptFor    = 5 * time.Minute
	keptAtMost = 20_000
)

// Deck turns ids into cards.
type Deck struct {
	store     *Store
	sight     *Sight
	contents  *cache.Space[uuid.UUID, Content]
	people    users.Directory
	library   uploads.Library
	catalogue products.Catalogue
}

// NewDeck makes a Deck.
func NewDeck(store *Store, sight *Sight, c *cache.Cache, people users.Directory, library uploads.Library, catalogue products.Catalogue) *Deck {
	return &Deck{
		store: store, sight: sight, people: people, library: library, catalogue: catalogue,
		contents: cache.NewSpace[uuid.UUID, Content](c, "posts.content.2", cachedFor, keptFor, keptAtMost),
	}
}

// Drop forgets what the posts say. Call it in AfterCommit of every edit.
func (d *Deck) Drop(ctx context.Context, ids ...uuid.UUID) { d.contents.Drop(ctx, ids...) }

// Seen returns the figures of the post if the viewer may see it, else posts.ErrNotFound.
func (d *Deck) Seen(ctx context.Context, viewer, id uuid.UUID) (Figures, error) {
	seen, err := d.visible(ctx, viewer, []uuid.UUID{id}, false)
	if err != nil {
		return Figures{}, err
	}
	if len(seen) == 0 {
		return Figures{}, posts.ErrNotFound
	}
	return seen[0], nil
}

// Read returns the whole post with its palettes, or posts.ErrNotFound.
func (d *Deck) Read(ctx context.Context, viewer, id uuid.UUID) (Post, error) {
	figures, err := d.Seen(ctx, viewer, id)
	if err != nil {
		return Post{}, err
	}
	shown, err := d.show(ctx, []Figures{figures}, true)
	if err != nil {
		return Post{}, err
	}
	post, ok := shown[id]
	if !ok {
		return Post{}, posts.ErrNotFound
	}
	return post, nil
}

// Content returns what a post says if the viewer may see it, else posts.ErrNotFound.
func (d *Deck) Content(ctx context.Context, viewer, id uuid.UUID) (Content, error) {
	figures, err := d.Seen(ctx, viewer, id)
	if err != nil {
		return Content{}, err
	}
	contents, err := d.current(ctx, []Figures{figures})
	if err != nil {
		return Content{}, err
	}
	content, ok := contents[id]
	if !ok {
		return Content{}, posts.ErrNotFound
	}
	return content, nil
}

// Visible keeps the promise of posts.Reader.
func (d *Deck) Visible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]posts.Post, error) {
	seen, err := d.visible(ctx, viewer, ids, false)
	if err != nil {
		return nil, err
	}
	contents, err := d.current(ctx, seen)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]posts.Post, len(contents))
	for id, c := range contents {
		found[id] = posts.Post{ID: id, AuthorID: c.AuthorID, Caption: c.Caption, Visibility: c.Visibility}
	}
	return found, nil
}

// visible returns the figures of those posts that are there and that the viewer may see, in the order of ids.
func (d *Deck) visible(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID, mutes bool) ([]Figures, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	figures, err := d.store.figures(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	authors := make([]uuid.UUID, 0, len(figures))
	for _, f := range figures {
		authors = append(authors, f.AuthorID)
	}
	view, err := d.sight.Of(ctx, viewer, authors)
	if err != nil {
		return nil, err
	}
	seen := make([]Figures, 0, len(figures))
	for _, id := range ids {
		f, ok := figures[id]
		if ok && view.Post(f.AuthorID, f.Visibility) && !(mutes && view.Muted(f.AuthorID)) {
			seen = append(seen, f)
		}
	}
	return seen, nil
}

// current returns the contents at least as new as the figures say.
func (d *Deck) current(ctx context.Context, figures []Figures) (map[uuid.UUID]Content, error) {
	ids := make([]uuid.UUID, len(figures))
	for i, f := range figures {
		ids[i] = f.ID
	}
	cached, err := d.contents.LoadMany(ctx, ids, d.store.Contents)
	if err != nil {
		return nil, err
	}
	var outdated []uuid.UUID
	contents := make(map[uuid.UUID]Content, len(cached))
	for _, f := range figures {
		content, ok := cached[f.ID]
		if ok {
			contents[f.ID] = content
		}
		if ok && content.Version < f.Version {
			outdated = append(outdated, f.ID)
		}
	}
	if len(outdated) == 0 {
		return contents, nil
	}
	d.contents.Drop(ctx, outdated...)
	fresh, err := d.store.Contents(ctx, outdated)
	if err != nil {
		return nil, err
	}
	for id, content := range fresh {
		contents[id] = content
	}
	return contents, nil
}

// unique sorts ids and drops repetitions.
func unique(ids []uuid.UUID) []uuid.UUID {
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return slices.Compare(a[:], b[:]) })
	return slices.Compact(ids)
}
