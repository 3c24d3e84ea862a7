package internal

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"
)

// workshop makes fixtures with the field's own tools.
type workshop struct {
	t      *testing.T
	folder string
}

func newWorkshop(t *testing.T) workshop { return workshop{t, t.TempDir()} }

func (w workshop) path(name string) string { return filepath.Join(w.folder, name) }

func (w workshop) write(name string, content []byte) string {
	w.t.Helper()
	require.NoError(w.t, os.WriteFile(w.path(name), content, 0o600))
	return w.path(name)
}

// run runs a tool, and returns the file that it has written.
func (w workshop) run(out string, arguments ...string) []byte {
	w.t.Helper()
	command := exec.CommandContext(w.t.Context(), arguments[0], arguments[1:]...)
	command.Dir = w.folder
	text, err := command.CombinedOutput()
	require.NoError(w.t, err, "%s: %s", arguments, text)
	content, err := os.ReadFile(w.path(out))
	require.NoError(w.t, err)
	return content
}

// decode shows a file as a browser does. Go's own WebP decoder takes WebP's narrow range of YCbCr for the full one.
func (w workshop) decode(content []byte) image.Image {
	w.t.Helper()
	name := uuid.NewString()
	w.write(name, content)
	img, err := png.Decode(bytes.NewReader(w.run(name+".png", "vips", "copy", name, name+".png")))
	require.NoError(w.t, err)
	return img
}

// same fails the test where two colours differ visibly: by 3 of CIE dE2000.
func same(t *testing.T, want, got color.Color, about string) {
	t.Helper()
	w, _ := colorful.MakeColor(want)
	g, _ := colorful.MakeColor(got)
	require.Less(t, w.DistanceCIEDE2000(g)*100, 3.0, "%s: want %s, got %s", about, w.Hex(), g.Hex())
}

// colors are those of the canvas, as a fixture can show them.
type colors struct{ ground, corner color.Color }

// greyOf has the lightness of a colour.
func greyOf(c color.Color) color.Color {
	x, _ := colorful.MakeColor(c)
	l, _, _ := x.Lab()
	return colorful.Lab(l, 0, 0).Clamped()
}

// withThumbnail puts a thumbnail into a JPEG's EXIF, which has the place in its own EXIF, as some phones leave it.
func withThumbnail(t *testing.T, content []byte) []byte {
	t.Helper()
	le, inner := binary.LittleEndian, withEXIF(t, picture(t, 32, 24), 1)
	const firstAt, secondAt = 8, 8 + 2 + 4
	const thumbnailAt = secondAt + 2 + 2*12 + 4
	tiff := le.AppendUint32([]byte("II*\x00"), firstAt)
	tiff = le.AppendUint32(le.AppendUint16(tiff, 0), secondAt)
	tiff = le.AppendUint16(tiff, 2)
	for tag, value := range map[uint16]uint32{0x0201: thumbnailAt, 0x0202: uint32(len(inner))} {
		tiff = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(tiff, tag), 4), 1), value)
	}
	tiff = append(le.AppendUint32(tiff, 0), inner...)
	return bytes.Join([][]byte{content[:2], segment(0xE1, append([]byte("Exif\x00\x00"), tiff...)), content[2:]}, nil)
}

