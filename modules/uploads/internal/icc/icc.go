// Package icc reads the head of colour profiles, and writes those of pictures that tell their colours in another way.
package icc

import (
	"encoding/binary"
	"math"
	"slices"
)

// The colour spaces of pictures, as profiles name them.
const (
	Grey = "GRAY"
	RGB  = "RGB "
	CMYK = "CMYK"
)

const (
	headBytes   = 128
	classAt     = 12
	spaceAt     = 16
	pcsAt       = 20
	signatureAt = 36
)

// Fits reports whether a profile can say what the colours of a picture in that space are: it is a device's, and its header is whole.
func Fits(profile []byte, space string) bool {
	if len(profile) < headBytes || int64(binary.BigEndian.Uint32(profile)) > int64(len(profile)) {
		return false
	}
	at := func(off int) string { return string(profile[off : off+4]) }
	switch at(classAt) {
	case "scnr", "mntr", "prtr", "spac":
	default:
		return false
	}
	return at(signatureAt) == "acsp" && at(spaceAt) == space && (at(pcsAt) == "XYZ " || at(pcsAt) == "Lab ")
}

// Point is a chromaticity, CIE x and y.
type Point struct{ X, Y float64 }

// Primaries are the chromaticities of a display's colours and of its white.
type Primaries struct{ Red, Green, Blue, White Point }

// Makes reports whether colours can be made of the primaries: they are colours, span a triangle, and the white lies in it.
func (p Primaries) Makes() bool {
	for _, c := range []Point{p.Red, p.Green, p.Blue, p.White} {
		if c.X <= 0 || c.Y <= 0 || c.X+c.Y > 1 {
			return false
		}
	}
	share := p.shares()
	return share[0] > 0 && share[1] > 0 && share[2] > 0
}

var (
	d65 = Point{0.3127, 0.3290}
	// SRGB are the primaries of sRGB and Rec. 709.
	SRGB = Primaries{Point{0.64, 0.33}, Point{0.30, 0.60}, Point{0.15, 0.06}, d65}
)

// Curve is how values from 0 to 1 become light.
type Curve struct{ gamma float64 }

// SRGBCurve is the curve of sRGB.
var SRGBCurve = Curve{}

// Gamma is a curve that is a power.
func Gamma(gamma float64) Curve { return Curve{gamma} }

// tag writes the curve as a profile has it: parametric, of type 3 (sRGB's, IEC 61966-2-1) or 0 (a power).
func (c Curve) tag() []byte {
	if c.gamma > 0 {
		return parametric(0, c.gamma)
	}
	return parametric(3, 2.4, 1/1.055, 0.055/1.055, 1/12.92, 0.04045)
}

func parametric(kind uint16, parameters ...float64) []byte {
	b := binary.BigEndian.AppendUint16([]byte("para\x00\x00\x00\x00"), kind)
	return fixed(append(b, 0, 0), parameters...)
}

// fixed appends numbers of 16 bits before and after the point.
func fixed(b []byte, numbers ...float64) []byte {
	for _, n := range numbers {
		b = binary.BigEndian.AppendUint32(b, uint32(int32(math.Round(n*65536))))
	}
	return b
}

// The white that profiles refer all colours to.
var d50 = vector{0.9642, 1, 0.8249}

// OfDisplay is the profile of pictures in RGB for a display.
func OfDisplay(p Primaries, c Curve) []byte {
	m := toD50(p.White.xyz()).times(p.toXYZ())
	curve := c.tag()
	return write(RGB, []entry{
		{"wtpt", xyzTag(d50)}, {"rXYZ", xyzTag(m.column(0))}, {"gXYZ", xyzTag(m.column(1))}, {"bXYZ", xyzTag(m.column(2))},
		{"rTRC", curve}, {"gTRC", curve}, {"bTRC", curve},
	})
}

// OfGrey is the profile of pictures that have no colours.
func OfGrey(c Curve) []byte {
	return write(Grey, []entry{{"wtpt", xyzTag(d50)}, {"kTRC", c.tag()}})
}

type entry struct {
	name string
	body []byte
}

func xyzTag(v vector) []byte { return fixed([]byte("XYZ \x00\x00\x00\x00"), v[:]...) }

// write lays out a profile of version 4.
func write(space string, entries []entry) []byte {
	const each = 12
	at := headBytes + 4 + each*len(entries)
	table, bodies := binary.BigEndian.AppendUint32(nil, uint32(len(entries))), []byte{}
	for _, e := range entries {
		table = append(table, e.name...)
		table = binary.BigEndian.AppendUint32(table, uint32(at+len(bodies)))
		table = binary.BigEndian.AppendUint32(table, uint32(len(e.body)))
		bodies = append(bodies, e.body...)
	}
	head := make([]byte, headBytes)
	binary.BigEndian.PutUint32(head, uint32(at+len(bodies)))
	binary.BigEndian.PutUint32(head[8:], 0x04300000)
	copy(head[classAt:], "mntr"+space+"XYZ ")
	copy(head[signatureAt:], "acsp")
	copy(head[68:], fixed(nil, d50[:]...))
	return slices.Concat(head, table, bodies)
}
