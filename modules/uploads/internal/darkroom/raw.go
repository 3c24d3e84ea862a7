package darkroom

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"io"
	"os"
)

// libvips' own format is a head, the pixels, and after these everything else that is known of the picture.
const (
	headBytes = 64
	bytePixel = 0 // the band format of 8 bits
)

// decoded is a picture in libvips' own format.
type decoded struct {
	path                 string
	width, height, bands int
}

// alpha reports whether something of the picture may be transparent.
func (d decoded) alpha() bool { return d.bands == 2 || d.bands == 4 }

// bytes is how many the pixels are.
func (d decoded) bytes() int64 { return int64(d.width) * int64(d.height) * int64(d.bands) }

// readHead reads a picture's extent and leaves the file at its first pixel.
func readHead(f *os.File) (decoded, error) {
	var head [headBytes]byte
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return decoded{}, fmt.Errorf("darkroom: %w", err)
	}
	number := func(i int) int { return int(binary.NativeEndian.Uint32(head[i:])) }
	if format := number(20); format != bytePixel {
		return decoded{}, fmt.Errorf("darkroom: band format %d after conversion to sRGB", format)
	}
	return decoded{path: f.Name(), width: number(4), height: number(8), bands: number(12)}, nil
}

// strip cuts off what follows the pixels, and with it all metadata there is. Variants then cannot have any, whatever the
// savers make of their option to strip: webpsave of libvips 8.14 ignores it.
func strip(path string) (decoded, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return decoded{}, fmt.Errorf("darkroom: %w", err)
	}
	defer f.Close()
	d, err := readHead(f)
	if err != nil {
		return decoded{}, err
	}
	if err := f.Truncate(headBytes + d.bytes()); err != nil {
		return decoded{}, fmt.Errorf("darkroom: %w", err)
	}
	return d, nil
}

// pixels reads an opaque picture, grey or in colours.
func pixels(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("darkroom: %w", err)
	}
	defer f.Close()
	d, err := readHead(f)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, d.bytes())
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, fmt.Errorf("darkroom: %w", err)
	}
	img := image.NewNRGBA(image.Rect(0, 0, d.width, d.height))
	for i := range d.width * d.height {
		p := raw[i*d.bands : (i+1)*d.bands]
		img.SetNRGBA(i%d.width, i/d.width, color.NRGBA{R: p[0], G: p[d.bands/2], B: p[d.bands-1], A: 0xFF})
	}
	return img, nil
}
