package intake_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"net/http"
	"strings"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/intake"
	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/apptest"
	"atrium/platform/blob"
	"atrium/platform/tasks/taskstest"
)

func TestWhatIsNoPhotoIsRefusedAndDeleted(t *testing.T) {
	b := moduletest.Setup(t)
	var still bytes.Buffer
	require.NoError(t, gif.Encode(&still, moduletest.Canvas(20, 20), nil))
	cases := []struct {
		name, contentType string
		content           []byte
		code, reason      string
	}{
		{"text", "image/jpeg", []byte("no picture at all"), "uploads.mismatch", string(upload.Mismatch)},
		{"a png declared a jpeg", "image/jpeg", moduletest.PlainPNG(t), "uploads.mismatch", string(upload.Mismatch)},
		{"a gif", "image/png", still.Bytes(), "uploads.mismatch", string(upload.Mismatch)},
		{"an svg", "image/png", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), "uploads.mismatch", string(upload.Mismatch)},
		{"a pdf", "image/jpeg", []byte("%PDF-1.7\n1 0 obj"), "uploads.mismatch", string(upload.Mismatch)},
		{"a photoshop file", "image/jpeg", []byte("8BPS\x00\x01"), "uploads.mismatch", string(upload.Mismatch)},
		{"a tiff", "image/jpeg", []byte("II*\x00\x08\x00\x00\x00"), "uploads.mismatch", string(upload.Mismatch)},
		{"a gif that goes on as a jpeg", "image/jpeg", append([]byte("GIF89a"), moduletest.Picture(t, 9, 9)...), "uploads.mismatch", string(upload.Mismatch)},
		{"an avif", "image/heic", []byte("\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf"), "uploads.mismatch", string(upload.Mismatch)},
		{"a pixel flood", "image/png", moduletest.Flood(64_250, 64_250), "uploads.too_many_pixels", string(upload.TooManyPixels)},
		{"one side too long", "image/png", moduletest.Flood(16_001, 1), "uploads.too_many_pixels", string(upload.TooManyPixels)},
		{"51 megapixels", "image/png", moduletest.Flood(10_200, 5_000), "uploads.too_many_pixels", string(upload.TooManyPixels)},
		{"an animated png", "image/png", moduletest.AnimatedPNG(t), "uploads.animated", string(upload.Animated)},
		{"an animated webp", "image/webp", moduletest.AnimatedWebP(), "uploads.animated", string(upload.Animated)},
		{"the first bytes of a jpeg", "image/jpeg", moduletest.Picture(t, 90, 90)[:100], "uploads.corrupt", string(upload.Corrupt)},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			id, completed := b.Send(c.contentType, c.content)
			require.Equal(t, c.code, completed.Want(http.StatusUnprocessableEntity).Code())
			state := b.Find(id)
			require.Equal(t, []string{string(upload.Failed), c.reason}, []string{state.Status, state.Reason})
			require.Nil(t, state.Photo)
			u, err := b.Uploads.Find(t.Context(), id)
			require.NoError(t, err)
			_, err = b.Blobs.Head(t.Context(), u.QuarantineKey)
			require.ErrorIs(t, err, blob.ErrNotFound)
			require.Equal(t, c.code, b.Complete(id).Want(http.StatusUnprocessableEntity).Code(), "refused again")
		})
	}
	require.Empty(t, taskstest.Tasks[upload.MakeVariants](t, b.DB))
}

