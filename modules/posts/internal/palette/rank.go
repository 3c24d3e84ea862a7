package palette

import (
	"cmp"
	"math"
	"slices"

	"github.com/google/uuid"
)

// Match is a post that was found, and how well: the smaller, the better.
type Match struct {
	Post uuid.UUID
	Rank int
}

// Before comes before every match.
var Before = Match{Post: uuid.Max, Rank: -1}

// The rank's whole steps of dE come first, which nobody tells apart; within one step counts how much of the picture has the colour.
const (
	step    = 1001
	noMatch = 1 << 30
)

// mostLight bounds how far the lightness of two colours is apart, by their difference: CIEDE2000 divides it by at most so much.
const mostLight = 1.75

// rank compares a photo with the colours asked for: all of them must be in it, at most radius away. Its worst one counts, and the
// smallest share; noMatch if one is not there.
func rank(tones []Tone, targets []Lab, radius float64) int {
	worst, least := 0, step-1
	for _, target := range targets {
		best := noMatch
		for _, tone := range tones {
			if math.Abs(target.L-tone.L) > mostLight*radius {
				continue // most are: a look at the lightness spares the rest of the formula
			}
			if d := DE2000(target, tone.Lab); d <= radius {
				best = min(best, int(d)*step+step-1-int(tone.Share*(step-1)))
			}
		}
		if best == noMatch {
			return noMatch
		}
		worst, least = max(worst, best/step), min(least, step-1-best%step)
	}
	return worst*step + step - 1 - least
}

// complete returns the rank below which everything is known once all within a radius was looked at.
func complete(radius float64) int { return int(radius) * step }

// completeClass is complete once all within 1 was looked at that has the colour on more than a share of the picture.
func completeClass(share float64) int { return step - 1 - int(share*(step-1)) }

// inOrder puts the best first, of equals the youngest.
func inOrder(a, b Match) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), slices.Compare(b.Post[:], a.Post[:]))
}
