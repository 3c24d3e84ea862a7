package sniff

import (
	"bytes"
	"encoding/binary"
	"errors"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

func read(content []byte) (Header, error) { return Read(bytes.NewReader(content), int64(len(content))) }

func jpegOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, jpeg.Encode(&b, img, nil))
	return b.Bytes()
}

func pngOf(t testing.TB, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// convert has libvips write a picture of 40 by 30 pixels in another way.
func convert(t testing.TB, name string) []byte {
	t.Helper()
	folder := t.TempDir()
	source, out := filepath.Join(folder, "in.png"), filepath.Join(folder, "out"+name)
	img := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	img.SetNRGBA(3, 3, color.NRGBA{200, 10, 10, 128})
	require.NoError(t, os.WriteFile(source, pngOf(t, img), 0o600))
	text, err := exec.CommandContext(t.Context(), "vips", "copy", source, out).CombinedOutput()
	require.NoError(t, err, "%s", text)
	file, _, _ := bytes.Cut([]byte(out), []byte("["))
	content, err := os.ReadFile(string(file))
	require.NoError(t, err)
	return content
}

func heic(t testing.TB) []byte {
	t.Helper()
	folder := t.TempDir()
	source, out := filepath.Join(folder, "in.png"), filepath.Join(folder, "out.heic")
	require.NoError(t, os.WriteFile(source, pngOf(t, image.NewNRGBA(image.Rect(0, 0, 96, 64))), 0o600))
	text, err := exec.CommandContext(t.Context(), "heif-enc", source, "-o", out).CombinedOutput()
	require.NoError(t, err, "%s", text)
	content, err := os.ReadFile(out)
	require.NoError(t, err)
	return content
}

func TestRead(t *testing.T) {
	t.Parallel()
	rgb := image.NewNRGBA(image.Rect(0, 0, 40, 30))
	large := jpegOf(t, rgb) // with 500 kB of profiles before the frame
	filler := append([]byte{0xFF, 0xE2, 0xFF, 0xFF}, make([]byte, 65533)...)
	large = bytes.Join([][]byte{large[:2], bytes.Repeat(filler, 8), large[2:]}, nil)
	deep := Header{ContentType: "image/png", Width: 40, Height: 30, Pixels: 1200, Streams: true, Grey: true, Deep: true}
	extent := func(contentType string, streams, grey bool) Header {
		return Header{ContentType: contentType, Width: 40, Height: 30, Pixels: 1200, Streams: streams, Grey: grey}
	}
	transparent := func(contentType string, streams bool) Header {
		h := extent(contentType, streams, false)
		h.Alpha = true
		return h
	}
	for name, c := range map[string]struct {
		content []byte
		want    Header
	}{
		"jpeg":              {jpegOf(t, rgb), extent("image/jpeg", true, false)},
		"jpeg, grey":        {jpegOf(t, image.NewGray(rgb.Bounds())), extent("image/jpeg", true, true)},
		"jpeg, large head":  {large, extent("image/jpeg", true, false)},
		"jpeg, progressive": {convert(t, ".jpg[interlace]"), extent("image/jpeg", false, false)},
		"png":               {pngOf(t, rgb), transparent("image/png", true)},
		"png, grey":         {pngOf(t, image.NewGray16(rgb.Bounds())), deep},
		"png, interlaced":   {convert(t, ".png[interlace]"), transparent("image/png", false)},
		"webp, with alpha":  {convert(t, ".webp"), extent("image/webp", false, false)},
		"webp, lossless":    {convert(t, ".webp[lossless]"), extent("image/webp", false, false)},
		"heic":              {heic(t), Header{ContentType: "image/heic", Width: 96, Height: 64, Pixels: 96 * 64, Alpha: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := read(c.content)
			require.NoError(t, err)
			require.Equal(t, c.want, got)
		})
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	phone := heic(t)
	ispe := bytes.Index(phone, []byte("ispe"))
	huge := bytes.Clone(phone)
	binary.BigEndian.PutUint32(huge[ispe+8:], 1<<31)
	got, err := read(huge)
	require.NoError(t, err)
	require.EqualValues(t, int64(1)<<31*64, got.Pixels, "a claim is told as it is: the caller has the limits")

	noFrame := jpegOf(t, image.NewGray(image.Rect(0, 0, 9, 9)))
	frameAt := bytes.Index(noFrame, []byte{0xFF, 0xC0})
	for name, c := range map[string]struct {
		content []byte
		want    error
	}{
		"nothing":              {nil, ErrUnknown},
		"bmp":                  {[]byte("BM\x00\x00\x00\x00"), ErrUnknown},
		"avif":                 {[]byte("\x00\x00\x00\x14ftypavif\x00\x00\x00\x00mif1"), ErrUnknown},
		"avif behind mif1":     {[]byte("\x00\x00\x00\x18ftypmif1\x00\x00\x00\x00heicavif"), ErrUnknown},
		"a heic sequence":      {[]byte("\x00\x00\x00\x14ftyphevc\x00\x00\x00\x00heic"), ErrAnimated},
		"a heic without meta":  {phone[:28], ErrBroken},
		"half a meta box":      {phone[:200], ErrBroken},
		"a jpeg head only":     {noFrame[:frameAt+4], ErrBroken},
		"arithmetic coding":    {bytes.Replace(noFrame, []byte{0xFF, 0xC0}, []byte{0xFF, 0xC9}, 1), ErrUnknown},
		"a jpeg of no height":  {append(bytes.Clone(noFrame[:frameAt+5]), 0, 0, 0, 9, 1, 0, 0), ErrBroken},
		"a png without a head": {[]byte("\x89PNG\r\n\x1a\n\x00\x00\x00\x00IDAT\x00\x00\x00\x00aaaaaaaaaaaa"), ErrBroken},
		"half a webp":          {convert(t, ".webp")[:22], ErrBroken},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(c.content)
			require.ErrorIs(t, err, c.want)
		})
	}
}

