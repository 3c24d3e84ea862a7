package render

import (
	"context"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/viewerstate"
	"atrium/modules/products"
	"atrium/modules/uploads"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/plug"
)

const (
	cardTTL   = time.Minute // their URLs expire
	cardBytes = 96 * cache.MB
)

// Deps is what a Renderer needs.
type Deps struct {
	plug.In

	Contents  *content.Cache
	States    *viewerstate.Cache
	People    users.Directory
	Library   uploads.Library
	Catalogue products.Catalogue
	Cache     *cache.Cache
}

// Renderer renders posts. Safe for concurrent use.
type Renderer struct {
	contents  *content.Cache
	states    *viewerstate.Cache
	people    users.Directory
	library   uploads.Library
	catalogue products.Catalogue
	cards     *cache.Derived[uuid.UUID, *card]
}

// NewRenderer returns a renderer that keeps the cards of this process in memory.
func NewRenderer(d Deps) *Renderer {
	return &Renderer{contents: d.Contents, states: d.States, people: d.People, library: d.Library, catalogue: d.Catalogue,
		cards: cache.NewDerived[uuid.UUID, *card](d.Cache, "posts.card", cardTTL, cardBytes)}
}

// Post returns the whole post with its palettes if the viewer may see it, else posts.ErrNotFound. One of which no photo can be read is
// there for its author alone, who can mend or delete it.
func (r *Renderer) Post(ctx context.Context, viewer, id uuid.UUID) (Post, error) {
	c, err := r.contents.Find(ctx, viewer, id)
	if err != nil {
		return Post{}, err
	}
	all, err := r.loadRelated(ctx, map[uuid.UUID]*content.Content{id: c})
	if err != nil {
		return Post{}, err
	}
	stateOf, err := r.states.States(ctx, viewer, []uuid.UUID{id})
	if err != nil {
		return Post{}, err
	}
	author, known := all.people[c.AuthorID]
	if !known {
		return Post{}, posts.ErrNotFound
	}
	own, photos := c.AuthorID == viewer, all.photosOf(c, true)
	if !own && r.unreadable(c, photos) {
		return Post{}, posts.ErrNotFound
	}
	post := toPost(c, all.figures[id], own, author, photos)
	post.Viewer = PostViewer(stateOf(id))
	return post, nil
}

// VisibleCards renders those of the posts that the viewer may see now, as lists show them, by their ids.
func (r *Renderer) VisibleCards(ctx context.Context, viewer uuid.UUID, ids []uuid.UUID) (map[uuid.UUID]Post, error) {
	visible, err := r.contents.FindVisible(ctx, viewer, ids)
	if err != nil {
		return nil, err
	}
	cards, err := r.Cards(ctx, viewer, visible)
	if err != nil {
		return nil, err
	}
	found := make(map[uuid.UUID]Post, len(cards))
	for i, card := range cards {
		if card.Shown() {
			found[visible[i].ID] = card.Post()
		}
	}
	return found, nil
}