func TestRequests(t *testing.T) {
	b := moduletest.Setup(t)
	good := moduletest.Declare("image/jpeg", []byte("x"))
	with := func(name string, value any) map[string]any {
		body := map[string]any{}
		for k, v := range good {
			body[k] = v
		}
		body[name] = value
		return body
	}
	id := b.Create("image/jpeg", []byte("x")).ID
	own, foreign := apptest.As(b.Owner), apptest.As(uuid.New())
	path := "/v1/uploads/" + id.String()
	b.App.Run(t, []apptest.Scenario{
		{Name: "nobody", Method: "POST", Path: "/v1/uploads", Body: good, Status: 401},
		{Name: "another type", Method: "POST", Path: "/v1/uploads", Token: own, Body: with("content_type", "image/gif"), Status: 415, Code: "uploads.type_not_allowed"},
		{Name: "too large", Method: "POST", Path: "/v1/uploads", Token: own, Body: with("bytes", 25<<20+1), Status: 413, Code: "uploads.too_large"},
		{Name: "no bytes", Method: "POST", Path: "/v1/uploads", Token: own, Body: with("bytes", 0), Status: 422, Contains: []string{"/body/bytes"}},
		{Name: "a bad checksum", Method: "POST", Path: "/v1/uploads", Token: own, Body: with("sha256", "abc"), Status: 422, Contains: []string{"/body/sha256"}},
		{Name: "a checksum in hex", Method: "POST", Path: "/v1/uploads", Token: own, Body: with("sha256", strings.Repeat("ab", 32)), Status: 422, Contains: []string{"/body/sha256"}},
		{Name: "an unknown field", Method: "POST", Path: "/v1/uploads", Token: own, Body: with("key", "originals/x"), Status: 422},
		{Name: "somebody else's", Path: path, Token: foreign, Status: 404, Code: "uploads.not_found"},
		{Name: "somebody else completes", Method: "POST", Path: path + "/complete", Token: foreign, Status: 404, Code: "uploads.not_found"},
		{Name: "a malformed id", Path: "/v1/uploads/1", Token: own, Status: 404, Code: "uploads.not_found"},
		{Name: "one's own", Path: path, Token: own, Status: 200, Contains: []string{`"pending"`}},
	}...)

	t.Run("the same key gets the same answer", func(t *testing.T) {
		request := apptest.Request{Method: "POST", Path: "/v1/uploads", Token: own, Body: good, Header: map[string]string{"Idempotency-Key": uuid.NewString()}}
		first := b.App.Do(t, request).Want(201)
		again := b.App.Do(t, request).Want(201)
		require.Equal(t, first.Body, again.Body)
		require.Equal(t, "/v1/uploads/"+fmt.Sprint(first.JSON()["id"]), first.Header.Get("Location"))
	})
}

func TestFault_P4_TypesAreReadAsTheyAreMeant(t *testing.T) {
	b := moduletest.Setup(t)
	content := moduletest.Picture(t, 40, 30)
	for _, contentType := range []string{"image/jpg", "IMAGE/JPEG", "Image/Jpg", " image/jpeg"} {
		_, completed := b.Send(contentType, content)
		require.Equal(t, http.StatusAccepted, completed.Status, contentType)
	}
}

