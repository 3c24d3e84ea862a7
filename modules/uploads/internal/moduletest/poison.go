package moduletest

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"image"
	"image/jpeg"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// The poison shelf: small files that cost a decoder seconds, or would if they were decoded as they come.

// ManyScans is a progressive JPEG whose last coefficient is sent again and again, in scans that say nothing.
func (w Tools) ManyScans(width, height, scans int) []byte {
	w.t.Helper()
	plain := w.Write("scans.jpg", Plain(w.t, width, height))
	whole := w.Run("late.jpg", "vips", "jpegsave", plain, "late.jpg", "--interlace")
	blocks := ((width + 7) / 8) * ((height + 7) / 8)
	return bytes.Join([][]byte{whole[:len(whole)-2], endOfBlocksTable(), bytes.Repeat(emptyScan(blocks), scans), whole[len(whole)-2:]}, nil)
}

// endOfBlocksTable gives the code of one bit to "no more in the next 16,384 blocks and up to as many more".
func endOfBlocksTable() []byte {
	const acTable3 = 0x13
	return JPEGSegment(0xC4, append(append([]byte{acTable3, 1}, make([]byte, 15)...), 0xE0))
}

// emptyScan is a scan of a coefficient that is zero in all blocks.
func emptyScan(blocks int) []byte {
	const firstComponent, table3, last = 1, 3, 63
	bits := []byte{}
	for ; blocks > 0; blocks -= 1<<15 - 1 {
		bits = append(bits, 0)
		for range 14 {
			bits = append(bits, 1)
		}
	}
	for len(bits)%8 > 0 {
		bits = append(bits, 1)
	}
	data := []byte{}
	for i := 0; i < len(bits); i += 8 {
		v := byte(0)
		for _, bit := range bits[i : i+8] {
			v = v<<1 | bit
		}
		if data = append(data, v); v == 0xFF {
			data = append(data, 0)
		}
	}
	return append(JPEGSegment(0xDA, []byte{1, firstComponent, table3, last, last, 0}), data...)
}

// Plain is a JPEG of one colour, quickly made.
func Plain(t *testing.T, width, height int) []byte {
	t.Helper()
	var b bytes.Buffer
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	for i := range img.Y {
		img.Y[i] = 0x90
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 0x80, 0x80
	}
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

// Noise is a JPEG as large in bytes as a phone's, for its pixels.
func Noise(t *testing.T, width, height int) []byte {
	t.Helper()
	img := image.NewYCbCr(image.Rect(0, 0, width, height), image.YCbCrSubsampleRatio420)
	seed := uint32(1)
	for i := range img.Y {
		seed = seed*1_664_525 + 1_013_904_223
		img.Y[i] = byte(0x60 + seed>>27)
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = 0x80, 0x90
	}
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, &jpeg.Options{Quality: 93}))
	return b.Bytes()
}

// zeros deflates n bytes of nothing.
func zeros(t *testing.T, n int64) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	_, err := io.CopyN(w, nothing{}, n)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return b.Bytes()
}

type nothing struct{}

func (nothing) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// Inflating is a PNG with text, international text and a colour profile that inflate to size bytes each, the texts several times.
func Inflating(t *testing.T, size int64, times int) []byte {
	t.Helper()
	whole := PNG(t, Canvas(300, 180))
	large := zeros(t, size)
	text := PNGChunk("zTXt", append([]byte("Comment\x00\x00"), large...))
	international := PNGChunk("iTXt", append([]byte("Comment\x00\x01\x00\x00\x00"), large...))
	profile := PNGChunk("iCCP", append([]byte("icc\x00\x00"), large...))
	const afterIHDR = 8 + 25
	end := len(whole) - 12
	return bytes.Join([][]byte{
		whole[:afterIHDR], profile, bytes.Repeat(text, times), bytes.Repeat(international, times), whole[afterIHDR:end],
		bytes.Repeat(text, times), whole[end:],
	}, nil)
}

// HugeProfile is a JPEG whose profile fills all segments that a profile may have: 16 MB.
func HugeProfile(t *testing.T) []byte {
	t.Helper()
	whole := Picture(t, 300, 180)
	parts := [][]byte{whole[:2]}
	for i := range 255 {
		parts = append(parts, JPEGSegment(0xE2, append(append([]byte("ICC_PROFILE\x00"), byte(i+1), 255), make([]byte, 65_000)...)))
	}
	return bytes.Join(append(parts, whole[2:]), nil)
}

// ManyMarkers is a JPEG with so many comments and EXIF segments.
func ManyMarkers(t *testing.T, n int) []byte {
	t.Helper()
	whole := Picture(t, 300, 180)
	small := append(JPEGSegment(0xFE, []byte("x")), JPEGSegment(0xE1, []byte("Exif\x00\x00II*\x00\x08\x00\x00\x00\x00\x00"))...)
	return bytes.Join([][]byte{whole[:2], bytes.Repeat(small, n/2), whole[2:]}, nil)
}