// failing is a bucket that goes away.
type failing struct{ after int64 }

var errAway = errors.New("away")

func (f failing) ReadAt(p []byte, off int64) (int, error) {
	if off >= f.after {
		return 0, errAway
	}
	return bytes.NewReader(append([]byte("\xFF\xD8\xFF\xE2\x7F\xFF"), make([]byte, 1<<16)...)).ReadAt(p, off)
}

func TestReadDoesNotBlameThePictureForItsReader(t *testing.T) {
	t.Parallel()
	for _, after := range []int64{0, 10_000} {
		_, err := Read(failing{after}, 1<<20)
		require.ErrorIs(t, err, errAway)
		require.NotErrorIs(t, err, ErrBroken)
	}
}

func FuzzRead(f *testing.F) {
	for _, seed := range [][]byte{
		jpegOf(f, image.NewNRGBA(image.Rect(0, 0, 4, 3))), pngOf(f, image.NewGray(image.Rect(0, 0, 4, 3))), convert(f, ".webp"), heic(f),
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		h, err := read(content)
		switch {
		case err == nil:
			if h.Width < 1 || h.Height < 1 || h.Pixels < int64(h.Width)*int64(h.Height) {
				t.Fatalf("%+v", h)
			}
		case !errors.Is(err, ErrBroken) && !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrAnimated) && !errors.Is(err, ErrTooComplex):
			t.Fatal(err)
		}
		var picture bytes.Buffer
		if err != nil {
			return
		}
		_, err = CopyPicture(&picture, bytes.NewReader(content), int64(len(content)), h)
		switch {
		case err == nil:
			again, err := read(picture.Bytes())
			if err != nil || again != h {
				t.Fatalf("%+v became %+v: %v", h, again, err)
			}
		case !errors.Is(err, ErrBroken) && !errors.Is(err, ErrTooComplex):
			t.Fatal(err)
		}
	})
}
