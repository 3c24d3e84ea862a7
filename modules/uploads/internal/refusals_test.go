package internal

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image/gif"
	"image/png"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap/zaptest"

	"atrium/modules/uploads"
	"atrium/platform/apptest"
	"atrium/platform/blob"
	"atrium/platform/tasks/taskstest"
)

func chunk(name string, body []byte) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(len(body)))
	b = append(append(b, name...), body...)
	return binary.BigEndian.AppendUint32(b, crc32.ChecksumIEEE(b[4:]))
}

// flood is a PNG of a few bytes that claims to be enormous.
func flood(width, height uint32) []byte {
	head := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, width), height)
	return bytes.Join([][]byte{[]byte("\x89PNG\r\n\x1a\n"), chunk("IHDR", append(head, 8, 2, 0, 0, 0)), chunk("IDAT", []byte{0x78, 0x9c, 3, 0, 0, 0, 0, 1}), chunk("IEND", nil)}, nil)
}

// plainPNG is a still picture.
func plainPNG(t *testing.T) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, canvas(40, 30)))
	return b.Bytes()
}

// animatedPNG announces 50,000 frames.
func animatedPNG(t *testing.T) []byte {
	t.Helper()
	whole := plainPNG(t)
	const afterIHDR = 8 + 25
	return bytes.Join([][]byte{whole[:afterIHDR], chunk("tEXt", make([]byte, 5000)), chunk("acTL", []byte{0, 0, 0xC3, 0x50, 0, 0, 0, 0}), whole[afterIHDR:]}, nil)
}

func animatedWebP() []byte {
	body := append([]byte("WEBPVP8X\x0a\x00\x00\x00\x02\x00\x00\x00"), 99, 0, 0, 99, 0, 0)
	return append(binary.LittleEndian.AppendUint32([]byte("RIFF"), uint32(len(body))), body...)
}

func TestWhatIsNoPhotoIsRefusedAndDeleted(t *testing.T) {
	b := setup(t)
	var still bytes.Buffer
	require.NoError(t, gif.Encode(&still, canvas(20, 20), nil))
	cases := []struct {
		name, contentType string
		content           []byte
		code, reason      string
	}{
		{"text", "image/jpeg", []byte("no picture at all"), "uploads.mismatch", reasonMismatch},
		{"a png declared a jpeg", "image/jpeg", plainPNG(t), "uploads.mismatch", reasonMismatch},
		{"a gif", "image/png", still.Bytes(), "uploads.mismatch", reasonMismatch},
		{"an svg", "image/png", []byte(`<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>`), "uploads.mismatch", reasonMismatch},
		{"a pdf", "image/jpeg", []byte("%PDF-1.7\n1 0 obj"), "uploads.mismatch", reasonMismatch},
		{"a photoshop file", "image/jpeg", []byte("8BPS\x00\x01"), "uploads.mismatch", reasonMismatch},
		{"a tiff", "image/jpeg", []byte("II*\x00\x08\x00\x00\x00"), "uploads.mismatch", reasonMismatch},
		{"a gif that goes on as a jpeg", "image/jpeg", append([]byte("GIF89a"), picture(t, 9, 9)...), "uploads.mismatch", reasonMismatch},
		{"an avif", "image/heic", []byte("\x00\x00\x00\x1cftypavif\x00\x00\x00\x00avifmif1miaf"), "uploads.mismatch", reasonMismatch},
		{"a pixel flood", "image/png", flood(64_250, 64_250), "uploads.too_many_pixels", reasonTooManyPixels},
		{"one side too long", "image/png", flood(16_001, 1), "uploads.too_many_pixels", reasonTooManyPixels},
		{"51 megapixels", "image/png", flood(10_200, 5_000), "uploads.too_many_pixels", reasonTooManyPixels},
		{"an animated png", "image/png", animatedPNG(t), "uploads.animated", reasonAnimated},
		{"an animated webp", "image/webp", animatedWebP(), "uploads.animated", reasonAnimated},
		{"the first bytes of a jpeg", "image/jpeg", picture(t, 90, 90)[:100], "uploads.corrupt", reasonCorrupt},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			id, completed := b.send(c.contentType, c.content)
			require.Equal(t, c.code, completed.Want(http.StatusUnprocessableEntity).Code())
			state := b.find(id)
			require.Equal(t, []string{failed, c.reason}, []string{state.Status, state.Reason})
			require.Nil(t, state.Photo)
			u, err := b.store.find(t.Context(), id)
			require.NoError(t, err)
			_, err = b.blobs.Head(t.Context(), u.QuarantineKey)
			require.ErrorIs(t, err, blob.ErrNotFound)
			require.Equal(t, c.code, b.complete(id).Want(http.StatusUnprocessableEntity).Code(), "refused again")
		})
	}
	require.Empty(t, taskstest.Tasks[MakeVariants](t, b.db))
}

