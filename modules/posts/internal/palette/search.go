package palette

import (
	"context"
	"slices"

	"github.com/google/uuid"

	"atrium/modules/posts/internal/list"
	"atrium/platform/page"
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

// reach is how far to look: at everything within a radius, or, of a class, at what has so much of the colour.
type reach struct {
	radius int
	class  int // -1: all of them
}

// reaches come one after the other, until there is enough.
var reaches = []reach{{1, 0}, {1, 1}, {1, 2}, {1, 3}, {2, -1}, {3, -1}, {4, -1}, {8, -1}, {12, -1}, {mostTolerance, -1}}

// complete is the rank below which everything is known then.
func (r reach) complete() int {
	if r.class >= 0 && r.class < len(prominence)-1 {
		return completeClass(prominence[r.class])
	}
	return complete(float64(r.radius))
}

// Search finds posts by the colours of their photos.
type Search struct{ store *Store }

func NewSearch(store *Store) *Search { return &Search{store: store} }

// Source lists public posts that the query finds, the nearest first, and among those that the eye does not tell apart those with
// most of the colour. A post's place depends on its photos alone, so no page repeats or misses one, whatever happens meanwhile.
func (s *Search) Source(q Query) list.Source {
	return func(ctx context.Context, after page.Position, n int) ([]page.Position, error) {
		matches, err := s.Nearest(ctx, q, Match{Post: after.ID, Rank: after.Rank - 1}, n)
		spots := make([]page.Position, len(matches))
		for i, m := range matches {
			spots[i] = page.Position{ID: m.Post, Rank: m.Rank + 1} // 0 is the start of a list
		}
		return spots, err
	}
}

// Nearest returns the best n matches after one. Of few photos it compares all. Of many it looks closely first, and further only while
// too little was found: what is within a radius is all known then, so it can be told in order.
func (s *Search) Nearest(ctx context.Context, q Query, after Match, n int) ([]Match, error) {
	l := look{store: s.store, query: q, best: map[uuid.UUID]int{}, seen: map[int32]bool{}}
	few, err := s.store.Few(ctx)
	if err != nil {
		return nil, err
	}
	if few {
		if err := l.lookInto(ctx, nil, nil); err != nil {
			return nil, err
		}
		return best(l.found(after, noMatch), n), nil
	}
	for _, r := range reaches {
		if r.radius > q.Tolerance {
			r.radius = q.Tolerance
		}
		last := r.radius == q.Tolerance && (r.class < 0 || r.class == len(prominence)-1)
		if !last && r.complete() <= after.Rank {
			continue // all of that was on earlier pages
		}
		if err := l.extend(ctx, r); err != nil {
			return nil, err
		}
		limit := noMatch
		if !last {
			limit = r.complete()
		}
		if found := l.found(after, limit); last || len(found) >= n {
			return best(found, n), nil
		}
	}
	return nil, nil
}

// best returns the best n in their order.
func best(found []Match, n int) []Match {
	slices.SortFunc(found, inOrder)
	return found[:min(n, len(found))]
}

// look is one search, which reaches further step by step.
type look struct {
	store *Store
	query Query
	best  map[uuid.UUID]int // ranks of what was seen so far; those below complete(radius) are final
	seen  map[int32]bool    // cells that were looked into
}

// extend looks at every photo within reach that has all the colours: into the cells of the colour that has fewest.
func (l *look) extend(ctx context.Context, r reach) error {
	covers := make([][]int32, len(l.query.Colors))
	for i, color := range l.query.Colors {
		covers[i] = cover(color, float64(r.radius))
	}
	slices.SortFunc(covers, func(a, b []int32) int { return len(a) - len(b) })
	cells, others := covers[0], covers[1:]
	if r.class >= 0 {
		for i, cell := range cells {
			cells[i] = ofClass(cell, r.class)
		}
	}
	if len(others) == 0 { // else what was found in a cell depended on the other colour's radius
		cells = slices.DeleteFunc(cells, func(cell int32) bool {
			was := l.seen[cell]
			l.seen[cell] = true
			return was
		})
	}
	if len(cells) == 0 {
		return nil
	}
	return l.lookInto(ctx, cells, others)
}

// lookInto ranks the photos in cells; without cells all of them.
func (l *look) lookInto(ctx context.Context, cells []int32, others [][]int32) error {
	var tones []Tone
	return l.store.lookUp(ctx, cells, others, l.query, func(post uuid.UUID, kept []byte) {
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
