package sniff

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"atrium/modules/uploads/internal/icc"
)

// ErrTooComplex: to decode the picture would take more work than its pixels explain.
var ErrTooComplex = errors.New("sniff: the picture is made to take long")

const (
	// maxScans bounds the passes over a JPEG. Encoders write about ten; each costs the decoder a visit to every block, however empty.
	maxScans = 100
	// maxParts bounds the segments or chunks of a file. Those who write small ones write some thousand.
	maxParts = 50_000
	// maxProfile bounds a colour profile in bytes, inflated. The largest of printers have three million.
	maxProfile = 4 << 20
	// maxEXIF bounds EXIF, of which the orientation is read.
	maxEXIF = 64 << 10
)

// Copied is what CopyPicture found on its way.
type Copied struct {
	Look
	Held    bool // has to be decoded as a whole, whatever its header said
	Unended bool // had no end marker, which the copy has
}

// CopyPicture writes what a decoder needs to show the file that h was read from, and nothing else: comments, XMP, previews, further
// pictures and whatever lies between the segments or after the end stay behind, and are never inflated; the colour profile is told beside
// the copy. It decodes nothing, and returns ErrTooComplex or ErrBroken where the file is to blame.
func CopyPicture(w io.Writer, r io.ReaderAt, size int64, h Header) (Copied, error) {
	out := bufio.NewWriter(w)
	copied, err := copyPicture(out, r, size, h)
	if err != nil {
		return Copied{}, err
	}
	if copied.Profile == nil && h.Deep {
		copied.Profile = h.plainProfile()
	}
	if err := out.Flush(); err != nil {
		return Copied{}, fmt.Errorf("sniff: copy: %w", err)
	}
	return copied, nil
}

// plainProfile is for pictures of more than 8 bits a channel that tell nothing of their colours: converted they are rounded, where a
// decoder that makes them shallower cuts off.
func (h Header) plainProfile() []byte {
	if h.Grey {
		return icc.OfGrey(icc.SRGBCurve)
	}
	return icc.OfDisplay(icc.SRGB, icc.SRGBCurve)
}

func copyPicture(w *bufio.Writer, r io.ReaderAt, size int64, h Header) (copied Copied, err error) {
	switch h.ContentType {
	case "image/jpeg":
		return copyJPEG(w, bufio.NewReaderSize(io.NewSectionReader(r, 0, size), 64<<10), h)
	case "image/png":
		copied.Profile, err = copyPNG(w, r, size, h)
		return copied, err
	case "image/webp":
		copied.Profile, err = copyWebP(w, r, size)
		return copied, err
	}
	// A HEIF file's items are reached by their places in it; a decoder touches none but the picture's.
	if copied.Look, err = readHEIFLook(r, size); err != nil {
		return Copied{}, err
	}
	_, err = io.Copy(w, io.NewSectionReader(r, 0, size))
	return copied, err
}

// copyRange copies n bytes at off. An early end of the file is ErrBroken.
func copyRange(w io.Writer, r io.ReaderAt, off, n int64) error {
	copied, err := io.Copy(w, io.NewSectionReader(r, off, n))
	if err == nil && copied < n {
		return ErrBroken
	}
	return err
}
