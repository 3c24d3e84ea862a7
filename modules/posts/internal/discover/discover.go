// Package discover is how people find posts beyond their feed: profiles, explore, hashtags, search, rooms with a product.
package discover

import (
	"context"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/posts/internal/palette"
	"atrium/modules/posts/internal/words"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/page"
)

// Discover makes lists of posts.
type Discover struct {
	cfg       posts.Config
	store     *Store
	lister    *card.Lister
	sight     *card.Sight
	people    users.Directory
	catalogue products.Catalogue
	palettes  *palette.Search
	rankings  *cache.Space[int64, []uuid.UUID]
}

// New makes a Discover.
func New(cfg posts.Config, store *Store, lister *card.Lister, sight *card.Sight, people users.Directory, catalogue products.Catalogue,
	palettes *palette.Search, c *cache.Cache) *Discover {
	return &Discover{cfg: cfg, store: store, lister: lister, sight: sight, people: people, catalogue: catalogue, palettes: palettes,
		rankings: cache.NewSpace[int64, []uuid.UUID](c, "posts.ranking.2", rankingKept, rankingLocal, rankings)}
}

// ByUser lists a person's posts, newest first. Of a private account only its followers see any; users.ErrNotFound where the
// person is hidden.
func (d *Discover) ByUser(ctx context.Context, viewer uuid.UUID, user string, q page.Query) (page.List[card.Post], error) {
	author, err := d.people.Resolve(ctx, user)
	if err != nil {
		return page.List[card.Post]{}, err
	}
	view, err := d.sight.Of(ctx, viewer, []uuid.UUID{author})
	if err != nil {
		return page.List[card.Post]{}, err
	}
	if !view.Person(author) {
		return page.List[card.Post]{}, users.ErrNotFound
	}
	seen := []string{}
	for _, visibility := range []string{posts.Public, posts.Followers, posts.Private} {
		if view.Post(author, visibility) {
			seen = append(seen, visibility)
		}
	}
	return d.lister.Page(ctx, q, card.List{Scope: page.Scope("posts.by_user", viewer, author.String()), Viewer: viewer,
		From: func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
			return d.store.byAuthor(ctx, author, seen, after, n)
		}})
}

// Tagged lists posts with a hashtag, newest first. A tag that nobody used, or that cannot be one, has none.
func (d *Discover) Tagged(ctx context.Context, viewer uuid.UUID, tag string, q page.Query) (page.List[card.Post], error) {
	tag = words.Tag(tag)
	return d.lister.Page(ctx, q, card.List{Scope: page.Scope("posts.tagged", viewer, tag), Viewer: viewer,
		From: func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
			return d.store.tagged(ctx, tag, after, n)
		}})
}

// Showing lists posts with a product pinned on them, those that most people saved first; products.ErrNotFound where there is no such product.
func (d *Discover) Showing(ctx context.Context, viewer uuid.UUID, product string, q page.Query) (page.List[card.Post], error) {
	id, err := d.catalogue.Resolve(ctx, product)
	if err != nil {
		return page.List[card.Post]{}, err
	}
	return d.lister.Page(ctx, q, card.List{Scope: page.Scope("posts.showing", viewer, id.String()), Viewer: viewer,
		From: func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
			return d.store.showing(ctx, id, after, n)
		}})
}