func TestQuota(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[uploads.Config]("uploads")
	cfg.PerHour = 2
	b := moduletest.SetupWith(t, cfg)
	for range 2 {
		b.Create("image/jpeg", []byte("x"))
	}
	over := b.Do(b.Owner, http.MethodPost, "/v1/uploads", moduletest.Declare("image/jpeg", []byte("x"))).Want(http.StatusTooManyRequests)
	require.Equal(t, "uploads.quota_exceeded", over.Code())
	require.NotEmpty(t, over.Header.Get("Retry-After"))
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
	b := moduletest.Setup(t)
	w := moduletest.NewTools(t)
	plain := w.Write("plain.png", moduletest.PNG(t, moduletest.Canvas(40, 30)))
	still := moduletest.Picture(t, 40, 30)
	progressive := w.Run("late.jpg", "vips", "jpegsave", plain, "late.jpg", "--interlace")
	heic := w.Run("phone.heic", "heif-enc", plain, "-o", "phone.heic")
	w.Run("deep.png", "vips", "colourspace", plain, "deep.png", "rgb16")
	deep := w.Run("deep.heic", "heif-enc", "-b", "10", "deep.png", "-o", "deep.heic")
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
		{"a PNG of 50,000 frames", "image/png", moduletest.AnimatedPNG(t), "uploads.animated"},
		{"a moving WebP", "image/webp", moduletest.AnimatedWebP(), "uploads.animated"},
		{"a TIFF", "image/jpeg", w.Run("a.tif", "vips", "tiffsave", plain, "a.tif"), "uploads.mismatch"},
		{"an SVG", "image/webp", []byte(`<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>`), "uploads.mismatch"},
		{"a PDF", "image/png", []byte("%PDF-1.7\n1 0 obj\n<</Type/Catalog>>"), "uploads.mismatch"},
		{"a Photoshop file", "image/heic", append([]byte("8BPS\x00\x01"), make([]byte, 60)...), "uploads.mismatch"},
		{"a script of ImageMagick's", "image/jpeg", []byte("push graphic-context\nfill 'url(https://127.0.0.1/x)'\npop graphic-context"), "uploads.mismatch"},
		{"a flood in a PNG", "image/png", moduletest.Flood(64_250, 64_250), "uploads.too_many_pixels"},
		{"a flood in a JPEG", "image/jpeg", resized(t, still, 0xC0, 64_250, 64_250), "uploads.too_many_pixels"},
		{"a flood in a HEIC", "image/heic", resizedHEIC(t, heic, 64_250, 64_250), "uploads.too_many_pixels"},
		{"26 megapixels that cannot be streamed, in a JPEG", "image/jpeg", resized(t, progressive, 0xC2, 5200, 5001), "uploads.too_many_pixels"},
		{"27 megapixels of 10 bits, in a HEIC", "image/heic", resizedHEIC(t, deep, 5200, 5200), "uploads.too_large"},
		{"51 megapixels, in a HEIC", "image/heic", resizedHEIC(t, heic, 10_200, 5_000), "uploads.too_many_pixels"},
		{"a JPEG's first bytes", "image/jpeg", still[:100], "uploads.corrupt"},
		{"a HEIC's first bytes", "image/heic", heic[:200], "uploads.corrupt"},
	} {
		id, completed := b.Send(c.contentType, c.content)
		require.Equal(t, http.StatusUnprocessableEntity, completed.Status, c.name)
		require.Equal(t, c.code, completed.Code(), c.name)
		require.Equal(t, string(upload.Failed), b.Find(id).Status, c.name)
	}
	_, streamed := b.Send("image/jpeg", resized(t, still, 0xC0, 5200, 5001))
	streamed.Want(http.StatusAccepted) // as many pixels are taken where they can be streamed
}

// What a decoder cannot hold is refused at once, and how much it can hold is told.
func TestFault_P1_TheLimitIsTold(t *testing.T) {
	t.Parallel()
	cfg := defaults.Section[uploads.Config]("uploads")
	told := func() map[string]any {
		return intake.Bootstrap(cfg).Members["uploads"].(map[string]any)
	}
	require.EqualValues(t, 49_000_000, told()["max_heic_pixels"])
	require.EqualValues(t, 26_000_000, told()["max_deep_heic_pixels"])
	cfg.ImageMemory = 128 << 20
	require.EqualValues(t, 11_000_000, told()["max_heic_pixels"])
	b := moduletest.SetupWith(t, cfg)
	w := moduletest.NewTools(t)
	heic := w.Run("phone.heic", "heif-enc", w.Write("plain.jpg", moduletest.Picture(t, 40, 30)), "-o", "phone.heic")
	id, completed := b.Send("image/heic", resizedHEIC(t, heic, 4000, 3000))
	require.Equal(t, "uploads.too_large", completed.Want(http.StatusUnprocessableEntity).Code())
	require.Contains(t, string(completed.Body), "11 megapixels")
	require.Equal(t, string(upload.TooLarge), b.Find(id).Reason)
}
