package upload

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/sniff"
)

// What may be decoded and written about.
const (
	MaxAlt    = 1000       // graphemes of a text about a photo
	MaxSide   = 16_000     // pixels
	MaxPixels = 50_000_000 // of a picture that is decoded row by row
	// MaxHeldPixels bounds pictures that the decoder must hold as a whole, HEIC aside, which is bounded by the memory that it takes.
	MaxHeldPixels = 25_000_000
)

// MaxHEICPixels is how many pixels a HEIC picture may have whose decoder may take that many bytes: of the kind that phones write, with
// 8 or with more bits a channel.
func MaxHEICPixels(memory int64, deep bool) int64 {
	return min(MaxPixels, sniff.MostPixels(memory, sniff.Header{ContentType: "image/heic", Deep: deep})/1_000_000*1_000_000)
}

// ContentTypes are the types that may be declared.
var ContentTypes = []string{"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"}

// CanonicalType is how a type is kept: letters of either case and the common misnomer are understood.
func CanonicalType(contentType string) string {
	contentType = strings.ToLower(strings.TrimSpace(contentType))
	if contentType == "image/jpg" {
		return "image/jpeg"
	}
	return contentType
}

// Reason is why an upload failed: a stable word for clients.
type Reason string

// The reasons.
const (
	Mismatch      Reason = "mismatch"
	Corrupt       Reason = "corrupt"
	Animated      Reason = "animated"
	TooManyPixels Reason = "too_many_pixels"
	TooComplex    Reason = "too_complex" // takes more time than a picture of its size may
	TooLarge      Reason = "too_large"   // takes more memory than a picture may, or does so by its header
	Unavailable   Reason = "unavailable" // our side did not manage
)

var refusals = map[Reason]error{
	Mismatch: uploads.ErrMismatch, Corrupt: uploads.ErrCorrupt, Animated: uploads.ErrAnimated, TooManyPixels: uploads.ErrTooManyPixels,
	TooComplex: uploads.ErrTooComplex, TooLarge: uploads.ErrTooMuchMemory,
}

// Refusal returns the fault that a client hears for a reason that the file is to blame for, or nil for any other.
func (r Reason) Refusal() error { return refusals[r] }

// ReasonFor returns the reason that an upload fails for with err, or "" where the file is not to blame.
func ReasonFor(err error) Reason {
	for reason, refusal := range refusals {
		if errors.Is(err, refusal) {
			return reason
		}
	}
	return ""
}

// Inspect reads the header of a file of size bytes and checks it; a decoder may take so many bytes of memory. It returns the module's
// faults where the file is to blame, and other errors where it cannot be read.
func (u *Upload) Inspect(file io.ReaderAt, size, memory int64) (sniff.Header, error) {
	header, err := sniff.Read(file, size)
	if err != nil {
		return header, faultOf(err)
	}
	return header, u.Check(header, memory)
}

// CopyPicture writes what is picture of a file that was inspected, and returns the header as it is now known. It returns the
// module's faults where the file is to blame, and other errors where it cannot be read or written.
func (u *Upload) CopyPicture(w io.Writer, file io.ReaderAt, size, memory int64, header sniff.Header) (sniff.Header, sniff.Copied, error) {
	copied, err := sniff.CopyPicture(w, file, size, header)
	if err != nil {
		return header, copied, faultOf(err)
	}
	header.Streams = header.Streams && !copied.Held
	return header, copied, u.Check(header, memory)
}

// faultOf is what is told for an error of package sniff.
func faultOf(err error) error {
	switch {
	case errors.Is(err, sniff.ErrUnknown):
		return uploads.ErrMismatch.Saying("The file is not a photo of a known kind.").Because(err)
	case errors.Is(err, sniff.ErrAnimated):
		return uploads.ErrAnimated.Because(err)
	case errors.Is(err, sniff.ErrBroken):
		return uploads.ErrCorrupt.Because(err)
	case errors.Is(err, sniff.ErrTooComplex):
		return uploads.ErrTooComplex.Because(err)
	}
	return fmt.Errorf("uploads: read the file: %w", err)
}

// Check compares what the file's header says with what was declared, and with what may be decoded within so many bytes of memory.
func (u *Upload) Check(h sniff.Header, memory int64) error {
	switch {
	case h.ContentType != sniffedType(u.ContentType):
		return uploads.ErrMismatch.Saying("The file is not of the declared type.")
	case h.Width > MaxSide || h.Height > MaxSide:
		return uploads.ErrTooManyPixels.Saying("A photo may have at most %d pixels on each side.", MaxSide)
	case h.Pixels > MaxPixels:
		return uploads.ErrTooManyPixels.Saying("A photo may have at most %d megapixels.", MaxPixels/1_000_000)
	case h.ContentType != "image/heic" && !h.Streams && h.Pixels > MaxHeldPixels:
		return uploads.ErrTooManyPixels.Saying("A photo of this kind may have at most %d megapixels.", MaxHeldPixels/1_000_000)
	case !h.Streams && h.Pixels > sniff.MostPixels(memory, h):
		return uploads.ErrTooMuchMemory.Saying("A photo of this kind may have at most %d megapixels.", sniff.MostPixels(memory, h)/1_000_000)
	}
	return nil
}

// sniffedType is the type that sniffing finds for a declared one: HEIC is HEIF, and apps mix the names up.
func sniffedType(contentType string) string {
	if contentType == "image/heif" {
		return "image/heic"
	}
	return contentType
}