// A photo zoo goes through the whole pipeline: what every kind of phone, camera and editor sends comes out upright, in the colours
// that it had, and without a trace of where it was taken in any byte that can be fetched.
func TestPhotoZoo(t *testing.T) {
	b := setup(t)
	w := newWorkshop(t)
	plain := w.write("plain.png", pngOf(t, canvas(300, 180)))
	phone := withThumbnail(t, withEXIF(t, picture(t, 300, 180), 1))
	w.write("phone.jpg", phone)
	var chunks []byte // EXIF, XMP and text in a PNG
	chunks = append(chunks, chunk("eXIf", []byte("II*\x00"+secretPlace+"GPS"))...)
	chunks = append(chunks, chunk("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta>"+secretPlace+"</x:xmpmeta>"))...)
	chunks = append(chunks, chunk("tEXt", []byte("Comment\x00"+secretPlace))...)
	whole, err := os.ReadFile(plain)
	require.NoError(t, err)
	const afterIHDR = 8 + 25
	sideways := w.run("sideways.heic", "heif-enc", "-q", "90", w.write("six.jpg", withEXIF(t, picture(t, 300, 180), 6)), "-o", "sideways.heic")

	cmyk := w.run("cmyk.jpg", "vips", "icc_transform", plain, "cmyk.jpg[Q=95]", "cmyk", "--input-profile", "srgb")
	printed := w.decode(w.run("printed.png", "vips", "icc_transform", "cmyk.jpg", "printed.png", "srgb", "--embedded")) // ink cannot show every red

	shown := colors{sand, red}
	animals := []struct {
		name, contentType string
		content           []byte
		upright           image.Point // all stand upright as stored: TestOrientationsBecomeUpright turns the others
		want              colors
	}{
		{"a phone's JPEG, with GPS in EXIF, XMP, IPTC, a comment and the thumbnail", "image/jpeg", phone, image.Pt(300, 180), shown},
		{"a JPEG that goes on as a page and as an archive", "image/jpeg", append(bytes.Clone(phone), "<script>"+secretPlace+"</script>PK\x03\x04"...), image.Pt(300, 180), shown},
		{"a PNG with GPS in every kind of chunk", "image/png", bytes.Join([][]byte{whole[:afterIHDR], chunks, whole[afterIHDR:]}, nil), image.Pt(300, 180), shown},
		{"a WebP with the phone's metadata", "image/webp", w.run("phone.webp", "vips", "webpsave", "phone.jpg", "phone.webp", "--Q", "90"), image.Pt(300, 180), shown},
		{"Display P3 in a JPEG", "image/jpeg", w.run("p3.jpg", "vips", "icc_transform", plain, "p3.jpg[Q=95]", "p3", "--input-profile", "srgb"), image.Pt(300, 180), shown},
		{"Display P3 in a PNG", "image/png", w.run("p3.png", "vips", "icc_transform", plain, "p3.png", "p3", "--input-profile", "srgb"), image.Pt(300, 180), shown},
		{"CMYK", "image/jpeg", cmyk, image.Pt(300, 180), colors{printed.At(150, 160), printed.At(20, 20)}},
		{"16 bits a channel", "image/png", w.run("deep.png", "vips", "colourspace", plain, "deep.png", "rgb16"), image.Pt(300, 180), shown},
		{"grey", "image/png", w.run("grey.png", "vips", "colourspace", plain, "grey.png", "b-w"), image.Pt(300, 180), colors{greyOf(sand), greyOf(red)}},
		{"a palette PNG", "image/png", w.run("few.png", "vips", "pngsave", plain, "few.png", "--palette"), image.Pt(300, 180), shown},
		{"a progressive JPEG", "image/jpeg", w.run("late.jpg", "vips", "jpegsave", plain, "late.jpg", "--interlace", "--Q", "95"), image.Pt(300, 180), shown},
		{"HEIC from a phone", "image/heic", w.run("phone.heic", "heif-enc", "-q", "90", "phone.jpg", "-o", "phone.heic"), image.Pt(300, 180), shown},
		{"HEIC whose EXIF asks for a turn that only its own box may ask for", "image/heif", sideways, image.Pt(300, 180), shown},
	}
	ids := make([]uuid.UUID, len(animals))
	for i, animal := range animals {
		id, completed := b.send(animal.contentType, animal.content)
		require.Equal(t, http.StatusAccepted, completed.Status, "%s: %s", animal.name, completed.Body)
		ids[i] = id
	}
	b.drain()
	for i, animal := range animals {
		state := b.find(ids[i])
		require.Equal(t, ready, state.Status, "%s: %s", animal.name, state.Reason)
		p := state.Photo
		require.Equal(t, animal.upright, image.Pt(p.Width, p.Height), animal.name)
		cornerAt, groundAt := image.Pt(20, 20), image.Pt(p.Width/2, p.Height-20)
		for _, format := range p.Formats {
			for _, size := range p.Sizes {
				status, body := fetch(t, *p, size, format)
				require.Equal(t, http.StatusOK, status)
				leaks(t, body)
				if size == 300 {
					img := w.decode(body)
					require.Equal(t, animal.upright, img.Bounds().Size(), animal.name)
					same(t, animal.want.ground, img.At(groundAt.X, groundAt.Y), animal.name+" in "+format)
					same(t, animal.want.corner, img.At(cornerAt.X, cornerAt.Y), animal.name+" in "+format)
				}
			}
		}
		dominant, err := colorful.Hex(p.DominantColor)
		require.NoError(t, err)
		same(t, animal.want.ground, dominant, animal.name)
	}
}

