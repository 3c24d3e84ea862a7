// Package upload is an upload as all of the module's packages know it: its row and states, where its files are kept, and which
// files are accepted.
package upload

import (
	"crypto/rand"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/imaging"
	"atrium/platform/photo"
)

// Status is how far an upload is.
type Status string

// The statuses. Only a ready upload is a photo.
const (
	Pending    Status = "pending"
	Processing Status = "processing"
	Ready      Status = "ready"
	Failed     Status = "failed"
)

// Ended reports whether the status does not change any more.
func (s Status) Ended() bool { return s == Ready || s == Failed }

// Upload is a row of the table uploads.
type Upload struct {
	ID            uuid.UUID `gorm:"primaryKey"`
	OwnerID       uuid.UUID
	Status        Status
	Reason        Reason // of a failed one
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
	Weight        int        `gorm:"default:1"` // package queue's
	QueuedAt      *time.Time // handed to the workers
	CreatedAt     time.Time
	ExpiresAt     time.Time
	EndedAt       *time.Time
	UsedAt        *time.Time
	ReleasedAt    *time.Time
}

// Declaration is what is said about a file before it is sent.
type Declaration struct {
	ContentType string
	Bytes       int64
	SHA256      [32]byte
}

// New returns a pending upload with keys that cannot be guessed.
func New(owner uuid.UUID, d Declaration, expires time.Time) *Upload {
	return &Upload{
		ID: uuid.Must(uuid.NewV7()), OwnerID: owner, Status: Pending, ContentType: d.ContentType, Bytes: d.Bytes, SHA256: d.SHA256[:],
		QuarantineKey: "quarantine/" + owner.String() + "/" + RandomKey(), PhotoKey: RandomKey(), Audience: uploads.Some,
		Palette: []photo.Swatch{}, Sizes: []int{}, ExpiresAt: expires,
	}
}

// IsPhoto reports whether the upload is a photo that can be shown.
func (u *Upload) IsPhoto() bool { return u.Status == Ready && u.ReleasedAt == nil }

// RandomKey returns a name of 130 random bits for files that are served to whoever knows it.
func RandomKey() string { return strings.ToLower(rand.Text()) }

// OriginalKey is where the file itself is kept, never served, so that variants can be made anew.
func (u *Upload) OriginalKey() string { return "originals/" + u.PhotoKey }

// PrivateFolder is where variants are served from with a signature.
func PrivateFolder(photoKey string) string { return "private/" + photoKey + "/" }

// PublicFolder is where variants are served from to everybody.
func PublicFolder(publicKey string) string { return "public/" + publicKey + "/" }

// VariantKey is the key of one variant in a folder.
func VariantKey(folder string, size int, format string) string {
	return folder + strconv.Itoa(size) + "." + format
}

// VariantKeys are the keys of all variants in a folder.
func VariantKeys(folder string, sizes []int) []string {
	keys := make([]string, 0, len(sizes)*len(imaging.Formats))
	for _, size := range sizes {
		for _, format := range imaging.Formats {
			keys = append(keys, VariantKey(folder, size, format))
		}
	}
	return keys
}
