// Package sniff reads what kind of picture a file is and how large, from its first bytes and without decoding any of it.
package sniff

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/gabriel-vasile/mimetype"
	"golang.org/x/image/webp"

	"atrium/modules/uploads/internal/icc"
)

var (
	// ErrUnknown: none of the formats that are taken.
	ErrUnknown = errors.New("sniff: not a picture of a known format")
	// ErrBroken: the format is known, but its header cannot be followed.
	ErrBroken = errors.New("sniff: the header is broken")
	// ErrAnimated: more than one frame. There is no first-frame rule: moving pictures are refused.
	ErrAnimated = errors.New("sniff: the picture moves")
)

// Header is what a file says about itself.
type Header struct {
	ContentType   string // image/jpeg, image/png, image/webp or image/heic (which stands for HEIF, too)
	Width, Height int    // pixels as stored: before any rotation
	Pixels        int64  // of the largest picture inside, which a HEIC file composes from tiles
	Streams       bool   // can be decoded row by row; else the decoder holds all of it
	Grey          bool   // has no colours
	Inks          bool   // has the four of print (CMYK)
	Deep          bool   // has more than 8 bits a channel
	Dense         bool   // has its colours in full resolution, as far as a decoder holds more for it
	Alpha         bool   // may be transparent; not told of WebP
}

// space is the colour space that a profile of the picture has to be of.
func (h Header) space() string {
	switch {
	case h.Grey:
		return icc.Grey
	case h.Inks:
		return icc.CMYK
	}
	return icc.RGB
}

// headBytes is what mimetype looks at.
const headBytes = 3072

// Read looks at the beginning of a file of size bytes. Errors of r other than an early end come back as they are.
func Read(r io.ReaderAt, size int64) (Header, error) {
	head := make([]byte, min(headBytes, size))
	if err := readAt(r, head, 0); err != nil {
		return Header{}, err
	}
	switch mimetype.Detect(head).String() {
	case "image/jpeg":
		return readJPEG(r, size)
	case "image/png":
		return readPNG(r, size)
	case "image/webp":
		return readWebP(r, head, size)
	case "image/heic", "image/heif":
		return readHEIF(r, size)
	case "image/apng", "image/heic-sequence", "image/heif-sequence":
		return Header{}, ErrAnimated
	}
	return Header{}, ErrUnknown
}

// readAt fills p, and calls an early end of the file a broken header.
func readAt(r io.ReaderAt, p []byte, off int64) error {
	n, err := r.ReadAt(p, off)
	switch {
	case n == len(p):
		return nil
	case err == nil, errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return ErrBroken
	}
	return err
}

// readJPEG follows the segments to the frame header. Only what phones and cameras write is taken: baseline, extended
// and progressive Huffman coding.
func readJPEG(r io.ReaderAt, size int64) (Header, error) {
	var b [10]byte // marker, length, precision, height, width, components
	for off := int64(2); off < size; {
		if err := readAt(r, b[:2], off); err != nil {
			return Header{}, err
		}
		marker := b[1]
		switch {
		case b[0] != 0xFF:
			return Header{}, ErrBroken
		case marker == 0xFF: // a fill byte
			off++
			continue
		case marker == 0x01, marker >= 0xD0 && marker <= 0xD7: // these have no length
			off += 2
			continue
		case marker == 0xD9, marker == 0xDA: // the picture's data, without a header before it
			return Header{}, ErrBroken
		}
		if isFrame(marker) {
			if err := readAt(r, b[:], off); err != nil {
				return Header{}, err
			}
			return frame(marker, b[5:])
		}
		if err := readAt(r, b[:4], off); err != nil {
			return Header{}, err
		}
		off += 2 + int64(binary.BigEndian.Uint16(b[2:]))
	}
	return Header{}, ErrBroken
}

// isFrame knows the markers of frame headers: C0 to CF without the tables among them.
func isFrame(marker byte) bool {
	return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC
}

func frame(marker byte, b []byte) (Header, error) {
	if marker > 0xC2 {
		return Header{}, fmt.Errorf("%w: coding %#x", ErrUnknown, marker)
	}
	h, err := header("image/jpeg", int(binary.BigEndian.Uint16(b[2:])), int(binary.BigEndian.Uint16(b)))
	h.Streams, h.Grey, h.Inks = marker != 0xC2, b[4] == 1, b[4] == 4
	return h, err
}

// readPNG reads IHDR and looks for an animation, which has to be announced before the picture's data.
func readPNG(r io.ReaderAt, size int64) (Header, error) {
	var b [29]byte // signature, length, IHDR, width, height, depth, colour type, compression, filter, interlace
	if err := readAt(r, b[:], 0); err != nil {
		return Header{}, err
	}
	if string(b[12:16]) != "IHDR" {
		return Header{}, ErrBroken
	}
	width, height := binary.BigEndian.Uint32(b[16:]), binary.BigEndian.Uint32(b[20:])
	const colored, transparent = 2, 4 // bits of the colour type
	for off := int64(8); off < size; {
		var chunk [8]byte
		if err := readAt(r, chunk[:], off); err != nil {
			return Header{}, err
		}
		switch string(chunk[4:]) {
		case "acTL":
			return Header{}, ErrAnimated
		case "IDAT":
			h, err := header("image/png", int(width), int(height))
			h.Streams, h.Grey, h.Deep, h.Alpha = b[28] == 0, b[25]&colored == 0, b[24] > 8, b[25]&transparent != 0
			return h, err
		}
		off += 12 + int64(binary.BigEndian.Uint32(chunk[:]))
	}
	return Header{}, ErrBroken
}

// readWebP tells animations by the flag in the extended header.
func readWebP(r io.ReaderAt, head []byte, size int64) (Header, error) {
	const flags, animation = 20, 0x02
	if len(head) > flags && string(head[12:16]) == "VP8X" && head[flags]&animation != 0 {
		return Header{}, ErrAnimated
	}
	source := &errorKeeper{r: r}
	cfg, err := webp.DecodeConfig(io.NewSectionReader(source, 0, size))
	switch {
	case source.err != nil:
		return Header{}, source.err
	case err != nil:
		return Header{}, fmt.Errorf("%w: %w", ErrBroken, err)
	}
	return header("image/webp", cfg.Width, cfg.Height)
}

// errorKeeper remembers that reading failed, which a decoder would report as bad data.
type errorKeeper struct {
	r   io.ReaderAt
	err error
}

func (k *errorKeeper) ReadAt(p []byte, off int64) (int, error) {
	n, err := k.r.ReadAt(p, off)
	if err != nil && !errors.Is(err, io.EOF) {
		k.err = err
	}
	return n, err
}

func header(contentType string, width, height int) (Header, error) {
	if width < 1 || height < 1 {
		return Header{}, ErrBroken
	}
	return Header{ContentType: contentType, Width: width, Height: height, Pixels: int64(width) * int64(height)}, nil
}