func pngOf(t *testing.T, img image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	return b.Bytes()
}

// resized has a JPEG's frame header say another extent.
func resized(t *testing.T, content []byte, frame byte, width, height uint16) []byte {
	t.Helper()
	content = bytes.Clone(content)
	at := bytes.Index(content, []byte{0xFF, frame})
	require.Positive(t, at)
	binary.BigEndian.PutUint16(content[at+5:], height)
	binary.BigEndian.PutUint16(content[at+7:], width)
	return content
}

// resizedHEIC has every extent in a HEIC file be another.
func resizedHEIC(t *testing.T, content []byte, width, height uint32) []byte {
	t.Helper()
	content = bytes.Clone(content)
	for at := 0; ; {
		found := bytes.Index(content[at:], []byte("ispe"))
		if found < 0 {
			require.Positive(t, at)
			return content
		}
		at += found + 4
		binary.BigEndian.PutUint32(content[at+4:], width)
		binary.BigEndian.PutUint32(content[at+8:], height)
	}
}

// The zoo's other half is refused before a pixel is decoded: nothing is handed to a worker.
func TestPhotoZooRefuses(t *testing.T) {
	b := setup(t)
	w := newWorkshop(t)
	plain := w.write("plain.png", pngOf(t, canvas(40, 30)))
	still := picture(t, 40, 30)
	progressive := w.run("late.jpg", "vips", "jpegsave", plain, "late.jpg", "--interlace")
	heic := w.run("phone.heic", "heif-enc", plain, "-o", "phone.heic")
	frames := &gif.GIF{}
	frame := image.NewPaletted(image.Rect(0, 0, 1, 1), color.Palette{color.White, color.Black})
	for range 50_000 {
		frames.Image, frames.Delay = append(frames.Image, frame), append(frames.Delay, 1)
	}
	var moving bytes.Buffer
	require.NoError(t, gif.EncodeAll(&moving, frames))

	for _, c := range []struct {
		name, contentType string
		content           []byte
		code              string
	}{
		{"a GIF of 50,000 frames", "image/png", moving.Bytes(), "uploads.mismatch"},
		{"a PNG of 50,000 frames", "image/png", animatedPNG(t), "uploads.animated"},
		{"a moving WebP", "image/webp", animatedWebP(), "uploads.animated"},
		{"a TIFF", "image/jpeg", w.run("a.tif", "vips", "tiffsave", plain, "a.tif"), "uploads.mismatch"},
		{"an SVG", "image/webp", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>`), "uploads.mismatch"},
		{"a PDF", "image/png", []byte("%PDF-1.7\n1 0 obj\n<</Type/Catalog>>"), "uploads.mismatch"},
		{"a Photoshop file", "image/heic", append([]byte("8BPS\x00\x01"), make([]byte, 60)...), "uploads.mismatch"},
		{"a script of ImageMagick's", "image/jpeg", []byte("push graphic-context\nfill 'url(https://127.0.0.1/x)'\npop graphic-context"), "uploads.mismatch"},
		{"a flood in a PNG", "image/png", flood(64_250, 64_250), "uploads.too_many_pixels"},
		{"a flood in a JPEG", "image/jpeg", resized(t, still, 0xC0, 64_250, 64_250), "uploads.too_many_pixels"},
		{"a flood in a HEIC", "image/heic", resizedHEIC(t, heic, 64_250, 64_250), "uploads.too_many_pixels"},
		{"26 megapixels that cannot be streamed, in a JPEG", "image/jpeg", resized(t, progressive, 0xC2, 5200, 5001), "uploads.too_many_pixels"},
		{"26 megapixels that cannot be streamed, in a HEIC", "image/heic", resizedHEIC(t, heic, 5200, 5001), "uploads.too_many_pixels"},
		{"a JPEG's first bytes", "image/jpeg", still[:100], "uploads.corrupt"},
		{"a HEIC's first bytes", "image/heic", heic[:200], "uploads.corrupt"},
	} {
		id, completed := b.send(c.contentType, c.content)
		require.Equal(t, http.StatusUnprocessableEntity, completed.Status, c.name)
		require.Equal(t, c.code, completed.Code(), c.name)
		require.Equal(t, failed, b.find(id).Status, c.name)
	}
	_, streamed := b.send("image/jpeg", resized(t, still, 0xC0, 5200, 5001))
	streamed.Want(http.StatusAccepted) // as many pixels are taken where they can be streamed
}