func TestAPictureThatIsFoundOutLaterFailsAlone(t *testing.T) {
	b := setup(t)
	whole := picture(t, 900, 700)
	truncated, completed := b.send("image/jpeg", whole[:len(whole)/2])
	completed.Want(http.StatusAccepted)
	hollow, completed := b.send("image/png", flood(400, 300)) // says what it is, and has no pixels
	completed.Want(http.StatusAccepted)
	polyglot, completed := b.send("image/jpeg", append(whole, "<script>"+secretPlace+"</script>PK\x03\x04"...))
	completed.Want(http.StatusAccepted)
	b.drain()

	for _, id := range []uuid.UUID{truncated, hollow} {
		state := b.find(id)
		require.Equal(t, []string{failed, reasonCorrupt}, []string{state.Status, state.Reason})
	}
	require.Equal(t, ready, b.find(polyglot).Status)
	for _, format := range []string{"webp", "jpeg"} {
		_, body := fetch(t, b.photo(polyglot), 900, format)
		leaks(t, body)
	}
}

func TestAPictureThatHangsIsGivenUpAfterThreeTries(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), []byte("#!/bin/sh\nsleep 600\n"), 0o700))
	cfg := uploads.DefaultConfig()
	cfg.ImageTime, cfg.VipsFolder, cfg.TempFolder = 200*time.Millisecond, folder, t.TempDir()
	b := setupWith(t, cfg)
	id, completed := b.send("image/jpeg", picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	for try := range mostTries {
		require.Equal(t, processing, b.find(id).Status, "before try %d", try+1)
		taskstest.Try(t, b.db, b.handlers...)
	}
	state := b.find(id)
	require.Equal(t, []string{failed, reasonTooComplex}, []string{state.Status, state.Reason})
	left, err := os.ReadDir(cfg.TempFolder)
	require.NoError(t, err)
	require.Empty(t, left, "no file in work is left behind")
}

func TestAWorkerThatDiesOverAPictureThreeTimesGivesItUp(t *testing.T) {
	b := setup(t)
	id, completed := b.send("image/jpeg", picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	for range mostTries {
		_, err := b.store.beginTry(t.Context(), id)
		require.NoError(t, err)
	}
	b.drain()
	require.Equal(t, reasonTooComplex, b.find(id).Reason)
}

func TestABucketThatIsAwayIsNoFaultOfThePicture(t *testing.T) {
	b := setup(t)
	id, completed := b.send("image/jpeg", picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	nowhere, err := blob.New(t.Context(), blob.Config{
		Endpoint: "http://127.0.0.1:1", Region: "eu-central-1", Bucket: "none", AccessKeyID: "a", SecretAccessKey: "b", PathStyle: true,
	})
	require.NoError(t, err)
	cut := NewStudio(uploads.DefaultConfig(), b.db, b.store, nil, nowhere, b.keeper, zaptest.NewLogger(t))
	require.Error(t, cut.MakeVariants(t.Context(), id))
	require.Equal(t, processing, b.find(id).Status)
	b.drain()
	require.Equal(t, ready, b.find(id).Status)
}

func TestRequests(t *testing.T) {
	b := setup(t)
	good := declare("image/jpeg", []byte("x"))
	with := func(name string, value any) map[string]any {
		body := map[string]any{}
		for k, v := range good {
			body[k] = v
		}
		body[name] = value
		return body
	}
	id := b.create("image/jpeg", []byte("x")).ID
	own, foreign := apptest.As(b.owner), apptest.As(uuid.New())
	path := "/v1/uploads/" + id.String()
	b.app.Run(t, []apptest.Scenario{
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
		first := b.app.Do(t, request).Want(201)
		again := b.app.Do(t, request).Want(201)
		require.Equal(t, first.Body, again.Body)
		require.Equal(t, "/v1/uploads/"+fmt.Sprint(first.JSON()["id"]), first.Header.Get("Location"))
	})
}

func TestQuota(t *testing.T) {
	t.Parallel()
	cfg := uploads.DefaultConfig()
	cfg.PerHour = 2
	b := setupWith(t, cfg)
	for range 2 {
		b.create("image/jpeg", []byte("x"))
	}
	over := b.do(b.owner, http.MethodPost, "/v1/uploads", declare("image/jpeg", []byte("x"))).Want(http.StatusTooManyRequests)
	require.Equal(t, "uploads.quota_exceeded", over.Code())
	require.NotEmpty(t, over.Header.Get("Retry-After"))
}
