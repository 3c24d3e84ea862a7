// Package imaging makes what people see of a picture: upright sRGB variants without metadata, a blurhash and a palette.
// libvips does the work in child processes with limits, so that a hostile picture cannot harm the worker.
package imaging

import (
	"context"
	"errors"
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bbrks/go-blurhash"
	"golang.org/x/sync/errgroup"

	"atrium/platform/photo"
)

var (
	// ErrCorrupt: the decoder says that the picture is damaged or not supported. Trying again does not help.
	ErrCorrupt = errors.New("imaging: the picture cannot be decoded")
	// ErrTooLong: the picture takes more time than one of its size may. Trying again does not help.
	ErrTooLong = errors.New("imaging: the picture takes too long")
	// ErrOutOfMemory: the picture takes more memory than it may. Trying again does not help.
	ErrOutOfMemory = errors.New("imaging: the picture takes too much memory")
	// ErrDied: a child was ended by a signal. The picture may be to blame, or this machine.
	ErrDied = errors.New("imaging: a child died")
)

// Sizes are the long edges of the variants, in pixels. A smaller picture ends with its own.
var Sizes = []int{200, 640, 1080, largest}

// Formats are the variants' formats, and their file names' endings.
var Formats = []string{"webp", "jpeg"}

const largest = 2048

// Limits bound the work on one picture.
type Limits struct {
	Time   time.Duration // for all steps together, by the clock; and that a child may compute for the largest picture
	Pixels int64         // of the largest picture; smaller ones may compute less
	Memory int64         // bytes of each child; at most two run at once, of which only the decoder is large
	Disk   int64         // bytes of a file that a child may write
}

// compute is how long a child may compute for a picture: a fifth of the time for anything, the rest by its pixels. A busy machine
// does not count against a picture, only what it takes itself.
func (l Limits) compute(pixels int64) time.Duration {
	share := 0.2 + 0.8*min(1, float64(pixels)/float64(max(l.Pixels, 1)))
	return time.Duration(share * float64(l.Time))
}

// Processor makes variants of pictures. Safe for concurrent use.
type Processor struct {
	limits Limits
	folder string
}

// NewProcessor needs the folder that libvips' programs are in; "" is the PATH.
func NewProcessor(limits Limits, folder string) *Processor {
	return &Processor{limits: limits, folder: folder}
}

// Variants are what was made of a picture.
type Variants struct {
	Width, Height int   // of the picture itself, upright, in pixels
	Sizes         []int // ascending
	Blurhash      string
	Palette       []photo.Swatch
}

// VariantPath returns where MakeVariants leaves a variant in its folder.
func VariantPath(folder string, size int, format string) string {
	return filepath.Join(folder, strconv.Itoa(size)+"."+format)
}

// Source is a picture to make variants of.
type Source struct {
	Path        string
	Pixels      int64
	HEIF        bool   // is decoded by a plug-in of libvips
	Inks        bool   // is for print: cyan, magenta, yellow and black
	Deep        bool   // has more than 8 bits a channel
	Alpha       bool   // may be transparent
	Profile     string // the file of its colour profile; "": its colours are those of sRGB
	Orientation int    // EXIF's, where the decoder does not follow it; else 0
	Strict      bool   // is refused where the decoder has to guess: its end was missing
}

func (s Source) input() input { return input{untrusted: true, plugin: s.HEIF, pixels: s.Pixels} }

// MakeVariants decodes source once and leaves the variants in folder, which the caller removes. It returns ErrCorrupt, ErrTooLong,
// ErrOutOfMemory or ErrDied where the picture is to blame, and other errors where this machine is.
func (p *Processor) MakeVariants(ctx context.Context, source Source, folder string) (Variants, error) {
	limited, cancel := context.WithTimeout(ctx, p.limits.Time)
	defer cancel()
	v, err := p.makeVariants(limited, source, folder)
	if err != nil && ctx.Err() != nil {
		return Variants{}, ctx.Err() // the worker stops: no fault of the picture
	}
	return v, err
}

func (p *Processor) makeVariants(ctx context.Context, source Source, folder string) (Variants, error) {
	base, err := p.decode(ctx, source, folder)
	if err != nil {
		return Variants{}, err
	}
	v := Variants{Sizes: variantSizes(max(base.width, base.height))}
	measuring, inBoth := parallel(ctx)
	measuring.Go(func() error { return p.resize(inBoth, base, v.Sizes, folder) })
	measuring.Go(func() (err error) {
		v.Width, v.Height, err = p.uprightSize(inBoth, source, folder)
		return err
	})
	if err := measuring.Wait(); err != nil {
		return Variants{}, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return p.encode(ctx, v.Sizes, folder) })
	group.Go(func() error { return v.describe(rawFile(folder, v.Sizes[0])) })
	err = group.Wait()
	return v, err
}

