package processing_test

import (
	"bytes"
	"encoding/binary"
	"image"
	"image/color"
	"net/http"
	"os"
	"testing"

	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"

	"github.com/google/uuid"
	"github.com/lucasb-eyer/go-colorful"
	"github.com/stretchr/testify/require"
)

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
	le, inner := binary.LittleEndian, moduletest.WithEXIF(t, moduletest.Picture(t, 32, 24), 1)
	const firstAt, secondAt = 8, 8 + 2 + 4
	const thumbnailAt = secondAt + 2 + 2*12 + 4
	tiff := le.AppendUint32([]byte("II*\x00"), firstAt)
	tiff = le.AppendUint32(le.AppendUint16(tiff, 0), secondAt)
	tiff = le.AppendUint16(tiff, 2)
	for tag, value := range map[uint16]uint32{0x0201: thumbnailAt, 0x0202: uint32(len(inner))} {
		tiff = le.AppendUint32(le.AppendUint32(le.AppendUint16(le.AppendUint16(tiff, tag), 4), 1), value)
	}
	tiff = append(le.AppendUint32(tiff, 0), inner...)
	return bytes.Join([][]byte{content[:2], moduletest.JPEGSegment(0xE1, append([]byte("Exif\x00\x00"), tiff...)), content[2:]}, nil)
}

// A photo zoo goes through the whole pipeline: what every kind of phone, camera and editor sends comes out upright, in the colours
// that it had, and without a trace of where it was taken in any byte that can be fetched. TestFault_P10_… holds the colours of profiles.
func TestPhotoZoo(t *testing.T) {
	b := moduletest.Setup(t)
	w := moduletest.NewTools(t)
	plain := w.Write("plain.png", moduletest.PNG(t, moduletest.Canvas(300, 180)))
	phone := withThumbnail(t, moduletest.WithEXIF(t, moduletest.Picture(t, 300, 180), 1))
	w.Write("phone.jpg", phone)
	var chunks []byte // EXIF, XMP and text in a PNG
	chunks = append(chunks, moduletest.PNGChunk("eXIf", []byte("II*\x00"+moduletest.SecretPlace+"GPS"))...)
	chunks = append(chunks, moduletest.PNGChunk("iTXt", []byte("XML:com.adobe.xmp\x00\x00\x00\x00\x00<x:xmpmeta>"+moduletest.SecretPlace+"</x:xmpmeta>"))...)
	chunks = append(chunks, moduletest.PNGChunk("tEXt", []byte("Comment\x00"+moduletest.SecretPlace))...)
	whole, err := os.ReadFile(plain)
	require.NoError(t, err)
	const afterIHDR = 8 + 25

	shown := colors{moduletest.Sand, moduletest.Red}
	animals := []struct {
		name, contentType string
		content           []byte
		upright           image.Point // all stand upright as stored: TestOrientationsBecomeUpright turns the others
		want              colors
	}{
		{"a phone's JPEG, with GPS in EXIF, XMP, IPTC, a comment and the thumbnail", "image/jpeg", phone, image.Pt(300, 180), shown},
		{"a JPEG that goes on as a page and as an archive", "image/jpeg", append(bytes.Clone(phone), "<script>"+moduletest.SecretPlace+"</script>PK\x03\x04"...), image.Pt(300, 180), shown},
		{"a PNG with GPS in every kind of chunk", "image/png", bytes.Join([][]byte{whole[:afterIHDR], chunks, whole[afterIHDR:]}, nil), image.Pt(300, 180), shown},
		{"a WebP with the phone's metadata", "image/webp", w.Run("phone.webp", "vips", "webpsave", "phone.jpg", "phone.webp", "--Q", "90"), image.Pt(300, 180), shown},
		{"Display P3 in a JPEG", "image/jpeg", w.Run("p3.jpg", "vips", "icc_transform", plain, "p3.jpg[Q=95]", "p3", "--input-profile", "srgb"), image.Pt(300, 180), shown},
		{"Display P3 in a PNG", "image/png", w.Run("p3.png", "vips", "icc_transform", plain, "p3.png", "p3", "--input-profile", "srgb"), image.Pt(300, 180), shown},
		{"16 bits a channel", "image/png", w.Run("deep.png", "vips", "colourspace", plain, "deep.png", "rgb16"), image.Pt(300, 180), shown},
		{"grey", "image/png", w.Run("grey.png", "vips", "colourspace", plain, "grey.png", "b-w"), image.Pt(300, 180), colors{greyOf(moduletest.Sand), greyOf(moduletest.Red)}},
		{"a palette PNG", "image/png", w.Run("few.png", "vips", "pngsave", plain, "few.png", "--palette"), image.Pt(300, 180), shown},
		{"a progressive JPEG", "image/jpeg", w.Run("late.jpg", "vips", "jpegsave", plain, "late.jpg", "--interlace", "--Q", "95"), image.Pt(300, 180), shown},
		{"HEIC from a phone", "image/heic", w.Run("phone.heic", "heif-enc", "-q", "90", "phone.jpg", "-o", "phone.heic"), image.Pt(300, 180), shown},
	}
	ids := make([]uuid.UUID, len(animals))
	for i, animal := range animals {
		id, completed := b.Send(animal.contentType, animal.content)
		require.Equal(t, http.StatusAccepted, completed.Status, "%s: %s", animal.name, completed.Body)
		ids[i] = id
	}
	b.Drain()
	for i, animal := range animals {
		state := b.Find(ids[i])
		require.Equal(t, string(upload.Ready), state.Status, "%s: %s", animal.name, state.Reason)
		p := state.Photo
		require.Equal(t, animal.upright, image.Pt(p.Width, p.Height), animal.name)
		cornerAt, groundAt := image.Pt(20, 20), image.Pt(p.Width/2, p.Height-20)
		for _, format := range p.Formats {
			for _, size := range p.Sizes {
				status, body := moduletest.Fetch(t, *p, size, format)
				require.Equal(t, http.StatusOK, status)
				moduletest.RequireNoMetadata(t, body)
				if size == 300 {
					img := w.Decode(body)
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
