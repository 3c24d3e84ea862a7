package moduletest

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
)

var (
	// Red is the corner of the Canvas.
	Red = color.NRGBA{0xb0, 0x30, 0x20, 0xff}
	// Sand is the ground of the Canvas.
	Sand = color.NRGBA{0xc9, 0xb7, 0x9c, 0xff}
)

// Picture is Sand with a Red top left corner, as a JPEG.
func Picture(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, Canvas(width, height), &jpeg.Options{Quality: 95}))
	return b.Bytes()
}

// Canvas is that picture before it is encoded.
func Canvas(width, height int) *image.NRGBA {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, Sand)
			if x < width/3 && y < height/3 {
				img.SetNRGBA(x, y, Red)
			}
		}
	}
	return img
}

// SecretPlace is what no fetched byte may tell.
const SecretPlace = "Serial-4711-at-home"

// WithEXIF puts an orientation, a GPS position, a serial number, XMP and IPTC into a JPEG, as phones do.
func WithEXIF(t *testing.T, content []byte, orientation uint16) []byte {
	t.Helper()
	le := binary.LittleEndian
	tiff := append([]byte("II*\x00"), 8, 0, 0, 0)
	entry := func(tag, kind uint16, count, value uint32) {
		tiff = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(tiff, tag), kind), count), value)
	}
	const entries, gpsAt = 3, 8 + 2 + 3*12 + 4
	textAt := uint32(gpsAt + 2 + 2*12 + 4)
	tiff = le.AppendUint16(tiff, entries)
	entry(0x0112, 3, 1, uint32(orientation))
	entry(0x013B, 2, uint32(len(SecretPlace)+1), textAt) // artist
	entry(0x8825, 4, 1, gpsAt)                           // the GPS directory
	tiff = append(le.AppendUint16(append(tiff, 0, 0, 0, 0), 2), []byte{}...)
	entry(0x0001, 2, 2, uint32('N'))
	entry(0x0003, 2, 2, uint32('E'))
	tiff = append(append(append(tiff, 0, 0, 0, 0), SecretPlace...), 0)
	segments := [][]byte{
		JPEGSegment(0xE1, append([]byte("Exif\x00\x00"), tiff...)),
		JPEGSegment(0xE1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta><exif:GPSLatitude>"+SecretPlace+"</exif:GPSLatitude></x:xmpmeta>")),
		JPEGSegment(0xED, []byte("Photoshop 3.0\x008BIM\x04\x04\x00\x00\x00\x00\x00\x18\x1c\x02\x5a\x00\x13"+SecretPlace)),
		JPEGSegment(0xFE, []byte(SecretPlace)),
	}
	return bytes.Join([][]byte{content[:2], bytes.Join(segments, nil), content[2:]}, nil)
}

// JPEGSegment is a segment of a JPEG with its length.
func JPEGSegment(marker byte, body []byte) []byte {
	return append([]byte{0xFF, marker, byte((len(body) + 2) >> 8), byte(len(body) + 2)}, body...)
}

// RequireNoMetadata fails the test if bytes tell where a photo was taken.
func RequireNoMetadata(t *testing.T, content []byte) {
	t.Helper()
	for _, trace := range []string{SecretPlace, "Exif", "GPS", "xmpmeta", "8BIM", "ns.adobe.com", "ICC_PROFILE"} {
		require.False(t, bytes.Contains(content, []byte(trace)), trace)
	}
}

// PNGChunk is a chunk of a PNG with its checksum.
func PNGChunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// Flood is a PNG of a few bytes that claims to be enormous.
func Flood(width, height uint32) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), PNGChunk("IHDR", append(head, 8, 2, 0, 0, 0)), PNGChunk("IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1}), PNGChunk("IEND", nil)}, nil)
}

// PlainPNG is a still Picture.
func PlainPNG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, Canvas(40, 30)))
	return b.Bytes()
}

// AnimatedPNG announces 50,000 frames.
func AnimatedPNG(t *testing.T) []byte {
	t.Helper()
	whole := PlainPNG(t)
	const afterIHDR = 8 + 25
	return bytes.Join([][]byte{whole[:afterIHDR], PNGChunk("tEXt", make([]byte, 5000)), PNGChunk("acTL", []byte{0, 0, 0xC3, 0x50, 0, 0, 0, 0}), whole[afterIHDR:]}, nil)
}

// AnimatedWebP announces an animation.
func AnimatedWebP() []byte {
	body := append([]byte("WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"), 99, 0, 0, 99, 0, 0)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

// PNG encodes a picture.
func PNG(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// Tools makes fixtures with the field's own tools.
type Tools struct {
	t      *testing.T
	folder string
}

// NewTools makes them work in a folder of the test.
func NewTools(t *testing.T) Tools { return Tools{t, t.TempDir()} }

func (w Tools) Path(name string) string { return filepath.Join(w.folder, name) }

func (w Tools) Write(name string, content []byte) string {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.Path(name), content, 0o600))
	return w.Path(name)
}

// Run runs a tool, and returns the file that it has written.
func (w Tools) Run(out string, arguments ...string) []byte {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), arguments[0], arguments[1:]...)
	command.Dir = w.folder
	text, err := command.CombinedOutput()
	require.NoError(w.t, err, "%s: %s", arguments, text)
	return w.Read(out)
}

// Read returns a file that a tool has written.
func (w Tools) Read(name string) []byte {
	w.t.Helper()
	content, err := os.ReadFile(w.Path(name))
	require.NoError(w.t, err)
	return content
}

// Decode shows a file as a browser does. Go's own WebP decoder takes WebP's narrow range of YCbCr for the full one.
func (w Tools) Decode(content []byte) image.Image {
	w.t.Helper()
	name := uuid.NewString()
	w.Write(name, content)
	img, err := png.Decode(bytes.NewReader(w.Run(name+".png", "vips", "copy", name, name+".png")))
	require.NoError(w.t, err)
	return img
}
