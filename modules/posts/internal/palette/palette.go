// Package palette finds posts by the colours of their photos. It keeps the palettes of public posts in a table of its own, behind an
// index of the cells of CIELAB in which their colours lie, and compares what that finds as people would: by CIEDE2000.
package palette

import (
	"encoding/binary"
	"math"

	"atrium/modules/uploads"
)

// Tone is one colour of a photo and its share of the picture in 0..1.
type Tone struct {
	Lab
	Share float64
}

// toneSize is how many bytes a tone takes in the table: hundredths of L, A and B, ten-thousandths of the share, big-endian.
const toneSize = 8

// Of returns a photo's palette as it is compared: as finely as it is kept.
func Of(palette []uploads.Tone) []Tone {
	tones := make([]Tone, len(palette))
	for i, t := range palette {
		tones[i] = Tone{Lab: Lab{t.L, t.A, t.B}, Share: t.Weight}
	}
	return decode(encode(tones))
}

func encode(tones []Tone) []byte {
	kept := make([]byte, 0, len(tones)*toneSize)
	for _, t := range tones {
		for _, value := range []int16{fixed(t.L), fixed(t.A), fixed(t.B), fixed(t.Share * 100)} {
			kept = binary.BigEndian.AppendUint16(kept, uint16(value))
		}
	}
	return kept
}

func decode(kept []byte) []Tone { return decodeInto(nil, kept) }

// decodeInto is decode into room that is there already.
func decodeInto(tones []Tone, kept []byte) []Tone {
	at := func(i int) float64 { return float64(int16(binary.BigEndian.Uint16(kept[i:]))) / 100 }
	for i := 0; i+toneSize <= len(kept); i += toneSize {
		tones = append(tones, Tone{Lab: Lab{at(i), at(i + 2), at(i + 4)}, Share: at(i+6) / 100})
	}
	return tones
}

// Difference says how far two palettes are apart, in dE2000: how far each colour is from the nearest one of the other palette, by
// its share of the picture. Neither may be empty.
func Difference(p, q []Tone) float64 {
	var there, back, shares float64
	nearest := make([]float64, len(q))
	for i, t := range p {
		best := math.Inf(1)
		for j, u := range q {
			d := DE2000(t.Lab, u.Lab)
			best = min(best, d)
			if i == 0 || d < nearest[j] {
				nearest[j] = d
			}
		}
		there += best * t.Share
		shares += t.Share
	}
	there /= shares
	shares = 0
	for j, u := range q {
		back += nearest[j] * u.Share
		shares += u.Share
	}
	return (there + back/shares) / 2
}
