// Package discover is how people find posts beyond their feed: profiles, explore, hashtags, search, rooms with a product.
package discover

import (
	"context"
	"slices"
	"strings"
	"time"

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

// How long a ranking is kept, so that who pages through it sees one order.
const (
	rankingFor   = 20 * time.Minute
	rankingLocal = time.Minute
	rankings     = 64
)

// New makes a Discover.
func New(cfg posts.Config, store *Store, lister *card.Lister, sight *card.Sight, people users.Directory, catalogue products.Catalogue, c *cache.Cache) *Discover {
	return &Discover{cfg: cfg, store: store, lister: lister, sight: sight, people: people, catalogue: catalogue,
		rankings: cache.NewSpace[int64, []uuid.UUID](c, "posts.ranking.1", rankingFor, rankingLocal, rankings)}
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

// Explore lists public posts, what people like now first. All pages of one walk show the order of its first page.
func (d *Discover) Explore(ctx context.Context, viewer uuid.UUID, q page.Query) (page.List[card.Post], error) {
	return d.lister.Page(ctx, q, card.List{Scope: page.Scope("posts.explore", viewer), Viewer: viewer, Mutes: true, From: d.ranking})
}

// ranking is the source of explore. A spot names the moment of its ranking and the place in it.
func (d *Discover) ranking(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
	if after.Rank == 0 {
		moment, err := d.moment(ctx)
		if err != nil {
			return nil, err
		}
		after.At = moment
	}
	ids, err := d.rankings.Load(ctx, after.At.UnixMicro(), func(ctx context.Context) ([]uuid.UUID, error) {
		return d.store.ranked(ctx, after.At)
	})
	if err != nil || after.Rank >= len(ids) {
		return nil, err
	}
	ids = ids[after.Rank:]
	spots := make([]card.Spot, min(n, len(ids)))
	for i := range spots {
		spots[i] = card.Spot{At: after.At, ID: ids[i], Rank: after.Rank + i + 1}
	}
	return spots, nil
}

// moment is the moment whose ranking is shown now: this second, or that of a post younger still, so that nobody waits for their own.
func (d *Discover) moment(ctx context.Context) (time.Time, error) {
	newest, err := d.store.newestPublic(ctx)
	second := time.Now().UTC().Truncate(time.Second)
	if newest.After(second) {
		return newest.UTC(), err
	}
	return second, err
}
