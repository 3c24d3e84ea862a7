package sniff

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"

	"atrium/modules/uploads/internal/icc"
)

// chunkOverhead is what a PNG chunk has beside its body: length, name and checksum.
const chunkOverhead = 12

// pngEnd is the end chunk.
var pngEnd = []byte("\x00\x00\x00\x00IEND\xAE\x42\x60\x82")

// copyPNG copies the chunks of the picture, and returns its colour profile. Text is compressed and may inflate to anything: it stays
// behind.
func copyPNG(w *bufio.Writer, r io.ReaderAt, size int64, h Header) (profile []byte, err error) {
	const signature = 8
	if err := copyRange(w, r, 0, signature); err != nil {
		return nil, err
	}
	pixels, once, colors := false, map[string]bool{}, pngColors{space: h.space()}
	walked := 0
	for off := int64(signature); off < size; {
		if walked++; walked > maxParts {
			return nil, ErrTooComplex
		}
		var head [8]byte
		if err := readAt(r, head[:], off); err != nil {
			return nil, err
		}
		name, length := string(head[4:]), int64(binary.BigEndian.Uint32(head[:]))+chunkOverhead
		if name == "IEND" {
			break
		}
		if length > size-off {
			return nil, ErrBroken
		}
		if err := colors.read(name, r, off, length); err != nil {
			return nil, err
		}
		if wantsChunk(name, length) && (name == "IDAT" || !once[name]) {
			once[name] = true
			if err := copyRange(w, r, off, length); err != nil {
				return nil, err
			}
		}
		pixels = pixels || name == "IDAT"
		off += length
	}
	if !pixels {
		return nil, ErrBroken
	}
	_, err = w.Write(pngEnd)
	return colors.profile(), err
}

// wantsChunk knows what a decoder needs.
func wantsChunk(name string, length int64) bool {
	switch name {
	case "IHDR", "PLTE", "tRNS", "IDAT":
		return true
	case "eXIf":
		return length <= maxEXIF+chunkOverhead
	}
	return false
}

// pngColors is what the chunks of a PNG say of its colours. A profile counts before sRGB, and that before gamma and chromaticities.
type pngColors struct {
	space string // of the picture
	chunk map[string][]byte
}

// read keeps a chunk about colours, the first of each kind.
func (c *pngColors) read(name string, r io.ReaderAt, off, length int64) error {
	switch name {
	case "iCCP", "sRGB", "gAMA", "cHRM":
	default:
		return nil
	}
	if c.chunk[name] != nil || length > maxProfile {
		return nil
	}
	body := make([]byte, length-chunkOverhead)
	if err := readAt(r, body, off+8); err != nil {
		return err
	}
	if c.chunk == nil {
		c.chunk = map[string][]byte{}
	}
	c.chunk[name] = body
	return nil
}

// profile is the profile of these colours, or nil where they are sRGB's.
func (c *pngColors) profile() []byte {
	if p := inflateProfile(c.chunk["iCCP"]); icc.Fits(p, c.space) {
		return p
	}
	gamma := cursor{b: c.chunk["gAMA"]}
	value := gamma.number(4)
	if c.chunk["sRGB"] != nil || gamma.err != nil || value < 1 {
		return nil
	}
	const unit, ofSRGB, near = 100_000, 45_455, 500 // writers mean sRGB's curve by the power that is closest to it
	curve := icc.Gamma(unit / float64(value))
	if value > ofSRGB-near && value < ofSRGB+near {
		curve = icc.SRGBCurve
	}
	if c.space == icc.Grey {
		return icc.OfGrey(curve)
	}
	return icc.OfDisplay(c.primaries(), curve)
}

// primaries are those of cHRM where it makes sense, or sRGB's.
func (c *pngColors) primaries() icc.Primaries {
	chunk := cursor{b: c.chunk["cHRM"]}
	point := func() icc.Point {
		return icc.Point{X: float64(chunk.number(4)) / 100_000, Y: float64(chunk.number(4)) / 100_000}
	}
	p := icc.Primaries{White: point(), Red: point(), Green: point(), Blue: point()}
	if chunk.err != nil || !p.Makes() {
		return icc.SRGB
	}
	return p
}

// inflateProfile returns the profile of an iCCP chunk, or nil where it cannot be read or inflates to more than maxProfile.
func inflateProfile(body []byte) []byte {
	_, compressed, named := bytes.Cut(body, []byte{0})
	if !named || len(compressed) < 1 || compressed[0] != 0 {
		return nil
	}
	inflated, err := zlib.NewReader(bytes.NewReader(compressed[1:]))
	if err != nil {
		return nil
	}
	profile, err := io.ReadAll(io.LimitReader(inflated, maxProfile+1))
	if err != nil || len(profile) > maxProfile {
		return nil
	}
	return profile
}
