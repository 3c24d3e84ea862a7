// Package discover is how people find posts beyond their feed: profiles, explore, hashtags, search, rooms with a product.
package discover

import (
	"context"
	"slices"
	"strings"

	"github.com/google/uuid"

	"atrium/modules/posts"
	"atrium/modules/posts/internal/card"
	"atrium/modules/posts/internal/words"
	"atrium/modules/products"
	"atrium/modules/users"
	"atrium/platform/cache"
	"atrium/platform/fault"
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
	rankings  *cache.Space[int64, []uuid.UUID]
}

// New makes a Discover.
func New(cfg posts.Config, store *Store, lister *card.Lister, sight *card.Sight, people users.Directory, catalogue products.Catalogue, c *cache.Cache) *Discover {
	return &Discover{cfg: cfg, store: store, lister: lister, sight: sight, people: people, catalogue: catalogue,
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

// Showing lists posts with a product pinned on them, newest first; products.ErrNotFound where there is no such product.
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

// Search is what to look for; empty: anything.
type Search struct{ Text, Room, Style string }

// Search lists public posts, newest first.
func (d *Discover) Search(ctx context.Context, viewer uuid.UUID, search Search, q page.Query) (page.List[card.Post], error) {
	var wrong []fault.Field
	if search.Room != "" && !slices.Contains(d.cfg.Rooms, search.Room) {
		wrong = append(wrong, fault.Field{Pointer: "query.room", Detail: "is not one of those in GET /v1/config"})
	}
	if search.Style != "" && !slices.Contains(d.cfg.Styles, search.Style) {
		wrong = append(wrong, fault.Field{Pointer: "query.style", Detail: "is not one of those in GET /v1/config"})
	}
	if len(wrong) > 0 {
		return page.List[card.Post]{}, fault.Invalid(posts.ErrInvalid.Code, posts.ErrInvalid.Message, wrong...)
	}
	parts := strings.Fields(search.Text)
	scope := page.Scope("posts.search", viewer, append(parts, "room", search.Room, "style", search.Style)...)
	return d.lister.Page(ctx, q, card.List{Scope: scope, Viewer: viewer,
		From: func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
			return d.store.found(ctx, parts, search.Room, search.Style, after, n)
		}})
}
