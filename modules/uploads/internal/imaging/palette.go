package imaging

import (
	"cmp"
	"image"
	"math"
	"slices"

	"github.com/lucasb-eyer/go-colorful"

	"atrium/platform/photo"
)

const (
	maxColors     = 6
	distinct      = 0.10 // distance in CIELAB (L in 0..1) below which two colours are one to the eye of a decorator
	leastWeight   = 0.02 // share of the picture below which a colour is only a seam between others
	binsPerUnit   = 20   // of the histogram: 1/20 of L's range
	rounds        = 8    // of k-means; it settles in fewer
	weightUnits   = 10_000
	noColorChosen = -1
)

// lab is a colour in CIELAB with how many pixels have it.
type lab struct {
	l, a, b float64
	count   float64
}

func (c lab) distance(o lab) float64 {
	return math.Sqrt((c.l-o.l)*(c.l-o.l) + (c.a-o.a)*(c.a-o.a) + (c.b-o.b)*(c.b-o.b))
}

// palette returns at most six colours that tell the picture, largest first; their weights sum to 1. The same picture gives
// the same palette: k-means over a histogram, with seeds that are chosen and not drawn.
func palette(img image.Image) []photo.Swatch {
	bins := histogram(img)
	centers := kMeans(bins, seeds(bins))
	total := 0.0
	for _, c := range centers {
		total += c.count
	}
	kept := slices.DeleteFunc(slices.Clone(centers), func(c lab) bool { return c.count < leastWeight*total })
	return swatches(peakColors(bins, assign(bins, kept)))
}

// peakColors shows each centre as the colour that most of its pixels have, and not as their mean, which seams and shadows muddy.
func peakColors(bins, centers []lab) []lab {
	peaks := make([]lab, len(centers))
	for _, bin := range bins { // the fullest first
		if i, _ := nearest(bin, centers); peaks[i].count == 0 {
			peaks[i] = bin
		}
	}
	pure := slices.Clone(centers)
	for i, peak := range peaks {
		around := slices.DeleteFunc(slices.Clone(bins), func(bin lab) bool { return bin.distance(peak) > distinct/2 })
		pure[i] = assign(around, []lab{peak})[0]
		pure[i].count = centers[i].count
	}
	return pure
}

// histogram gathers pixels of nearly one colour, the fullest bin first.
func histogram(img image.Image) []lab {
	sums := map[[3]int]lab{}
	bounds := img.Bounds()
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			color, _ := colorful.MakeColor(img.At(x, y))
			l, a, b := color.Lab()
			key := [3]int{int(math.Round(l * binsPerUnit)), int(math.Round(a * binsPerUnit)), int(math.Round(b * binsPerUnit))}
			sum := sums[key]
			sums[key] = lab{sum.l + l, sum.a + a, sum.b + b, sum.count + 1}
		}
	}
	bins := make([]lab, 0, len(sums))
	for _, s := range sums {
		bins = append(bins, lab{s.l / s.count, s.a / s.count, s.b / s.count, s.count})
	}
	slices.SortFunc(bins, byCount)
	return bins
}

// byCount puts the largest first; ties are broken by the colour, so that the order never depends on a map's.
func byCount(x, y lab) int {
	return cmp.Or(cmp.Compare(y.count, x.count), cmp.Compare(x.l, y.l), cmp.Compare(x.a, y.a), cmp.Compare(x.b, y.b))
}

// seeds starts with the fullest bin and goes on with what is both frequent and far from every seed so far.
func seeds(bins []lab) []lab {
	chosen := bins[:1:1]
	for len(chosen) < maxColors {
		best, bestScore := noColorChosen, 0.0
		for i, bin := range bins {
			_, near := nearest(bin, chosen)
			if score := bin.count * near * near; near >= distinct && score > bestScore {
				best, bestScore = i, score
			}
		}
		if best == noColorChosen {
			break
		}
		chosen = append(chosen, bins[best])
	}
	return chosen
}

// kMeans moves the centres into the middle of what they stand for, and joins those that have come too close.
func kMeans(bins, centers []lab) []lab {
	for range rounds {
		centers = assign(bins, join(centers))
	}
	return join(centers)
}

// assign gives every bin to the nearest centre and returns the centres' new places, largest first.
func assign(bins, centers []lab) []lab {
	sums := make([]lab, len(centers))
	for _, bin := range bins {
		i, _ := nearest(bin, centers)
		s := &sums[i]
		s.l, s.a, s.b, s.count = s.l+bin.l*bin.count, s.a+bin.a*bin.count, s.b+bin.b*bin.count, s.count+bin.count
	}
	sums = slices.DeleteFunc(sums, func(s lab) bool { return s.count == 0 })
	for i, s := range sums {
		sums[i] = lab{s.l / s.count, s.a / s.count, s.b / s.count, s.count}
	}
	slices.SortFunc(sums, byCount)
	return sums
}

// join lets a smaller centre go where a larger one is too close.
func join(centers []lab) []lab {
	var apart []lab
	for _, c := range centers {
		i, near := nearest(c, apart)
		if near < distinct {
			apart[i].count += c.count
			continue
		}
		apart = append(apart, c)
	}
	return apart
}

func nearest(c lab, among []lab) (index int, distance float64) {
	distance = math.Inf(1)
	for i, o := range among {
		if d := c.distance(o); d < distance {
			index, distance = i, d
		}
	}
	return index, distance
}

// swatches writes the colours with weights of four decimals. What rounding down leaves over goes to the largest.
func swatches(centers []lab) []photo.Swatch {
	total := 0.0
	for _, c := range centers {
		total += c.count
	}
	units, left := make([]int, len(centers)), weightUnits
	for i, c := range centers {
		units[i] = int(c.count / total * weightUnits)
		left -= units[i]
	}
	units[0] += left
	palette := make([]photo.Swatch, len(centers))
	for i, c := range centers {
		color := colorful.Lab(c.l, c.a, c.b).Clamped()
		palette[i] = photo.Swatch{Color: color.Hex(), Weight: float64(units[i]) / weightUnits}
	}
	return palette
}
