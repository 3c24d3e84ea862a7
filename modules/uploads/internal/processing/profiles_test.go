package processing_test

import (
	"encoding/binary"
	"math"
	"slices"
)

// The profiles of the tests are written here, of version 2, as older cameras and all printers have them.

type profileTag struct {
	name string
	body []byte
}

func writeProfile(class, space, pcs string, tags []profileTag) []byte {
	const head, each = 128, 12
	text := []byte("text\x00\x00\x00\x00none\x00")
	name := append([]byte("desc\x00\x00\x00\x00\x00\x00\x00\x04own\x00"), make([]byte, 78)...)
	tags = append(tags, profileTag{"desc", name}, profileTag{"cprt", text}, profileTag{"wtpt", xyzTag(0.9642, 1, 0.8249)})
	table, bodies := binary.BigEndian.AppendUint32(nil, uint32(len(tags))), []byte{}
	for _, t := range tags {
		for len(bodies)%4 > 0 {
			bodies = append(bodies, 0)
		}
		table = append(table, t.name...)
		table = binary.BigEndian.AppendUint32(table, uint32(head+4+each*len(tags)+len(bodies)))
		table = binary.BigEndian.AppendUint32(table, uint32(len(t.body)))
		bodies = append(bodies, t.body...)
	}
	out := make([]byte, head)
	binary.BigEndian.PutUint32(out, uint32(head+len(table)+len(bodies)))
	binary.BigEndian.PutUint32(out[8:], 0x02200000)
	copy(out[12:], class+space+pcs)
	copy(out[36:], "acsp")
	copy(out[68:], xyzTag(0.9642, 1, 0.8249)[8:])
	return slices.Concat(out, table, bodies)
}

func xyzTag(v ...float64) []byte {
	b := []byte("XYZ \x00\x00\x00\x00")
	for _, n := range v {
		b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(n*65536))))
	}
	return b
}

// curveTag samples a curve.
func curveTag(f func(float64) float64) []byte {
	const samples = 4096
	b := binary.BigEndian.AppendUint32([]byte("curv\x00\x00\x00\x00"), samples)
	for i := range samples {
		b = binary.BigEndian.AppendUint16(b, uint16(math.Round(f(float64(i)/(samples-1))*65535)))
	}
	return b
}

func srgbCurve(v float64) float64 {
	if v <= 0.04045 {
		return v / 12.92
	}
	return math.Pow((v+0.055)/1.055, 2.4)
}

func gammaCurve(gamma float64) func(float64) float64 {
	return func(v float64) float64 { return math.Pow(v, gamma) }
}

func greyProfile(gamma float64) []byte {
	return writeProfile("mntr", "GRAY", "XYZ ", []profileTag{{"kTRC", curveTag(gammaCurve(gamma))}})
}

func displayProfile(columns [3][3]float64, curve func(float64) float64) []byte {
	return writeProfile("mntr", "RGB ", "XYZ ", []profileTag{
		{"rXYZ", xyzTag(columns[0][:]...)}, {"gXYZ", xyzTag(columns[1][:]...)}, {"bXYZ", xyzTag(columns[2][:]...)},
		{"rTRC", curveTag(curve)}, {"gTRC", curveTag(curve)}, {"bTRC", curveTag(curve)},
	})
}

// d65Display is what the primaries of a display with the white D65 add up from, adapted to D50 by Bradford.
func d65Display(rx, ry, gx, gy, bx, by float64) (columns [3][3]float64) {
	adapt := [3][3]float64{{1.0478112, 0.0228866, -0.0501270}, {0.0295424, 0.9904844, -0.0170491}, {-0.0092345, 0.0150436, 0.7521316}}
	xyz := func(x, y float64) [3]float64 { return [3]float64{x / y, 1, (1 - x - y) / y} }
	p, white := [3][3]float64{xyz(rx, ry), xyz(gx, gy), xyz(bx, by)}, xyz(0.3127, 0.3290)
	det := func(a, b, c [3]float64) float64 {
		return a[0]*(b[1]*c[2]-b[2]*c[1]) - b[0]*(a[1]*c[2]-a[2]*c[1]) + c[0]*(a[1]*b[2]-a[2]*b[1])
	}
	all := det(p[0], p[1], p[2])
	share := [3]float64{det(white, p[1], p[2]) / all, det(p[0], white, p[2]) / all, det(p[0], p[1], white) / all}
	for i := range 3 {
		for row := range 3 {
			for k := range 3 {
				columns[i][row] += adapt[row][k] * p[i][k] * share[i]
			}
		}
	}
	return columns
}

// inkProfile is a printer's on paper that is not quite white, with inks and a black unlike those that libvips knows.
func inkProfile() []byte {
	forward := table(4, 3, 9, func(ink []float64) []float64 { return labIn16(printed(ink)) })
	backward := table(3, 4, 9, func(lab []float64) []float64 { return separated(lab[0] * 65535 / 65280) })
	return writeProfile("prtr", "CMYK", "Lab ", []profileTag{
		{"A2B0", forward}, {"A2B1", forward}, {"A2B2", forward}, {"B2A0", backward}, {"B2A1", backward}, {"B2A2", backward},
	})
}

// printed is what inks look like, in CIELAB: each takes its share of the light, relative to the paper.
func printed(ink []float64) (l, a, b float64) {
	passes := [4][3]float64{{0.16, 0.30, 0.72}, {0.42, 0.22, 0.24}, {0.86, 0.86, 0.10}, {0.06, 0.06, 0.065}}
	f := [3]float64{}
	for i := range 3 {
		light := 1.0
		for k, amount := range ink {
			dots := math.Pow(amount, 0.8) // they grow on paper
			light *= 1 - dots*(1-passes[k][i])
		}
		if f[i] = math.Cbrt(light); light < 216.0/24389 {
			f[i] = (24389.0/27*light + 16) / 116
		}
	}
	return 116*f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])
}

// labIn16 writes CIELAB as profiles of version 2 do.
func labIn16(l, a, b float64) []float64 {
	return []float64{l / 100 * 65280 / 65535, (a + 128) * 256 / 65535, (b + 128) * 256 / 65535}
}

// separated is how much of each ink makes a lightness: no more than paper takes.
func separated(lightness float64) []float64 {
	dark := 1 - min(1, lightness)
	return []float64{0.7 * dark, 0.6 * dark, 0.6 * dark, 0.85 * dark * dark}
}

// table is a lookup table of 16 bits with so many points a channel.
func table(in, out, points int, f func([]float64) []float64) []byte {
	b := append([]byte("mft2\x00\x00\x00\x00"), byte(in), byte(out), byte(points), 0)
	for i := range 9 {
		b = binary.BigEndian.AppendUint32(b, map[bool]uint32{true: 65536}[i%4 == 0])
	}
	b = binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, 2), 2)
	straight := func(channels int) {
		for range channels {
			b = append(b, 0, 0, 0xFF, 0xFF)
		}
	}
	straight(in)
	all := int(math.Pow(float64(points), float64(in)) + 0.5)
	for n := range all {
		at := make([]float64, in)
		for i, rest := in-1, n; i >= 0; i, rest = i-1, rest/points {
			at[i] = float64(rest%points) / float64(points-1)
		}
		for _, v := range f(at) {
			b = binary.BigEndian.AppendUint16(b, uint16(math.Round(min(max(v, 0), 1)*65535)))
		}
	}
	straight(out)
	return b
}