// uprightSize asks the decoder for the picture's extent and for the turn that it still needs: what a file's header says may be cropped
// or turned by what comes after.
func (p *Processor) uprightSize(ctx context.Context, source Source, folder string) (width, height int, err error) {
	fields := &head{most: 256 << 10}
	if err := p.runInto(ctx, fields, folder, source.input(), "vipsheader", "-a", source.Path); err != nil {
		return 0, 0, err
	}
	width, height = fields.number("width"), fields.number("height")
	if width < 1 || height < 1 {
		return 0, 0, fmt.Errorf("%w: no size", ErrCorrupt)
	}
	if max(fields.number("orientation"), source.Orientation) >= firstOnItsSide {
		return height, width, nil
	}
	return width, height, nil
}

// firstOnItsSide of EXIF's orientations exchanges width and height, as do all after it.
const firstOnItsSide = 5

// describe adds what clients show before any file is there, from the smallest variant: the palette and the blurhash.
func (v *Variants) describe(path string) error {
	small, err := readPixels(path)
	if err != nil {
		return err
	}
	v.Palette = palette(small)
	v.Blurhash, err = blur(small)
	return err
}

// variantSizes returns the variants of a picture with this long edge.
func variantSizes(long int) []int {
	var sizes []int
	for _, size := range Sizes {
		if size < long {
			sizes = append(sizes, size)
		}
	}
	return append(sizes, min(long, largest))
}

// resize makes the smaller pictures, each from the next larger one, still in libvips' own format: encoding them all in one process
// is then cheaper. Small ones are made here: to start a process takes longer.
func (p *Processor) resize(ctx context.Context, base rawImage, sizes []int, folder string) error {
	own := len(sizes) - 1
	if err := os.Rename(base.path, rawFile(folder, sizes[own])); err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	for i := own - 1; i >= 0; i-- {
		from, to := rawFile(folder, sizes[i+1]), rawFile(folder, sizes[i])
		if sizes[i+1] <= small {
			if err := shrinkRaw(from, to, sizes[i]); err != nil {
				return err
			}
			continue
		}
		edge := strconv.Itoa(sizes[i])
		if err := p.run(ctx, folder, trusted, "vips", "thumbnail", from, to, edge, "--height", edge, "--size", "down"); err != nil {
			return err
		}
	}
	return nil
}

// small is the long edge up to which a picture is resized in this process: that takes 20 MB and some 30 ms.
const small = 1080

func rawFile(folder string, size int) string { return VariantPath(folder, size, "v") }

// encode writes the files that are served. vipsthumbnail names its output after the input: 640.v becomes 640.webp.
func (p *Processor) encode(ctx context.Context, sizes []int, folder string) error {
	inputs := []string{"--size", fmt.Sprintf("%dx%d>", largest, largest)}
	for _, size := range sizes {
		inputs = append(inputs, rawFile(folder, size))
	}
	save := func(options string) error {
		arguments := append(inputs[:len(inputs):len(inputs)], "--output", filepath.Join(folder, "%s."+options))
		return p.run(ctx, folder, trusted, "vipsthumbnail", arguments...)
	}
	group, ctx := parallel(ctx)
	group.Go(func() error { return save("jpeg[Q=82,interlace,optimize-coding,strip]") })
	group.Go(func() error {
		if err := save("webp[Q=88,effort=3]"); err != nil {
			return err
		}
		for _, size := range sizes {
			if err := stripWebPEXIF(VariantPath(folder, size, "webp")); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// parallel runs two children at a time: libvips itself uses one thread per child.
func parallel(ctx context.Context) (*errgroup.Group, context.Context) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	return group, ctx
}

// blur spends more components on the long edge.
func blur(img image.Image) (string, error) {
	x, y := 4, 3
	if b := img.Bounds(); b.Dy() > b.Dx() {
		x, y = 3, 4
	}
	hash, err := blurhash.Encode(x, y, img)
	if err != nil {
		return "", fmt.Errorf("imaging: blurhash: %w", err)
	}
	return hash, nil
}
