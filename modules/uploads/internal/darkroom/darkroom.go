// Package darkroom makes what people see of a picture: upright sRGB variants without metadata, a blurhash and a palette.
// libvips does the work in child processes with limits, so that a hostile picture harms nobody but itself.
package darkroom

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
	ErrCorrupt = errors.New("darkroom: the picture cannot be decoded")
	// ErrExhausted: a child took too long, too much memory, or died.
	ErrExhausted = errors.New("darkroom: the picture takes more than it may")
)

// Sizes are the long edges of the variants, in pixels. A smaller picture ends with its own.
var Sizes = []int{200, 640, 1080, largest}

// Formats are the variants' formats, and their file names' endings.
var Formats = []string{"webp", "jpeg"}

const largest = 2048

// Limits bound the work on one picture.
type Limits struct {
	Time   time.Duration // for all steps together
	Memory int64         // bytes of each child; at most two run at once, of which only the decoder is large
	Disk   int64         // bytes of a file that a child may write
}

// Darkroom develops pictures. Safe for concurrent use.
type Darkroom struct {
	limits Limits
	folder string
}

// New makes a darkroom. folder is where libvips' programs are; empty means the PATH.
func New(limits Limits, folder string) *Darkroom { return &Darkroom{limits: limits, folder: folder} }

// Print is a developed picture.
type Print struct {
	Width, Height int   // of the largest variant
	Sizes         []int // ascending
	Blurhash      string
	Palette       []photo.Swatch
}

// File returns where Develop leaves a variant in its folder.
func File(folder string, size int, format string) string {
	return filepath.Join(folder, strconv.Itoa(size)+"."+format)
}

// Source is a picture to develop.
type Source struct {
	Path string
	Grey bool // has no colours
	HEIF bool // is decoded by a plug-in of libvips
}

func (s Source) input() input {
	if s.HEIF {
		return heif
	}
	return stranger
}

// Develop decodes source once and leaves the variants in folder, which the caller removes. It returns ErrCorrupt or
// ErrExhausted where the picture is to blame, and other errors where this machine is.
func (d *Darkroom) Develop(ctx context.Context, source Source, folder string) (Print, error) {
	limited, cancel := context.WithTimeout(ctx, d.limits.Time)
	defer cancel()
	p, err := d.develop(limited, source, folder)
	if err != nil && ctx.Err() != nil {
		return Print{}, ctx.Err() // the worker stops: no fault of the picture
	}
	return p, err
}

func (d *Darkroom) develop(ctx context.Context, source Source, folder string) (Print, error) {
	base, err := d.decode(ctx, source, folder)
	if err != nil {
		return Print{}, err
	}
	p := Print{Width: base.width, Height: base.height, Sizes: sizesFor(max(base.width, base.height))}
	if err := d.resize(ctx, base, p.Sizes, folder); err != nil {
		return Print{}, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return d.encode(ctx, p.Sizes, folder) })
	group.Go(func() error { return p.look(rawFile(folder, p.Sizes[0])) })
	err = group.Wait()
	return p, err
}

// look tells from the smallest picture, which is ours and small, what can be shown before any file is there.
func (p *Print) look(path string) error {
	small, err := pixels(path)
	if err != nil {
		return err
	}
	p.Palette = palette(small)
	p.Blurhash, err = blur(small)
	return err
}

// sizesFor returns the variants of a picture with this long edge.
func sizesFor(long int) []int {
	var sizes []int
	for _, size := range Sizes {
		if size < long {
			sizes = append(sizes, size)
		}
	}
	return append(sizes, min(long, largest))
}

// decode is the only step that reads what a stranger sent: upright, sRGB, 8 bit, at most 2048 pixels, opaque.
func (d *Darkroom) decode(ctx context.Context, source Source, folder string) (decoded, error) {
	out, edge := filepath.Join(folder, "base.v"), strconv.Itoa(largest)
	arguments := []string{"thumbnail", source.Path, out, edge, "--height", edge, "--size", "down", "--fail-on", "error"}
	if !source.Grey {
		// Without the fallback, colours of a picture that carries no profile are shifted. It does not fit grey ones, which
		// need no conversion.
		arguments = append(arguments, "--export-profile", "srgb", "--import-profile", "srgb")
	}
	if err := d.run(ctx, folder, source.input(), "vips", arguments...); err != nil {
		return decoded{}, err
	}
	base, err := strip(out)
	if err != nil || !base.alpha() {
		return base, err
	}
	base.path = filepath.Join(folder, "flat.v")
	return base, d.run(ctx, folder, ours, "vips", "flatten", out, base.path, "--background", "255")
}

// resize makes the smaller pictures, each from the next larger one, still in libvips' own format: encoding them all in one process
// is then cheaper.
func (d *Darkroom) resize(ctx context.Context, base decoded, sizes []int, folder string) error {
	own := len(sizes) - 1
	if err := os.Rename(base.path, rawFile(folder, sizes[own])); err != nil {
		return fmt.Errorf("darkroom: %w", err)
	}
	for i := own - 1; i >= 0; i-- {
		edge := strconv.Itoa(sizes[i])
		if err := d.run(ctx, folder, ours, "vips", "thumbnail", rawFile(folder, sizes[i+1]), rawFile(folder, sizes[i]), edge, "--height", edge, "--size", "down"); err != nil {
			return err
		}
	}
	return nil
}

func rawFile(folder string, size int) string { return File(folder, size, "v") }

// encode writes the files that are served. vipsthumbnail names its output after the input: 640.v becomes 640.webp.
func (d *Darkroom) encode(ctx context.Context, sizes []int, folder string) error {
	inputs := []string{"--size", fmt.Sprintf("%dx%d>", largest, largest)}
	for _, size := range sizes {
		inputs = append(inputs, rawFile(folder, size))
	}
	save := func(options string) error {
		arguments := append(inputs[:len(inputs):len(inputs)], "--output", filepath.Join(folder, "%s."+options))
		return d.run(ctx, folder, ours, "vipsthumbnail", arguments...)
	}
	group, ctx := parallel(ctx)
	group.Go(func() error { return save("jpeg[Q=82,interlace,optimize-coding,strip]") })
	group.Go(func() error {
		if err := save("webp[Q=80,effort=1]"); err != nil {
			return err
		}
		for _, size := range sizes {
			if err := bareWebP(File(folder, size, "webp")); err != nil {
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
		return "", fmt.Errorf("darkroom: blurhash: %w", err)
	}
	return hash, nil
}
