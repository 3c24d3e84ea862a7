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
	for _, radius := range radii {
		last := radius >= q.Tolerance
		radius = min(radius, q.Tolerance)
		if !last && complete(float64(radius)) <= after.Rank {
			continue // all of that was on earlier pages
		}
		found, err := s.within(ctx, q, float64(radius))
		if err != nil {
			return nil, err
		}
		if !last {
			found = slices.DeleteFunc(found, func(m Match) bool { return m.Rank >= complete(float64(radius)) })
		}
		found = slices.DeleteFunc(found, func(m Match) bool { return inOrder(m, after) <= 0 })
		if last || len(found) >= n {
			slices.SortFunc(found, inOrder)
			return found[:min(n, len(found))], nil
		}
	}
	return nil, nil
}

// within returns every post with a photo that has all the colours at most radius away.
func (s *Search) within(ctx context.Context, q Query, radius float64) ([]Match, error) {
	var keys []int32
	for _, color := range q.Colors {
		if covering := cover(color, radius); keys == nil || len(covering) < len(keys) {
			keys = covering
		}
	}
	best := map[uuid.UUID]int{}
	var tones []Tone
	err := s.store.lookUp(ctx, keys, q, func(post uuid.UUID, kept []byte) {
		tones = decodeInto(tones[:0], kept)
		r := rank(tones, q.Colors, radius)
		if was, known := best[post]; r != noMatch && (!known || r < was) {
			best[post] = r
		}
	})
	found := make([]Match, 0, len(best))
	for post, r := range best {
		found = append(found, Match{Post: post, Rank: r})
	}
	return found, err
}
