package sniff

import (
	"bufio"
	"encoding/binary"
	"io"

	"atrium/modules/uploads/internal/icc"
)

// What the head of a WebP file's extended form says is in it.
const (
	webpXMP   = 0x04
	webpICC   = 0x20
	riffHead  = 12 // RIFF, length, WEBP
	chunkHead = 8  // name, length
)

// part is a part of a file.
type part struct{ off, length int64 }

// copyWebP copies the chunks of the picture, tells the new length, and returns the colour profile.
func copyWebP(w *bufio.Writer, r io.ReaderAt, size int64) (profile []byte, err error) {
	chunks, profile, err := webpChunks(r, size)
	if err != nil {
		return nil, err
	}
	length := int64(riffHead)
	for _, c := range chunks {
		length += c.length
	}
	head := append([]byte("RIFF----"), "WEBP"...)
	binary.LittleEndian.PutUint32(head[4:], uint32(length-chunkHead))
	if _, err := w.Write(head); err != nil {
		return nil, err
	}
	for _, c := range chunks {
		if err := copyWebPChunk(w, r, c); err != nil {
			return nil, err
		}
	}
	return profile, nil
}

// webpChunks finds what a decoder needs, one of each kind, and the colour profile.
func webpChunks(r io.ReaderAt, size int64) (chunks []part, profile []byte, err error) {
	once := map[string]bool{}
	walked := 0
	for off := int64(riffHead); off+chunkHead <= size; {
		if walked++; walked > maxParts {
			return nil, nil, ErrTooComplex
		}
		var head [chunkHead]byte
		if err := readAt(r, head[:], off); err != nil {
			return nil, nil, err
		}
		name, bytes := string(head[:4]), int64(binary.LittleEndian.Uint32(head[4:]))
		length := chunkHead + bytes + bytes%2
		if name == "ICCP" && !once[name] && bytes <= maxProfile {
			once[name], profile = true, make([]byte, bytes)
			if err := readAt(r, profile, off+chunkHead); err != nil {
				return nil, nil, err
			}
		}
		if !once[name] && wantsWebPChunk(name, length) {
			if length > size-off {
				return nil, nil, ErrBroken
			}
			once[name] = true
			chunks = append(chunks, part{off, length})
		}
		off += length
	}
	if !icc.Fits(profile, icc.RGB) {
		profile = nil
	}
	return chunks, profile, nil
}

func wantsWebPChunk(name string, length int64) bool {
	switch name {
	case "VP8X", "ALPH", "VP8 ", "VP8L":
		return true
	case "EXIF":
		return length <= maxEXIF
	}
	return false
}

// copyWebPChunk takes the promises of XMP and of a profile back, which stay behind.
func copyWebPChunk(w *bufio.Writer, r io.ReaderAt, c part) error {
	head := make([]byte, chunkHead+1)
	if err := readAt(r, head, c.off); err != nil {
		return err
	}
	if string(head[:4]) == "VP8X" {
		head[chunkHead] &^= webpXMP | webpICC
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	return copyRange(w, r, c.off+int64(len(head)), c.length-int64(len(head)))
}
