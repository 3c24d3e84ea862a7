// Package uploads takes photos in and keeps them: a presigned PUT to quarantine, a check, upright metadata-free variants,
// URLs through the CDN. Other modules hold photo ids and ask the Library.
package uploads

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"atrium/platform/fault"
	"atrium/platform/photo"
)

var (
	// ErrNotFound: no such upload, or somebody else's.
	ErrNotFound = fault.NotFound("uploads.not_found", "There is no such upload.")
	// ErrNotUsable: an upload in a request body is foreign, not ready, or used already; its fields say which and why.
	ErrNotUsable = fault.Invalid("uploads.not_usable", "A photo cannot be used.")
	// ErrTypeNotAllowed: another type than JPEG, PNG, WebP, HEIC and HEIF.
	ErrTypeNotAllowed = fault.New(fault.KindUnsupported, "uploads.type_not_allowed", "Only JPEG, PNG, WebP, HEIC and HEIF photos are taken.")
	// ErrTooLarge: more bytes than Config.MaxBytes.
	ErrTooLarge = fault.New(fault.KindTooLarge, "uploads.too_large", "The file is too large.")
	// ErrQuota: more uploads than Config.PerHour.
	ErrQuota = fault.New(fault.KindTooMany, "uploads.quota_exceeded", "That are many uploads. Try again later.")
	// ErrNotUploaded: completed before the file was there.
	ErrNotUploaded = fault.Conflict("uploads.not_uploaded", "The file is not there yet.")
	// ErrMismatch: the file is not what was declared. It is deleted, and the upload has failed.
	ErrMismatch = fault.Invalid("uploads.mismatch", "The file is not what was declared.")
	// ErrCorrupt: the file's header cannot be read. It is deleted, and the upload has failed.
	ErrCorrupt = fault.Invalid("uploads.corrupt", "The file is damaged.")
	// ErrAnimated: the picture moves. It is deleted, and the upload has failed.
	ErrAnimated = fault.Invalid("uploads.animated", "Moving pictures are not taken.")
	// ErrTooManyPixels: the picture is larger than may be decoded. It is deleted, and the upload has failed.
	ErrTooManyPixels = fault.Invalid("uploads.too_many_pixels", "The picture has too many pixels.")
	// ErrTooMuchMemory: to decode the picture takes more memory than a picture may. The file is deleted, and the upload has failed.
	ErrTooMuchMemory = fault.Invalid("uploads.too_large", "The picture is too large.")
	// ErrTooComplex: to decode the picture would take more work than its pixels explain. It is deleted, and the upload has failed.
	ErrTooComplex = fault.Invalid("uploads.too_complex", "The picture is too complex.")
	// ErrOff answers while the module is off.
	ErrOff = fault.Unavailable("uploads.off", "Photos are switched off.")
)

// Config is the section "uploads" of the configuration.
type Config struct {
	MaxBytes    int64         `koanf:"max_bytes" validate:"min=1"`           // of one file
	PerHour     int           `koanf:"per_hour" validate:"min=1"`            // uploads that one person may begin
	Expires     time.Duration `koanf:"expires" validate:"min=1s,max=10m"`    // of the signed PUT
	URLTTL      time.Duration `koanf:"url_ttl" validate:"min=1m,max=1h"`     // of signed URLs; handed out with at least half of it left
	Orphans     time.Duration `koanf:"orphans" validate:"min=1m"`            // after which a photo that nobody uses is removed
	ImageTime   time.Duration `koanf:"image_time" validate:"min=1s,max=5m"`  // for all work on one picture
	ImageMemory int64         `koanf:"image_memory" validate:"min=67108864"` // bytes of each child process that works on a picture
	PixelBudget int64         `koanf:"pixel_budget" validate:"min=1000000"`  // pixels of large pictures that one worker process has in work at a time; those of a picture that cannot be streamed count twice
	TempFolder  string        `koanf:"temp_folder" validate:"omitempty,dir"` // for files in work; empty: the system's
	VipsFolder  string        `koanf:"vips_folder" validate:"omitempty,dir"` // of the programs vips and vipsthumbnail; empty: the PATH
}

// Audience says who may open a photo's files.
type Audience string

// The audiences. Everybody: plain CDN URLs. Some: signed URLs only, handed out to those who may see the photo.
const (
	Everybody Audience = "everybody"
	Some      Audience = "some"
)

// Claim asks for uploads of one owner, to be used from now on.
type Claim struct {
	Owner    uuid.UUID
	Uploads  []uuid.UUID
	Alts     []string // beside Uploads; nil leaves the texts as they are
	Audience Audience
	Pointer  string // of the list in the request body, for ErrNotUsable: "/body/photos"
	Bare     bool   // the list holds ids rather than objects with an upload_id
}

// At is the JSON pointer of upload i in the request: Pointer/i/upload_id, or Pointer/i in a bare list.
func (c Claim) At(i int) string {
	at := c.Pointer + "/" + strconv.Itoa(i)
	if c.Bare {
		return at
	}
	return at + "/upload_id"
}

// Tone is one colour of a palette in CIELAB under D65 (L in 0..100, A and B about -128..127), and its share of the picture in 0..1.
type Tone struct {
	L, A, B float64
	Weight  float64
}

// Importer takes pictures over from elsewhere. What it returns is a photo's id like any other: the Library knows it once the photo
// is there, used, for everybody to see; if the picture cannot be had, it never does. Release gives it up at any time.
type Importer interface {
	// Import has the picture at an address fetched for the owner, in the transaction open in ctx, and returns its photo's id. Only
	// public addresses are fetched, and at most 5 MB.
	Import(ctx context.Context, owner uuid.UUID, address string) (uuid.UUID, error)
}

// Library is what other modules may do with photos. A photo's id is its upload's id.
type Library interface {
	// Claim marks ready, unused uploads of the owner as used, in the transaction open in ctx. All or nothing:
	// ErrNotUsable names each one that is foreign, unready, failed or used.
	Claim(ctx context.Context, c Claim) error
	// Release gives photos up, in the transaction open in ctx: their files disappear soon. Unknown ids are no error.
	Release(ctx context.Context, photos []uuid.UUID) error
	// SetAudience changes who may open the photos' files, in the transaction open in ctx. Narrowing bites within seconds.
	SetAudience(ctx context.Context, photos []uuid.UUID, audience Audience) error
	// Photos returns what clients see, with URLs; photos that are gone are absent. Cached.
	Photos(ctx context.Context, photos []uuid.UUID) (map[uuid.UUID]photo.Photo, error)
	// Palettes returns photos' palettes for who searches by colour: at most six tones, largest first, weights sum to 1; photos that
	// are gone are absent. A photo's palette never changes. No URL is signed. Cached.
	Palettes(ctx context.Context, photos []uuid.UUID) (map[uuid.UUID][]Tone, error)
}
