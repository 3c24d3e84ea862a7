package palette

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/platform/stacktest"
)

// near draws a colour somewhere between one and another, mostly close to the first.
func near(r *rand.Rand, c, other Lab) Lab {
	f := r.Float64()
	f *= f
	return Lab{c.L + (other.L-c.L)*f, c.A + (other.A-c.A)*f, c.B + (other.B-c.B)*f}
}

func TestCells_PropertyNothingWithinTheRadiusIsLost(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(5, uint64(stacktest.Budget(6, int(rand.Uint32()))))) // another seed in each soak
	for range stacktest.Budget(80_000, 20_000_000) {
		target := anyColor(r)
		color := near(r, target, anyColor(r))
		distance := DE2000(target, color)
		if distance > mostTolerance {
			continue
		}
		for _, edge := range []float64{fine, 2, 4, coarse, 16, 32, whole} {
			low := func(value float64) float64 { return float64(index(value+128, edge))*edge - 128 }
			c := cell{Lab{float64(index(color.L, edge)) * edge, low(color.A), low(color.B)}, edge}
			if edge < edgeFor(distance) {
				continue // never asked
			}
			require.True(t, c.mayHold(target, distance), "edge %v: %v from %v is at %v", edge, color, target, distance)
		}
	}
}

func TestCover_HasTheCellsOfWhatIsNear(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(7, 8))
	for range stacktest.Budget(20, 600) {
		target := anyColor(r)
		for _, radius := range []float64{1, 2, 3, 4, 8, 12, mostTolerance} {
			keys := cover(target, radius)
			edge := float64(keys[0] >> 24)
			require.Contains(t, keys, cellOf(target, edge))
			slices.Sort(keys)
			require.Equal(t, len(keys), len(slices.Compact(keys)), "each once")
			for range 200 {
				color := near(r, target, anyColor(r))
				if DE2000(target, color) <= radius {
					_, found := slices.BinarySearch(keys, cellOf(color, edge))
					require.True(t, found, "%v from %v within %v", color, target, radius)
				}
			}
		}
	}
}

func BenchmarkDE2000(b *testing.B) {
	p, q := Lab{75, 2, 16}, Lab{31, -12, -4}
	for b.Loop() {
		p.L = 75 + DE2000(p, q)*1e-9
	}
}

func BenchmarkCover(b *testing.B) {
	r := rand.New(rand.NewPCG(9, 10))
	for _, radius := range []float64{1, 2, 3, 4, 8, 12, 20} {
		cells, n := 0, 0
		b.Run(fmt.Sprint(radius), func(b *testing.B) {
			for b.Loop() {
				cells += len(cover(anyColor(r), radius))
				n++
			}
			b.ReportMetric(float64(cells)/float64(n), "cells/op")
		})
	}
}
