package palette

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"

	"atrium/platform/stacktest"
)

// sharma are the pairs that the formula's authors publish for implementers: G. Sharma, W. Wu, E. N. Dalal, "The CIEDE2000
// color-difference formula: implementation notes, supplementary test data, and mathematical observations", table 1.
var sharma = [][7]float64{
	{50, 2.6772, -79.7751, 50, 0, -82.7485, 2.0425},
	{50, 3.1571, -77.2803, 50, 0, -82.7485, 2.8615},
	{50, 2.8361, -74.0200, 50, 0, -82.7485, 3.4412},
	{50, -1.3802, -84.2814, 50, 0, -82.7485, 1.0000},
	{50, -1.1848, -84.8006, 50, 0, -82.7485, 1.0000},
	{50, -0.9009, -85.5211, 50, 0, -82.7485, 1.0000},
	{50, 0, 0, 50, -1, 2, 2.3669},
	{50, -1, 2, 50, 0, 0, 2.3669},
	{50, 2.4900, -0.0010, 50, -2.4900, 0.0009, 7.1792},
	{50, 2.4900, -0.0010, 50, -2.4900, 0.0010, 7.1792},
	{50, 2.4900, -0.0010, 50, -2.4900, 0.0011, 7.2195},
	{50, 2.4900, -0.0010, 50, -2.4900, 0.0012, 7.2195},
	{50, -0.0010, 2.4900, 50, 0.0009, -2.4900, 4.8045},
	{50, -0.0010, 2.4900, 50, 0.0010, -2.4900, 4.8045},
	{50, -0.0010, 2.4900, 50, 0.0011, -2.4900, 4.7461},
	{50, 2.5000, 0, 50, 0, -2.5000, 4.3065},
	{50, 2.5000, 0, 73, 25, -18, 27.1492},
	{50, 2.5000, 0, 61, -5, 29, 22.8977},
	{50, 2.5000, 0, 56, -27, -3, 31.9030},
	{50, 2.5000, 0, 58, 24, 15, 19.4535},
	{50, 2.5000, 0, 50, 3.1736, 0.5854, 1.0000},
	{50, 2.5000, 0, 50, 3.2972, 0, 1.0000},
	{50, 2.5000, 0, 50, 1.8634, 0.5757, 1.0000},
	{50, 2.5000, 0, 50, 3.2592, 0.3350, 1.0000},
	{60.2574, -34.0099, 36.2677, 60.4626, -34.1751, 39.4387, 1.2644},
	{63.0109, -31.0961, -5.8663, 62.8187, -29.7946, -4.0864, 1.2630},
	{61.2901, 3.7196, -5.3901, 61.4292, 2.2480, -4.9620, 1.8731},
	{35.0831, -44.1164, 3.7933, 35.0232, -40.0716, 1.5901, 1.8645},
	{22.7233, 20.0904, -46.6940, 23.0331, 14.9730, -42.5619, 2.0373},
	{36.4612, 47.8580, 18.3852, 36.2715, 50.5065, 21.2231, 1.4146},
	{90.8027, -2.0831, 1.4410, 91.1528, -1.6435, 0.0447, 1.4441},
	{90.9257, -0.5406, -0.9208, 88.6381, -0.8985, -0.7239, 1.5381},
	{6.7747, -0.2908, -2.4247, 5.8714, -0.0985, -2.2286, 0.6377},
	{2.0776, 0.0795, -1.1350, 0.9033, -0.0636, -0.5514, 0.9082},
}

func TestDE2000_AgreesWithThePublishedPairs(t *testing.T) {
	t.Parallel()
	for _, c := range sharma {
		p, q := Lab{c[0], c[1], c[2]}, Lab{c[3], c[4], c[5]}
		require.InDelta(t, c[6], DE2000(p, q), 0.00005, "%v", c)
		require.InDelta(t, DE2000(p, q), DE2000(q, p), 1e-9, "%v", c)
	}
}

// anyColor draws a colour that a screen can show; every other one is nearly grey, where the formula is at its strangest.
func anyColor(r *rand.Rand) Lab {
	red, green, blue := r.Float64(), r.Float64(), r.Float64()
	if r.IntN(2) == 0 {
		green, blue = red+(green-0.5)*0.1, red+(blue-0.5)*0.1
	}
	l, a, b := colorful.Color{R: red, G: green, B: blue}.Clamped().Lab()
	return Lab{l * 100, a * 100, b * 100}
}

func TestDE2000_AgreesWithAnotherImplementation(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20_000 {
		p, q := anyColor(r), anyColor(r)
		want := colorful.Lab(p.L/100, p.A/100, p.B/100).DistanceCIEDE2000(colorful.Lab(q.L/100, q.A/100, q.B/100)) * 100
		require.InDelta(t, want, DE2000(p, q), 0.001, "%v %v", p, q)
	}
}

func TestDE2000_IsNeverLessThanTheLightnessTells(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(17, 18))
	for range stacktest.Budget(100_000, 10_000_000) {
		p, q := anyColor(r), anyColor(r)
		require.GreaterOrEqual(t, DE2000(p, q)*mostLight, math.Abs(p.L-q.L), "%v %v", p, q)
	}
}

func TestParseHex(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"C9B79C", "c9b79c", "#c9B79c"} {
		color, ok := ParseHex(text)
		require.True(t, ok)
		require.InDelta(t, 0, DE2000(color, Lab{75.26, 2.10, 16.06}), 0.02)
	}
	for _, text := range []string{"", "#", "c9b79", "c9b79cc", "c9b79g", "#fff", "fff", "##ff00ff", " c9b79c", "c9b79c\n", "ｃ９b79c", "-19b79", "+19b79"} {
		_, ok := ParseHex(text)
		require.False(t, ok, "%q", text)
	}
	require.False(t, math.IsNaN(DE2000(Lab{}, Lab{})))
}
