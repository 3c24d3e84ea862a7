package processing_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/upload"
)

// What is no part of the picture costs nothing, and what is made to take long is refused before it is decoded.
func TestFault_P5_PoisonShelf(t *testing.T) {
	b := moduletest.Setup(t)
	w := moduletest.NewTools(t)
	plain := w.Write("plain.png", moduletest.PNG(t, moduletest.Canvas(300, 180)))
	webp := w.Run("plain.webp", "vips", "copy", plain, "plain.webp[strip]")
	for _, c := range []struct {
		name, contentType string
		content           []byte
		accepted          bool
		reason            upload.Reason // "": becomes a photo
	}{
		{"texts and a profile that inflate", "image/png", moduletest.Inflating(t, 50<<20, 6), true, ""},
		{"a profile of 16 MB", "image/jpeg", moduletest.HugeProfile(t), true, ""},
		{"20,000 markers", "image/jpeg", moduletest.ManyMarkers(t, 20_000), true, ""},
		{"100,000 markers", "image/jpeg", moduletest.ManyMarkers(t, 100_000), true, upload.TooComplex},
		{"a WebP with 8 MB beside the picture", "image/webp", moduletest.BulkyWebP(webp, 300, 180, 4<<20), true, ""},
		{"a few scans more than usual", "image/jpeg", w.ManyScans(640, 480, 20), true, ""},
		{"101 scans", "image/jpeg", w.ManyScans(640, 480, 101), true, upload.TooComplex},
		{"20,000 scans of six megapixels", "image/jpeg", w.ManyScans(3000, 2000, 20_000), true, upload.TooComplex},
		{"an interlaced PNG of 16 bits", "image/png", moduletest.Deep(t, 1500, 1000), true, ""},
		{"a tile over itself 200 times", "image/heic", w.TiledAgain(640, 200, false), false, upload.TooComplex},
		{"tiles of tiles", "image/heic", w.TiledAgain(64, 2, true), false, upload.TooComplex},
	} {
		began := time.Now()
		id, completed := b.Send(c.contentType, c.content)
		if c.accepted {
			require.Equal(t, http.StatusAccepted, completed.Status, "%s: %s", c.name, completed.Body)
		} else {
			require.Equal(t, "uploads."+string(c.reason), completed.Want(http.StatusUnprocessableEntity).Code(), c.name)
		}
		b.Drain()
		state := b.Find(id)
		require.Equal(t, string(c.reason), state.Reason, c.name)
		if c.reason == "" {
			require.Equal(t, string(upload.Ready), state.Status, c.name)
		}
		t.Logf("%s: %d kB, %s", c.name, len(c.content)>>10, time.Since(began))
	}
}

func TestFault_P3_OnlyTheEndIsMissing(t *testing.T) {
	b := moduletest.Setup(t)
	w := moduletest.NewTools(t)
	baseline := moduletest.Picture(t, 300, 180)
	w.Write("plain.jpg", baseline)
	progressive := w.Run("late.jpg", "vips", "jpegsave", "plain.jpg", "late.jpg", "--interlace")
	for name, c := range map[string]struct {
		content []byte
		reason  upload.Reason
	}{
		"without the end marker":                {baseline[:len(baseline)-2], ""},
		"half an end marker":                    {baseline[:len(baseline)-1], ""},
		"progressive, without the end marker":   {progressive[:len(progressive)-2], ""},
		"stray bytes between segments":          {stray(t, baseline), ""},
		"half a picture":                        {baseline[:len(baseline)/2], upload.Corrupt},
		"half a progressive picture":            {progressive[:len(progressive)/2], upload.Corrupt},
		"all but the last bytes of the picture": {baseline[:len(baseline)-40], upload.Corrupt},
		"progressive, without its last scan":    {lastScanCut(t, progressive), upload.Corrupt},
	} {
		id, completed := b.Send("image/jpeg", c.content)
		require.Equal(t, http.StatusAccepted, completed.Status, name)
		b.Drain()
		require.Equal(t, string(c.reason), b.Find(id).Reason, name)
	}
}

// stray puts bytes that belong to nothing between the segments of a JPEG.
func stray(t *testing.T, content []byte) []byte {
	t.Helper()
	at := bytes.Index(content, []byte{0xFF, 0xC4})
	require.Positive(t, at)
	return bytes.Join([][]byte{content[:at], []byte("stray\xff\x00"), content[at:]}, nil)
}

func lastScanCut(t *testing.T, content []byte) []byte {
	t.Helper()
	at := bytes.LastIndex(content, []byte{0xFF, 0xDA})
	require.Positive(t, at)
	return content[:at]
}

// Extended XMP lies before the frame header: it is skipped, not counted as picture.
func TestFault_P11_ExtendedXMP(t *testing.T) {
	b := moduletest.Setup(t)
	for _, size := range []int{3 << 20, 20 << 20} {
		id, completed := b.Send("image/jpeg", moduletest.WithXMP(moduletest.Picture(t, 300, 180), size))
		require.Equal(t, http.StatusAccepted, completed.Status, "%s", completed.Body)
		b.Drain()
		require.Equal(t, string(upload.Ready), b.Find(id).Status)
	}
}
