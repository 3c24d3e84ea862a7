package sniff

import (
	"bufio"
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"io"
)

// chunkOverhead is what a PNG chunk has beside its body: length, name and checksum.
const chunkOverhead = 12

// pngEnd is the end chunk.
var pngEnd = []byte("\x00\x00\x00\x00IEND\xAE\x42\x60\x82")

// copyPNG copies the chunks of the picture. Text is compressed and may inflate to anything: it stays behind.
func copyPNG(w *bufio.Writer, r io.ReaderAt, size int64) error {
	const signature = 8
	if err := copyRange(w, r, 0, signature); err != nil {
		return err
	}
	pixels, once, walked := false, map[string]bool{}, 0
	for off := int64(signature); off < size; {
		if walked++; walked > maxParts {
			return ErrTooComplex
		}
		var head [8]byte
		if err := readAt(r, head[:], off); err != nil {
			return err
		}
		name, length := string(head[4:]), int64(binary.BigEndian.Uint32(head[:]))+chunkOverhead
		if name == "IEND" {
			break
		}
		if length > size-off {
			return ErrBroken
		}
		wanted, err := wantsChunk(name, r, off, length)
		if err != nil {
			return err
		}
		if wanted && (name == "IDAT" || !once[name]) {
			once[name] = true
			if err := copyRange(w, r, off, length); err != nil {
				return err
			}
		}
		pixels = pixels || name == "IDAT"
		off += length
	}
	if !pixels {
		return ErrBroken
	}
	_, err := w.Write(pngEnd)
	return err
}

// wantsChunk knows what a decoder needs.
func wantsChunk(name string, r io.ReaderAt, off, length int64) (bool, error) {
	switch name {
	case "IHDR", "PLTE", "tRNS", "IDAT":
		return true, nil
	case "eXIf":
		return length <= maxEXIF+chunkOverhead, nil
	case "iCCP":
		if length > maxProfile {
			return false, nil
		}
		chunk := make([]byte, length)
		err := readAt(r, chunk, off)
		return err == nil && profileFits(chunk[8:length-4]), err
	}
	return false, nil
}

// profileFits reports whether the profile of an iCCP chunk inflates to no more than maxProfile.
func profileFits(body []byte) bool {
	_, compressed, named := bytes.Cut(body, []byte{0})
	if !named || len(compressed) < 1 || compressed[0] != 0 {
		return false
	}
	inflated, err := zlib.NewReader(bytes.NewReader(compressed[1:]))
	if err != nil {
		return false
	}
	n, err := io.Copy(io.Discard, io.LimitReader(inflated, maxProfile+1))
	return err == nil && n <= maxProfile
}
