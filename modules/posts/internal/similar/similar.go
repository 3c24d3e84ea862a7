// Package similar finds more rooms like one: of the same colours, with the same hashtags and products, of the same style, the same room.
// It needs nothing but what people posted, and says why.
package similar

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/content"
	"atrium/modules/posts/internal/list"
	"atrium/modules/posts/internal/palette"
	"atrium/modules/posts/internal/render"
	"atrium/modules/uploads"
	"atrium/platform/cache"
	"atrium/platform/page"
)

// Post is a post that is like another.
type Post struct {
	render.Post
	Similarity Similarity `json:"similarity"`
}

// SchemaName is its name in the OpenAPI document.
func (Post) SchemaName() string { return "SimilarPost" }

// Similarity says why.
type Similarity struct {
	Score    float64     `json:"score" example:"0.62" doc:"0..1: half of it palette, the rest hashtags (0.2), products (0.15), style (0.1) and room (0.05)"`
	Palette  float64     `json:"palette" example:"0.9" doc:"0..1: 1 for the same colours"`
	Tags     []string    `json:"tags" doc:"hashtags that both have"`
	Products []uuid.UUID `json:"products" doc:"products that are pinned on both"`
	Style    bool        `json:"style" doc:"both are of one style"`
	Room     bool        `json:"room" doc:"both show the same kind of room"`
}

// What counts how much, in thousandths.
const (
	paletteCounts  = 500
	tagsCount      = 200
	productsCount  = 150
	styleCounts    = 100
	roomCounts     = 50
	leastSimilar   = 100 // below it, nobody would see why
	unlikePalettes = 25  // dE2000 at which two palettes have nothing in common
)

// How long what is like a post is kept.
const (
	keptFor   = 10 * time.Minute
	keptLocal = time.Minute
	keptMost  = 8 * cache.MB
)

// Finder finds similar posts.
type Finder struct {
	store    *Store
	contents *content.Cache
	pager    *list.Pager
	palettes *palette.Store
	search   *palette.Search
	library  uploads.Library
	found    *cache.Space[key, []scored]
}

type key struct {
	ID      uuid.UUID
	Version int64
}

// scored is a post and how much it is like the other, in thousandths.
type scored struct {
	ID    uuid.UUID
	Score int
	Why   Similarity
}

func NewFinder(store *Store, contents *content.Cache, pager *list.Pager, palettes *palette.Store, search *palette.Search, library uploads.Library,
	c *cache.Cache) *Finder {
	return &Finder{store: store, contents: contents, pager: pager, palettes: palettes, search: search, library: library,
		found: cache.NewSpace[key, []scored](c, "posts.similar.1", keptFor, keptLocal, keptMost)}
}

// To lists public posts that are like a post, the most similar first; posts.ErrNotFound where the viewer may not see that one. A post's
// place depends on the two alone, so no page repeats one.
func (f *Finder) To(ctx context.Context, viewer, id uuid.UUID, q page.Query) (page.List[Post], error) {
	to, err := f.contents.Find(ctx, viewer, id)
	if err != nil {
		return page.List[Post]{}, err
	}
	all, err := f.found.Load(ctx, key{id, to.Version}, func(ctx context.Context) ([]scored, error) { return f.find(ctx, to) })
	if err != nil {
		return page.List[Post]{}, err
	}
	made, err := f.pager.Page(ctx, q, list.List{Scope: page.Scope("posts.similar", viewer, id.String()), Viewer: viewer, WithoutMuted: true,
		Source: func(_ context.Context, after page.Position, n int) ([]page.Position, error) {
			return spots(all, after, n), nil
		}})
	why := make(map[uuid.UUID]Similarity, len(all))
	for _, s := range all {
		why[s.ID] = s.Why
	}
	shown := page.List[Post]{Items: make([]Post, len(made.Items)), NextCursor: made.NextCursor}
	for i, card := range made.Items {
		post := card.Post()
		shown.Items[i] = Post{Post: post, Similarity: why[post.ID]}
	}
	return shown, err
}

