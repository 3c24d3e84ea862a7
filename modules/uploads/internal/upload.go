// Package internal keeps the promises of package uploads.
package internal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/darkroom"
	"atrium/modules/uploads/internal/sniff"
	"atrium/platform/photo"
)

// The states of an upload. Only a ready one is a photo.
const (
	pending    = "pending"
	processing = "processing"
	ready      = "ready"
	failed     = "failed"
)

// Why an upload failed: stable words for clients.
const (
	reasonMismatch      = "mismatch"
	reasonCorrupt       = "corrupt"
	reasonAnimated      = "animated"
	reasonTooManyPixels = "too_many_pixels"
	reasonTooComplex    = "too_complex" // takes more time or memory than a picture may
	reasonUnavailable   = "unavailable" // our side did not manage
)

const (
	mostAlt    = 1000 // characters
	mostSide   = 16_000
	mostPixels = 50_000_000
	// mostWhole bounds pictures that the decoder must hold as a whole.
	mostWhole = 25_000_000
	// mostTries bounds how often a picture may bring a child, or the worker itself, down.
	mostTries = 3
)

// Upload is a row of the table uploads.
type Upload struct {
	ID            uuid.UUID `gorm:"primaryKey"`
	OwnerID       uuid.UUID
	Status        string
	Reason        string
	ContentType   string
	Bytes         int64
	SHA256        []byte `gorm:"column:sha256"`
	QuarantineKey string
	PhotoKey      string
	PublicKey     string
	Audience      uploads.Audience
	Width, Height int
	Alt           string
	Blurhash      string
	Palette       []photo.Swatch `gorm:"serializer:json"`
	Sizes         []int          `gorm:"serializer:json"`
	Tries         int
	CreatedAt     time.Time
	ExpiresAt     time.Time
	EndedAt       *time.Time
	UsedAt        *time.Time
	ReleasedAt    *time.Time
}

// declaration is what a client says about the file that it is going to send.
type declaration struct {
	contentType string
	bytes       int64
	sha256      [32]byte
}

func newUpload(owner uuid.UUID, d declaration, expires time.Time) *Upload {
	return &Upload{
		ID: uuid.Must(uuid.NewV7()), OwnerID: owner, Status: pending, ContentType: d.contentType, Bytes: d.bytes, SHA256: d.sha256[:],
		QuarantineKey: "quarantine/" + owner.String() + "/" + randomKey(), PhotoKey: randomKey(), Audience: uploads.Some,
		Palette: []photo.Swatch{}, Sizes: []int{}, ExpiresAt: expires,
	}
}

// randomKey cannot be guessed: 130 bits.
func randomKey() string { return strings.ToLower(rand.Text()) }

func privateFolder(key string) string { return "private/" + key + "/" }

func publicFolder(key string) string { return "public/" + key + "/" }

// originalKey is where the file itself is kept, never served, so that variants can be made anew.
func (u *Upload) originalKey() string { return "originals/" + u.PhotoKey }

// publicCopy is where copies for everybody go under a key.
func (u *Upload) publicCopy(key string) PublicCopy {
	return PublicCopy{UploadID: u.ID, PublicKey: key, Sizes: u.Sizes}
}

// files are the keys of a photo's variants in a folder.
func files(folder string, sizes []int) []string {
	keys := make([]string, 0, len(sizes)*len(darkroom.Formats))
	for _, size := range sizes {
		for _, format := range darkroom.Formats {
			keys = append(keys, folder+fileName(size, format))
		}
	}
	return keys
}

// alive reports whether the upload is a photo that can be shown.
func (u *Upload) alive() bool { return u.Status == ready && u.ReleasedAt == nil }

// settled reports whether waiting makes no more sense.
func (u *Upload) settled() bool { return u.Status == ready || u.Status == failed }

// whyNotUsable returns the sentence for a claim by owner that cannot be granted, or "".
func (u *Upload) whyNotUsable(owner uuid.UUID) string {
	switch {
	case u == nil || u.OwnerID != owner || u.ReleasedAt != nil:
		return "There is no such upload."
	case u.Status == failed:
		return "The upload has failed."
	case u.Status != ready:
		return "The upload is not ready."
	case u.UsedAt != nil:
		return "The photo is used already."
	}
	return ""
}

// upright returns the extent of the picture after rotation, which the print shows: it has the same shape.
func (u *Upload) upright(p darkroom.Print) (width, height int) {
	if (p.Width > p.Height) != (u.Width > u.Height) {
		return u.Height, u.Width
	}
	return u.Width, u.Height
}

// inspect reads the file's header and judges it.
func (u *Upload) inspect(file io.ReaderAt, size int64) (sniff.Header, error) {
	header, err := sniff.Read(file, size)
	switch {
	case errors.Is(err, sniff.ErrUnknown):
		return header, uploads.ErrMismatch.Saying("The file is not a photo of a known kind.").Because(err)
	case errors.Is(err, sniff.ErrAnimated):
		return header, uploads.ErrAnimated.Because(err)
	case errors.Is(err, sniff.ErrBroken):
		return header, uploads.ErrCorrupt.Because(err)
	case err != nil:
		return header, fmt.Errorf("uploads: read the header: %w", err)
	}
	return header, u.judge(header)
}

// judge compares what was declared with what the file's header says, and with what may be decoded.
func (u *Upload) judge(h sniff.Header) error {
	switch {
	case h.ContentType != family(u.ContentType):
		return uploads.ErrMismatch.Saying("The file is not of the declared type.")
	case h.Width > mostSide || h.Height > mostSide:
		return uploads.ErrTooManyPixels.Saying("A photo may have at most %d pixels on each side.", mostSide)
	case h.Pixels > mostPixels:
		return uploads.ErrTooManyPixels.Saying("A photo may have at most %d megapixels.", mostPixels/1_000_000)
	case !h.Streams && h.Pixels > mostWhole:
		return uploads.ErrTooManyPixels.Saying("A photo of this kind may have at most %d megapixels.", mostWhole/1_000_000)
	}
	return nil
}

// allowed are the types that may be declared.
var allowed = []string{"image/jpeg", "image/png", "image/webp", "image/heic", "image/heif"}

// family is the type that sniffing finds for a declared one: HEIC is HEIF, and apps mix the names up.
func family(contentType string) string {
	if contentType == "image/heif" {
		return "image/heic"
	}
	return contentType
}

func fileName(size int, format string) string { return strconv.Itoa(size) + "." + format }
