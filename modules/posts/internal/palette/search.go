package palette

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/card"
)

// Query is what to look for.
type Query struct {
	Colors    []Lab // all of them in one photo; one or two
	Tolerance int   // dE2000, at most 20
	Room      string
	Style     string
	Words     []string // all of them in the caption
}

// mostTolerance is where colours stop being relatives.
const mostTolerance = 20

// radii are how far to look, one after the other, until there is enough.
var radii = []int{1, 2, 4, 8, 12, mostTolerance}

// Search finds posts by the colours of their photos.
type Search struct{ store *Store }

// NewSearch makes a Search.
func NewSearch(store *Store) *Search { return &Search{store: store} }

// Source lists public posts that the query finds, the nearest first, and among those that the eye does not tell apart those with
// most of the colour. A post's place depends on its photos alone, so no page repeats or misses one, whatever happens meanwhile.
func (s *Search) Source(q Query) card.Source {
	return func(ctx context.Context, after card.Spot, n int) ([]card.Spot, error) {
		matches, err := s.Nearest(ctx, q, Match{Post: after.ID, Rank: after.Rank - 1}, n)
		spots := make([]card.Spot, len(matches))
		for i, m := range matches {
			spots[i] = card.Spot{ID: m.Post, Rank: m.Rank + 1} // 0 is the start of a list
		}
		return spots, err
	}
}

// Nearest returns the best n matches after one. It looks closely first, and further only while too little was found: what is within
// a radius is all known then, so it can be told in order.
func (s *Search) Nearest(ctx context.Context, q Query, after Match, n int) ([]Match, error) {
	l := look{store: s.store, query: q, best: map[uuid.UUID]int{}, seen: map[int32]bool{}}
	for _, radius := range radii {
		last := radius >= q.Tolerance
		radius = min(radius, q.Tolerance)
		if !last && complete(float64(radius)) <= after.Rank {
			continue // all of that was on earlier pages
		}
		if err := l.reach(ctx, float64(radius)); err != nil {
			return nil, err
		}
		limit := noMatch
		if !last {
			limit = complete(float64(radius))
		}
		if found := l.found(after, limit); last || len(found) >= n {
			slices.SortFunc(found, inOrder)
			return found[:min(n, len(found))], nil
		}
	}
	return nil, nil
}

// look is one search, which reaches further step by step.
type look struct {
	store *Store
	query Query
	best  map[uuid.UUID]int // ranks of what was seen so far; those below complete(radius) are final
	seen  map[int32]bool    // cells that were looked into
}

// reach looks at every photo that has all the colours at most radius away.
func (l *look) reach(ctx context.Context, radius float64) error {
	var cells []int32
	for _, color := range l.query.Colors {
		if covering := cover(color, radius); cells == nil || len(covering) < len(cells) {
			cells = covering
		}
	}
	cells = slices.DeleteFunc(cells, func(cell int32) bool {
		was := l.seen[cell]
		l.seen[cell] = true
		return was
	})
	var tones []Tone
	return l.store.lookUp(ctx, cells, l.query, func(post uuid.UUID, kept []byte) {
		tones = decodeInto(tones[:0], kept)
		r := rank(tones, l.query.Colors, float64(l.query.Tolerance))
		if was, known := l.best[post]; r != noMatch && (!known || r < was) {
			l.best[post] = r
		}
	})
}

// found are the matches after one whose rank is below a limit.
func (l *look) found(after Match, limit int) []Match {
	found := make([]Match, 0, len(l.best))
	for post, r := range l.best {
		if m := (Match{Post: post, Rank: r}); r < limit && inOrder(m, after) > 0 {
			found = append(found, m)
		}
	}
	return found
}