// spots returns up to n of the posts after one.
func spots(all []scored, after page.Position, n int) []page.Position {
	found := []page.Position{}
	for _, s := range all {
		if len(found) < n && (after.Rank == 0 || inOrder(s, scored{ID: after.ID, Score: after.Rank}) > 0) {
			found = append(found, page.Position{ID: s.ID, Rank: s.Score})
		}
	}
	return found
}

// inOrder puts the most similar first, of equals the youngest.
func inOrder(a, b scored) int {
	return cmp.Or(cmp.Compare(b.Score, a.Score), slices.Compare(b.ID[:], a.ID[:]))
}

// find compares a post with those that have something in common with it.
func (f *Finder) find(ctx context.Context, content *content.Content) ([]scored, error) {
	colors, err := f.colors(ctx, content)
	if err != nil {
		return nil, err
	}
	ids, err := f.candidates(ctx, content, colors)
	if err != nil {
		return nil, err
	}
	traits, err := f.store.traits(ctx, ids)
	if err != nil {
		return nil, err
	}
	palettes, err := f.palettes.Palettes(ctx, ids)
	if err != nil {
		return nil, err
	}
	this := traitsOf(content)
	all := []scored{}
	for _, t := range traits {
		if s := compare(this, t, colors, palettes[t.ID]); s.Score >= leastSimilar {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, inOrder)
	return all, nil
}

// colors returns the palette of the post's first photo that has one: it stands for the post.
func (f *Finder) colors(ctx context.Context, content *content.Content) ([]palette.Tone, error) {
	ids := make([]uuid.UUID, len(content.Photos))
	for i, p := range content.Photos {
		ids[i] = p.ID
	}
	palettes, err := f.library.Palettes(ctx, ids)
	for _, id := range ids {
		if tones := palette.Of(palettes[id]); len(tones) > 0 {
			return tones, err
		}
	}
	return nil, err
}

// How many are looked at.
const (
	byColor   = 150
	byEach    = 60 // with the same hashtag, product, style and room
	tolerance = 12 // dE2000 around the two main colours
)

func (f *Finder) candidates(ctx context.Context, content *content.Content, colors []palette.Tone) ([]uuid.UUID, error) {
	ids, err := f.store.related(ctx, traitsOf(content), byEach)
	if err != nil || len(colors) == 0 {
		return ids, err
	}
	q := palette.Query{Tolerance: tolerance}
	for _, tone := range colors[:min(len(colors), 2)] { // the largest first
		q.Colors = append(q.Colors, tone.Lab)
	}
	matches, err := f.search.Nearest(ctx, q, palette.Before, byColor)
	for _, m := range matches {
		if m.Post != content.ID {
			ids = append(ids, m.Post)
		}
	}
	return ids, err
}

// compare tells how much two posts are alike.
func compare(this, other traits, colors []palette.Tone, palettes [][]palette.Tone) scored {
	why := Similarity{
		Tags: shared(this.Tags, other.Tags), Products: shared(this.Products, other.Products),
		Style: same(this.Style, other.Style), Room: same(this.Room, other.Room),
	}
	if len(colors) > 0 {
		for _, tones := range palettes {
			why.Palette = max(why.Palette, 1-palette.Difference(colors, tones)/unlikePalettes)
		}
	}
	score := paletteCounts*why.Palette + tagsCount*part(this.Tags, other.Tags, why.Tags) + productsCount*part(this.Products, other.Products, why.Products)
	if why.Style {
		score += styleCounts
	}
	if why.Room {
		score += roomCounts
	}
	why.Palette = math.Round(why.Palette*100) / 100
	why.Score = math.Round(score) / 1000
	return scored{ID: other.ID, Score: int(math.Round(score)), Why: why}
}

func shared[T comparable](a, b []T) []T {
	both := []T{}
	for _, one := range a {
		if slices.Contains(b, one) && !slices.Contains(both, one) {
			both = append(both, one)
		}
	}
	return both
}

// part is how much of all that either has both have.
func part[T comparable](a, b, both []T) float64 {
	if len(both) == 0 {
		return 0
	}
	return float64(len(both)) / float64(len(a)+len(b)-len(both))
}

func same(a, b *string) bool { return a != nil && b != nil && *a == *b }
