package imaging

import (
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"io"
	"math"
	"os"

	"golang.org/x/image/draw"
)

// libvips' own format is a header, the pixels, and after these all metadata of the picture.
const (
	headerBytes = 64
	bytePixel   = 0 // the band format of 8 bits
)

// rawImage is a picture in libvips' own format.
type rawImage struct {
	path                 string
	width, height, bands int
}

// hasAlpha reports whether something of the picture may be transparent.
func (d rawImage) hasAlpha() bool { return d.bands == 2 || d.bands == 4 }

// bytes is the length of the pixels.
func (d rawImage) bytes() int64 { return int64(d.width) * int64(d.height) * int64(d.bands) }

// readHeader reads a picture's size and leaves the file at its first pixel.
func readHeader(f *os.File) (rawImage, error) {
	var header [headerBytes]byte
	if _, err := io.ReadFull(f, header[:]); err != nil {
		return rawImage{}, fmt.Errorf("imaging: %w", err)
	}
	number := func(i int) int { return int(binary.NativeEndian.Uint32(header[i:])) }
	if format := number(20); format != bytePixel {
		return rawImage{}, fmt.Errorf("imaging: band format %d after conversion to sRGB", format)
	}
	return rawImage{path: f.Name(), width: number(4), height: number(8), bands: number(12)}, nil
}

// shrinkRaw writes a smaller copy of an opaque picture, with that long edge.
func shrinkRaw(from, to string, edge int) error {
	f, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	defer f.Close()
	d, err := readHeader(f)
	if err != nil {
		return err
	}
	large, err := readPixels(from)
	if err != nil {
		return err
	}
	share := float64(edge) / float64(max(d.width, d.height))
	length := func(n int) int { return max(1, int(math.Round(float64(n)*share))) }
	scaled := image.NewRGBA(image.Rect(0, 0, length(d.width), length(d.height)))
	draw.CatmullRom.Scale(scaled, scaled.Rect, large, large.Bounds(), draw.Src, nil)
	return writePixels(f, to, scaled, d.bands)
}

// writePixels writes a picture with so many bands, its header after that of another.
func writePixels(like io.ReaderAt, path string, img *image.RGBA, bands int) error {
	content := make([]byte, headerBytes, headerBytes+len(img.Pix))
	if _, err := like.ReadAt(content, 0); err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	binary.NativeEndian.PutUint32(content[4:], uint32(img.Rect.Dx()))
	binary.NativeEndian.PutUint32(content[8:], uint32(img.Rect.Dy()))
	for i := 0; i < len(img.Pix); i += 4 {
		content = append(content, img.Pix[i:i+min(bands, 3)]...)
	}
	if err := os.WriteFile(path, content, 0o600); err != nil {
		return fmt.Errorf("imaging: %w", err)
	}
	return nil
}

// readPixels reads an opaque picture, grey or in colours.
func readPixels(path string) (image.Image, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	defer f.Close()
	d, err := readHeader(f)
	if err != nil {
		return nil, err
	}
	raw := make([]byte, d.bytes())
	if _, err := io.ReadFull(f, raw); err != nil {
		return nil, fmt.Errorf("imaging: %w", err)
	}
	img := image.NewNRGBA(image.Rect(0, 0, d.width, d.height))
	for i := range d.width * d.height {
		p := raw[i*d.bands : (i+1)*d.bands]
		img.SetNRGBA(i%d.width, i/d.width, color.NRGBA{R: p[0], G: p[d.bands/2], B: p[d.bands-1], A: 0xFF})
	}
	return img, nil
}
