package palette

import (
	"math"
	"regexp"
	"strings"

	"github.com/lucasb-eyer/go-colorful"
)

// Lab is a colour in CIELAB under D65: L in 0..100, A and B about -128..127.
type Lab struct{ L, A, B float64 }

var hexColor = regexp.MustCompile(`^#?[0-9a-fA-F]{6}$`)

// ParseHex reads "C9B79C", in any case and with or without #, and reports whether it is a colour.
func ParseHex(text string) (Lab, bool) {
	if !hexColor.MatchString(text) {
		return Lab{}, false
	}
	color, err := colorful.Hex("#" + strings.TrimPrefix(text, "#"))
	l, a, b := color.Lab()
	return Lab{L: l * 100, A: a * 100, B: b * 100}, err == nil
}

const (
	degree = math.Pi / 180
	turn   = 2 * math.Pi
	pow257 = 25.0 * 25 * 25 * 25 * 25 * 25 * 25
	// opposite hues lie half a turn apart; rounding must not make it more.
	opposite = 1e-9
)

// DE2000 is the difference between two colours as people see it, CIEDE2000 with unit weights (G. Sharma, W. Wu, E. N. Dalal, 2005):
// below 1 nobody notices, around 10 they are still relatives.
func DE2000(p, q Lab) float64 {
	mean7 := pow7((math.Sqrt(p.A*p.A+p.B*p.B) + math.Sqrt(q.A*q.A+q.B*q.B)) / 2)
	stretch := 1.5 - 0.5*math.Sqrt(mean7/(mean7+pow257)) // of a, near grey
	c1, h1 := polar(p.A*stretch, p.B)
	c2, h2 := polar(q.A*stretch, q.B)

	turned, hue := h2-h1, (h1+h2)/2
	switch {
	case c1*c2 == 0: // grey has no hue: the other's counts
		turned, hue = 0, h1+h2
	case turned > math.Pi+opposite:
		turned -= turn
		hue += math.Pi
	case turned < -math.Pi-opposite:
		turned += turn
		hue += math.Pi
	}
	if hue >= turn {
		hue -= turn
	}
	chroma := (c1 + c2) / 2
	light := (p.L+q.L)/2 - 50
	t := 1 - 0.17*math.Cos(hue-30*degree) + 0.24*math.Cos(2*hue) + 0.32*math.Cos(3*hue+6*degree) - 0.20*math.Cos(4*hue-63*degree)
	dl := (q.L - p.L) / (1 + 0.015*light*light/math.Sqrt(20+light*light))
	dc := (c2 - c1) / (1 + 0.045*chroma)
	dh := 2 * math.Sqrt(c1*c2) * math.Sin(turned/2) / (1 + 0.015*chroma*t)

	blue := (hue - 275*degree) / (25 * degree)
	chroma7 := pow7(chroma)
	rotation := -2 * math.Sqrt(chroma7/(chroma7+pow257)) * math.Sin(60*degree*math.Exp(-blue*blue))
	return math.Sqrt(dl*dl + dc*dc + dh*dh + rotation*dc*dh)
}

// polar returns the length of a vector and its direction in 0..2π.
func polar(a, b float64) (length, direction float64) {
	direction = math.Atan2(b, a)
	if direction < 0 {
		direction += turn
	}
	return math.Sqrt(a*a + b*b), direction
}

func pow7(x float64) float64 {
	x3 := x * x * x
	return x3 * x3 * x
}
