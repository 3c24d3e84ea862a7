package processing_test

import (
	"image"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
)

// A HEIC stands, is cropped and is told about as a phone shows it. The corner of the stored picture is red.
func TestFault_P1_HEICAsPhonesShowIt(t *testing.T) {
	b := moduletest.Setup(t)
	w := moduletest.NewTools(t)
	jpeg := moduletest.Picture(t, 300, 180)
	heic := func(name string, content []byte) []byte {
		w.Write(name+".jpg", content)
		return w.Run(name+".heic", "heif-enc", "-q", "90", name+".jpg", "-o", name+".heic")
	}
	plain, lying := heic("plain", jpeg), heic("lying", moduletest.WithEXIF(t, jpeg, 6))
	const left, right, top, bottom = 0, 1, 0, 1
	for _, c := range []struct {
		name    string
		content []byte
		size    image.Point
		red     [2]int // the corner that is red; {-1, -1}: none
	}{
		{"a crop of the middle", moduletest.WithProperties(t, plain, moduletest.Clap(200, 120, 0, 0)), image.Pt(200, 120), [2]int{left, top}},
		{"a crop without the corner", moduletest.WithProperties(t, plain, moduletest.Clap(150, 100, 149, 79)), image.Pt(150, 100), [2]int{-1, -1}},
		{"a crop, then a turn", moduletest.WithProperties(t, plain, moduletest.Clap(200, 120, 0, 0), moduletest.Irot(3)), image.Pt(120, 200), [2]int{right, top}},
		{"a crop with EXIF that turns", moduletest.WithProperties(t, lying, moduletest.Clap(200, 120, 0, 0)), image.Pt(120, 200), [2]int{right, top}},
		{"EXIF only, 2", heic("two", moduletest.WithEXIF(t, jpeg, 2)), image.Pt(300, 180), [2]int{right, top}},
		{"EXIF only, 3", heic("three", moduletest.WithEXIF(t, jpeg, 3)), image.Pt(300, 180), [2]int{right, bottom}},
		{"EXIF only, 4", heic("four", moduletest.WithEXIF(t, jpeg, 4)), image.Pt(300, 180), [2]int{left, bottom}},
		{"EXIF only, 5", heic("five", moduletest.WithEXIF(t, jpeg, 5)), image.Pt(180, 300), [2]int{left, top}},
		{"EXIF only, 6", lying, image.Pt(180, 300), [2]int{right, top}},
		{"EXIF only, 7", heic("seven", moduletest.WithEXIF(t, jpeg, 7)), image.Pt(180, 300), [2]int{right, bottom}},
		{"EXIF only, 8", heic("eight", moduletest.WithEXIF(t, jpeg, 8)), image.Pt(180, 300), [2]int{left, bottom}},
		{"EXIF and its box say the same", moduletest.WithProperties(t, lying, moduletest.Irot(3)), image.Pt(180, 300), [2]int{right, top}},
		{"EXIF is overruled by the boxes", moduletest.WithProperties(t, lying, moduletest.Imir(1)), image.Pt(300, 180), [2]int{right, top}},
	} {
		id, completed := b.Send("image/heic", c.content)
		require.Equal(t, http.StatusAccepted, completed.Status, "%s: %s", c.name, completed.Body)
		b.Drain()
		state := b.Find(id)
		require.Equal(t, string(upload.Ready), state.Status, "%s: %s", c.name, state.Reason)
		require.Equal(t, c.size, image.Pt(state.Photo.Width, state.Photo.Height), c.name)
		for _, format := range state.Photo.Formats {
			_, body := moduletest.Fetch(t, *state.Photo, max(c.size.X, c.size.Y), format)
			img := w.Decode(body)
			require.Equal(t, c.size, img.Bounds().Size(), "%s in %s", c.name, format)
			for x := range 2 {
				for y := range 2 {
					r, g, _, _ := img.At(10+x*(c.size.X-20), 10+y*(c.size.Y-20)).RGBA()
					require.Equal(t, c.red == [2]int{x, y}, r > 2*g, "%s in %s: the corner %d, %d", c.name, format, x, y)
				}
			}
		}
	}
}

// large is a HEIC of one colour.
func large(w moduletest.Tools, width, height string, depth string) []byte {
	w.Run("black.v", "vips", "black", "black.v", width, height, "--bands", "3")
	w.Run("large.v", "vips", "linear", "black.v", "large.v", "1", "201 183 156", "--uchar")
	if depth == "8" {
		w.Run("large.jpg", "vips", "copy", "large.v", "large.jpg")
		return w.Run("large.heic", "heif-enc", "-p", "preset=ultrafast", "large.jpg", "-o", "large.heic")
	}
	w.Run("large.png", "vips", "colourspace", "large.v", "large.png[compression=1]", "rgb16")
	return w.Run("large.heic", "heif-enc", "-b", depth, "-p", "preset=ultrafast", "large.png", "-o", "large.heic")
}

// What the decoder can hold within its memory is taken, with 48 megapixels or 10 bits; the rest is refused before, and the limits are told.
func TestFault_P1_FortyEightMegapixels(t *testing.T) {
	b := moduletest.Setup(t)
	id, completed := b.Send("image/heic", large(moduletest.NewTools(t), "8064", "6048", "8"))
	require.Equal(t, http.StatusAccepted, completed.Status, "%s", completed.Body)
	b.Drain()
	state := b.Find(id)
	require.Equal(t, string(upload.Ready), state.Status, state.Reason)
	require.Equal(t, [2]int{8064, 6048}, [2]int{state.Photo.Width, state.Photo.Height})
}

func TestFault_P9_TenBits(t *testing.T) {
	b := moduletest.Setup(t)
	id, completed := b.Send("image/heic", large(moduletest.NewTools(t), "5712", "4284", "10"))
	require.Equal(t, http.StatusAccepted, completed.Status, "%s", completed.Body)
	b.Drain()
	require.Equal(t, string(upload.Ready), b.Find(id).Status, b.Find(id).Reason)
}

// Whatever the memory that a decoder may take, a picture becomes ready or is too large: never corrupt, and never tried again.
func TestFault_P9_ALimitOfMemoryIsNoDamage(t *testing.T) {
	t.Parallel()
	w := moduletest.NewTools(t)
	heic, deep := large(w, "3000", "2000", "8"), large(w, "3000", "2000", "10")
	w.Run("held.webp", "vips", "copy", "large.v", "held.webp")
	w.Run("held.jpg", "vips", "copy", "large.v", "held.jpg[interlace]")
	for _, memory := range []int64{64 << 20, 80 << 20, 96 << 20, 112 << 20} {
		cfg := defaults.Section[uploads.Config]("uploads")
		cfg.ImageMemory = memory
		b := moduletest.SetupWith(t, cfg)
		for _, c := range []struct {
			contentType string
			content     []byte
		}{{"image/heic", heic}, {"image/heic", deep}, {"image/webp", w.Read("held.webp")}, {"image/jpeg", w.Read("held.jpg")}} {
			id, completed := b.Send(c.contentType, c.content)
			b.Drain()
			state := b.Find(id)
			if state.Status != string(upload.Ready) {
				require.Equal(t, string(upload.TooLarge), state.Reason, "%s within %d MB", c.contentType, memory>>20)
			}
			if completed.Status != http.StatusAccepted {
				require.Equal(t, "uploads.too_large", completed.Want(http.StatusUnprocessableEntity).Code())
			}
		}
	}
}
