package moduletest

import (
	"bytes"
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
)

// Box is a box of ISO base media: its length, its name, its content.
func Box(name string, content ...[]byte) []byte {
	body := bytes.Join(content, nil)
	return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+8)), name...), body...)
}

func numbers(values ...int32) (b []byte) {
	for _, v := range values {
		b = binary.BigEndian.AppendUint32(b, uint32(v))
	}
	return b
}

// Clap shows width by height pixels of a picture, whose centre is right of and below the picture's by so many half pixels.
func Clap(width, height, right, down int32) []byte {
	return Box("clap", numbers(width, 1, height, 1, right, 2, down, 2))
}

// Irot turns a picture by so many quarters against the clock.
func Irot(quarters byte) []byte { return Box("irot", []byte{quarters}) }

// Imir mirrors a picture: 0 exchanges top and bottom, 1 left and right.
func Imir(axis byte) []byte { return Box("imir", []byte{axis}) }

// Nclx tells colours by code points; the matrix is that of JPEG.
func Nclx(primaries, transfer uint16) []byte {
	body := binary.BigEndian.AppendUint16([]byte("nclx"), primaries)
	return Box("colr", append(binary.BigEndian.AppendUint16(body, transfer), 0, 6, 0x80))
}

// part is a box within others.
type part struct {
	name    string
	content []byte
}

func parts(t *testing.T, list []byte) (found []part) {
	t.Helper()
	for len(list) > 0 {
		length := int(binary.BigEndian.Uint32(list))
		require.LessOrEqual(t, length, len(list))
		found = append(found, part{string(list[4:8]), list[8:length]})
		list = list[length:]
	}
	return found
}

// WithProperties gives the one picture of a HEIC file from heif-enc more properties, after those that it has.
func WithProperties(t *testing.T, content []byte, properties ...[]byte) []byte {
	t.Helper()
	var before, meta, after []byte
	for _, p := range parts(t, content) {
		switch box := Box(p.name, p.content); {
		case p.name == "meta":
			meta = p.content
		case meta == nil:
			before = append(before, box...)
		default:
			after = append(after, box...)
		}
	}
	added := 0
	for _, p := range properties {
		added += len(p) + 1 // and its number
	}
	out := bytes.Clone(meta[:4])
	for _, p := range parts(t, meta[4:]) {
		switch p.name {
		case "iprp":
			p.content = moreProperties(t, p.content, properties)
		case "iloc":
			p.content = moved(t, p.content, added)
		}
		out = append(out, Box(p.name, p.content)...)
	}
	return bytes.Join([][]byte{before, Box("meta", out), after}, nil)
}

// moreProperties adds to the properties, and to those of the first item, which is the picture.
func moreProperties(t *testing.T, iprp []byte, properties [][]byte) (out []byte) {
	t.Helper()
	there := 0
	for _, p := range parts(t, iprp) {
		content := bytes.Clone(p.content)
		switch p.name {
		case "ipco":
			there = len(parts(t, content))
			content = append(content, bytes.Join(properties, nil)...)
		case "ipma":
			const countAt = 4 + 4 + 2 // version and flags, number of items, the item
			ours := countAt + 1 + int(content[countAt])
			rest := bytes.Clone(content[ours:])
			content = content[:ours]
			for i := range properties {
				content = append(content, byte(there+i+1))
			}
			content[countAt] += byte(len(properties))
			content = append(content, rest...)
		}
		out = append(out, Box(p.name, content)...)
	}
	return out
}

// moved tells of items that lie by so many bytes later.
func moved(t *testing.T, iloc []byte, by int) []byte {
	t.Helper()
	out := bytes.Clone(iloc)
	require.Equal(t, []byte{0, 0, 0, 0, 0x44, 0x40}, out[:6], "four bytes each for offset, length and base")
	at := 8
	for range binary.BigEndian.Uint16(out[6:]) {
		base := out[at+4:]
		binary.BigEndian.PutUint32(base, binary.BigEndian.Uint32(base)+uint32(by))
		require.EqualValues(t, 1, binary.BigEndian.Uint16(out[at+8:]), "one extent")
		at += 4 + 4 + 2 + 8
	}
	return out
}

// WithProperties is the function of that name.
func (w Tools) WithProperties(content []byte, properties ...[]byte) []byte {
	w.t.Helper()
	return WithProperties(w.t, content, properties...)
}
