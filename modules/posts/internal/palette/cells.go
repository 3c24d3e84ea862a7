package palette

import "math"

// CIELAB is cut into cubes, and a palette is found by those that its colours lie in: small ones to look closely, large ones to look far.
const (
	fine   = 1
	middle = 4
	coarse = 8
	whole  = 64 // where the search for cells begins
)

// edges are those by which palettes are found.
var edges = []float64{fine, middle, coarse}

// edgeFor returns the edge of the cells to look into for what is at most radius away.
func edgeFor(radius float64) float64 {
	switch {
	case radius <= 2:
		return fine
	case radius <= 4:
		return middle
	}
	return coarse
}

// mostFine is how many fine cells are looked into; where there are more, around strong colours, middle ones are.
const mostFine = 700

// prominence are the shares of the picture from which on a colour belongs to the first, second, ... class. In its fine cell a photo is
// also found by the class: many have a colour as common as beige, and those that have most of it come first.
var prominence = []float64{0.4, 0.2, 0.1, 0}

func classOf(share float64) int {
	for class, from := range prominence {
		if share >= from {
			return class
		}
	}
	return len(prominence) - 1
}

// ofClass is the key of a fine cell's photos that have so much of the colour.
func ofClass(cell int32, class int) int32 { return cell | int32(class+1)<<28 } // four classes

// What some points of a cell say about all the colours in it. CIEDE2000 is no metric, and far away it jumps where hues are opposite, so
// the figures were measured over millions of pairs of colours; a property test holds them against others.
const (
	bent     = 3    // at most so many times as far as any colour of a cell is the point that is nearest in CIELAB
	bentLess = 2.25 // likewise, of a coarse cell or a smaller one
	nothing  = 0.25 // below it, that says nothing

	jumps       = 12 // the distance from which the formula may jump within a cell
	slackFine   = 0.4
	slackMiddle = 1.5
	slackCoarse = 2.5 // no colour of a cell is nearer than its nearest corner, centre or nearest point by more
)

// cell is a cube of CIELAB.
type cell struct {
	low  Lab
	edge float64
}

// cellOf returns the key of the cell of an edge in which a colour lies.
func cellOf(c Lab, edge float64) int32 {
	key := int32(index(c.L, edge))<<16 | int32(index(c.A+128, edge))<<8 | int32(index(c.B+128, edge))
	return key | int32(edge)<<24 // no key of another edge
}

func index(value, edge float64) int { return int(min(max(value, 0), 255) / edge) }

// cellsOf returns the keys by which a palette is found, each once.
func cellsOf(tones []Tone) []int32 {
	var keys []int32
	seen := map[int32]bool{}
	add := func(key int32) {
		if !seen[key] {
			seen[key] = true
			keys = append(keys, key)
		}
	}
	for _, tone := range tones {
		for _, edge := range edges {
			add(cellOf(tone.Lab, edge))
		}
		add(ofClass(cellOf(tone.Lab, fine), classOf(tone.Share)))
	}
	return keys
}

// cover returns the keys of cells that together hold every colour at most radius (dE2000) from the target.
func cover(target Lab, radius float64) []int32 {
	edge := edgeFor(radius)
	keys := coverBy(target, radius, edge)
	if edge == fine && radius > 1 && len(keys) > mostFine {
		return coverBy(target, radius, middle)
	}
	return keys
}

func coverBy(target Lab, radius, edge float64) []int32 {
	var keys []int32
	for l := 0.0; l <= 100; l += whole {
		for a := -128.0; a < 128; a += whole {
			for b := -128.0; b < 128; b += whole {
				keys = cell{Lab{l, a, b}, whole}.cover(keys, target, radius, edge)
			}
		}
	}
	return keys
}

// cover looks into a cell as long as it may hold something near, down to cells of the edge asked for.
func (c cell) cover(keys []int32, target Lab, radius, edge float64) []int32 {
	if !c.mayHold(target, radius) {
		return keys
	}
	if c.edge == edge {
		return append(keys, cellOf(c.centre(), edge))
	}
	half := c.edge / 2
	for i := range 8 {
		if low := c.corner(i, half); low.L <= 100 {
			keys = cell{low, half}.cover(keys, target, radius, edge)
		}
	}
	return keys
}

// mayHold reports whether a colour in the cell may be at most radius from the target.
func (c cell) mayHold(target Lab, radius float64) bool {
	limit := bent * radius
	if c.edge <= coarse {
		limit = bentLess * radius
	}
	nearest := DE2000(target, Lab{c.clamp(target.L, c.low.L), c.clamp(target.A, c.low.A), c.clamp(target.B, c.low.B)})
	if nearest > limit+nothing {
		return false
	}
	if c.edge > coarse || radius > jumps {
		return true
	}
	switch {
	case c.edge <= fine:
		limit = radius + slackFine
	case c.edge <= middle:
		limit = radius + slackMiddle
	default:
		limit = radius + slackCoarse
	}
	if nearest <= limit || DE2000(target, c.centre()) <= limit {
		return true
	}
	for i := range 8 {
		if DE2000(target, c.corner(i, c.edge)) <= limit {
			return true
		}
	}
	return false
}

// corner returns one of the eight corners of the cube of an edge that begins where the cell does.
func (c cell) corner(i int, edge float64) Lab {
	return Lab{c.low.L + edge*float64(i&1), c.low.A + edge*float64(i>>1&1), c.low.B + edge*float64(i>>2)}
}

func (c cell) clamp(value, low float64) float64 { return min(max(value, low), low+c.edge) }

func (c cell) centre() Lab {
	return Lab{c.low.L + c.edge/2, c.low.A + c.edge/2, c.low.B + c.edge/2}
}

// fixed is how finely a colour is kept: a hundredth of a unit, far below what anybody sees.
func fixed(value float64) int16 { return int16(math.Round(value * 100)) }