// Deep is an interlaced PNG of 16 bits a channel, transparent, without anything to see.
func Deep(t *testing.T, width, height uint32) []byte {
	t.Helper()
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	head = append(head, 16, 6, 0, 0, 1)
	var pixels bytes.Buffer
	w := zlib.NewWriter(&pixels)
	for pass, at := range [7][4]uint32{{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}} {
		columns, rows := (width-at[0]+at[2]-1)/at[2], (height-at[1]+at[3]-1)/at[3]
		_, err := io.CopyN(w, nothing{}, int64(rows)*(1+8*int64(columns)))
		require.NoError(t, err, "pass %d", pass)
	}
	require.NoError(t, w.Close())
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), PNGChunk("IHDR", head), PNGChunk("IDAT", pixels.Bytes()), PNGChunk("IEND", nil)}, nil)
}

// TiledAgain is a HEIC of one coded tile that its grid shows so many times one over the other; nested grids lie between them.
func (w Tools) TiledAgain(side, times int, nested bool) []byte {
	w.t.Helper()
	plain := w.Write("tile.jpg", Plain(w.t, side, side))
	whole := w.Run("tile.heic", "heif-enc", plain, "-o", "tile.heic")
	box := func(name string, body ...[]byte) []byte {
		content := bytes.Join(body, nil)
		return append(append(binary.BigEndian.AppendUint32(nil, uint32(len(content)+8)), name...), content...)
	}
	u16 := func(v ...int) (b []byte) {
		for _, n := range v {
			b = binary.BigEndian.AppendUint16(b, uint16(n))
		}
		return b
	}
	u32 := func(v ...int) (b []byte) {
		for _, n := range v {
			b = binary.BigEndian.AppendUint32(b, uint32(n))
		}
		return b
	}
	found := func(name string) []byte {
		at := bytes.Index(whole, []byte(name)) - 4
		require.Positive(w.t, at, name)
		return whole[at : at+int(binary.BigEndian.Uint32(whole[at:]))]
	}
	const tile, middle, grid = 1, 2, 3
	item := func(id int, kind string) []byte { return box("infe", u32(2<<24), u16(id, 0), []byte(kind), []byte{0}) }
	references := func(from, to, n int) []byte {
		return box("dimg", u16(from, n), bytes.Repeat(u16(to), n))
	}
	under := tile
	var between []byte
	if nested {
		under, between = middle, references(middle, tile, times)
	}
	mdat := found("mdat")[8:]
	layout := append([]byte{0, 0, 0, byte(times - 1)}, u16(side, side)...)
	content := append(append(bytes.Clone(mdat), layout...), layout...)
	ipma := [][]byte{u32(0), u32(3), u16(tile), {2, 1, 2}, u16(middle), {1, 2}, u16(grid), {1, 2}}
	head := func(mdatAt int) []byte {
		extent := func(id, off, length int) []byte { return append(u16(id, 0, 1), u32(mdatAt+off, length)...) }
		return append(box("ftyp", []byte("heic\x00\x00\x00\x00mif1heic")), box("meta", u32(0),
			box("hdlr", u32(0, 0), []byte("pict"), make([]byte, 13)),
			box("pitm", u32(0), u16(grid)),
			box("iinf", u32(0), u16(3), item(tile, "hvc1"), item(middle, "grid"), item(grid, "grid")),
			box("iref", u32(0), between, references(grid, under, times)),
			box("iprp", box("ipco", found("hvcC"), box("ispe", u32(0, side, side))), box("ipma", ipma...)),
			box("iloc", u32(0), []byte{0x44, 0}, u16(3), extent(tile, 0, len(mdat)), extent(middle, len(mdat), len(layout)), extent(grid, len(mdat)+len(layout), len(layout))),
		)...)
	}
	return append(head(len(head(0))+8), box("mdat", content)...)
}

// WithXMP puts extended XMP of so many bytes into a JPEG, as cameras leave depth maps.
func WithXMP(content []byte, size int) []byte {
	parts := [][]byte{content[:2]}
	for size > 0 {
		n := min(size, 65_000)
		parts = append(parts, JPEGSegment(0xE1, append([]byte("http://ns.adobe.com/xmp/extension/\x00"), make([]byte, n)...)))
		size -= n
	}
	return bytes.Join(append(parts, content[2:]), nil)
}

// BulkyWebP adds XMP and an unknown chunk of so many bytes to a WebP file in its extended form.
func BulkyWebP(picture []byte, width, height, size int) []byte {
	chunk := func(name string, body []byte) []byte {
		return append(binary.LittleEndian.AppendUint32([]byte(name), uint32(len(body))), body...)
	}
	u24 := func(n int) []byte { return []byte{byte(n), byte(n >> 8), byte(n >> 16)} }
	head := append(append([]byte{0x04, 0, 0, 0}, u24(width-1)...), u24(height-1)...)
	simple := picture[bytes.Index(picture, []byte("VP8 ")):]
	body := bytes.Join([][]byte{[]byte("WEBP"), chunk("VP8X", head), chunk("JUNK", make([]byte, size)), simple, chunk("XMP ", make([]byte, size))}, nil)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}
