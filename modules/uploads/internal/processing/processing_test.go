package processing_test

import (
	"bytes"
	"fmt"
	"image"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/config/defaults"
	"atrium/modules/uploads"
	"atrium/modules/uploads/internal/moduletest"
	"atrium/modules/uploads/internal/processing"
	"atrium/modules/uploads/internal/upload"
	"atrium/platform/blob"
	"atrium/platform/tasks/taskstest"
)

func TestOrientationsBecomeUpright(t *testing.T) {
	b := moduletest.Setup(t)
	// Where the red corner of the stored picture must be, upright: left or right, top or bottom.
	corners := map[uint16][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}}
	ids := map[uint16]uuid.UUID{}
	for orientation := range corners {
		id, completed := b.Send("image/jpeg", moduletest.WithEXIF(t, moduletest.Picture(t, 300, 180), orientation))
		completed.Want(http.StatusAccepted)
		ids[orientation] = id
	}
	b.Drain()
	for orientation, corner := range corners {
		t.Run(fmt.Sprint("orientation ", orientation), func(t *testing.T) {
			p := b.Photo(ids[orientation])
			width, height := 300, 180
			if orientation >= 5 {
				width, height = height, width
			}
			require.Equal(t, [2]int{width, height}, [2]int{p.Width, p.Height})
			_, body := moduletest.Fetch(t, p, 300, "jpeg")
			img, _, err := image.Decode(bytes.NewReader(body))
			require.NoError(t, err)
			require.Equal(t, image.Pt(width, height), img.Bounds().Size())
			r, g, _, _ := img.At(10+corner[0]*(width-20), 10+corner[1]*(height-20)).RGBA()
			require.Greater(t, r, 2*g, "the corner is red")
		})
	}
}

func TestFault_P2_NearlySquare(t *testing.T) {
	b := moduletest.Setup(t)
	for orientation, want := range map[uint16][2]int{1: {3000, 2999}, 6: {2999, 3000}} {
		id, completed := b.Send("image/jpeg", moduletest.WithEXIF(t, moduletest.Plain(t, 3000, 2999), orientation))
		completed.Want(http.StatusAccepted)
		b.Drain()
		p := b.Photo(id)
		require.Equal(t, want, [2]int{p.Width, p.Height}, "orientation %d", orientation)
	}
}

func TestHEICFromAPhone(t *testing.T) {
	b := moduletest.Setup(t)
	folder := t.TempDir()
	source := filepath.Join(folder, "in.jpg")
	require.NoError(t, os.WriteFile(source, moduletest.WithEXIF(t, moduletest.Picture(t, 640, 480), 1), 0o600))
	text, err := exec.CommandContext(t.Context(), "heif-enc", source, "-o", filepath.Join(folder, "out.heic")).CombinedOutput()
	require.NoError(t, err, "%s", text)
	content, err := os.ReadFile(filepath.Join(folder, "out.heic"))
	require.NoError(t, err)
	require.Contains(t, string(content), moduletest.SecretPlace, "the fixture carries metadata")

	for _, contentType := range []string{"image/heic", "image/heif"} {
		id, completed := b.Send(contentType, content)
		completed.Want(http.StatusAccepted)
		b.Drain()
		p := b.Photo(id)
		require.Equal(t, [2]int{640, 480}, [2]int{p.Width, p.Height})
		for _, format := range p.Formats {
			status, body := moduletest.Fetch(t, p, 640, format)
			require.Equal(t, http.StatusOK, status)
			moduletest.RequireNoMetadata(t, body)
		}
	}
}

func TestAPictureThatIsFoundOutLaterFailsAlone(t *testing.T) {
	b := moduletest.Setup(t)
	whole := moduletest.Picture(t, 900, 700)
	truncated, completed := b.Send("image/jpeg", whole[:len(whole)/2])
	completed.Want(http.StatusAccepted)
	hollow, completed := b.Send("image/png", moduletest.Flood(400, 300)) // says what it is, and has no pixels
	completed.Want(http.StatusAccepted)
	polyglot, completed := b.Send("image/jpeg", append(whole, "<script>"+moduletest.SecretPlace+"</script>PK\x03\x04"...))
	completed.Want(http.StatusAccepted)
	b.Drain()

	for _, id := range []uuid.UUID{truncated, hollow} {
		state := b.Find(id)
		require.Equal(t, []string{string(upload.Failed), string(upload.Corrupt)}, []string{state.Status, state.Reason})
	}
	require.Equal(t, string(upload.Ready), b.Find(polyglot).Status)
	for _, format := range []string{"webp", "jpeg"} {
		_, body := moduletest.Fetch(t, b.Photo(polyglot), 900, format)
		moduletest.RequireNoMetadata(t, body)
	}
}

func TestFault_P8_WhatWasKilledForTimeIsNotTriedAgain(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, "vips"), []byte("#!/bin/sh\nexec sleep 600\n"), 0o700))
	cfg := defaults.Section[uploads.Config]("uploads")
	cfg.ImageTime, cfg.VipsFolder, cfg.TempFolder = 200*time.Millisecond, folder, t.TempDir()
	b := moduletest.SetupWith(t, cfg)
	id, completed := b.Send("image/jpeg", moduletest.Picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	taskstest.Drain(t, b.DB, b.Handlers...)
	state := b.Find(id)
	require.Equal(t, []string{string(upload.Failed), string(upload.TooComplex)}, []string{state.Status, state.Reason})
	left, err := os.ReadDir(cfg.TempFolder)
	require.NoError(t, err)
	require.Empty(t, left, "no file in work is left behind")
}

func TestAWorkerThatDiesOverAPictureThreeTimesGivesItUp(t *testing.T) {
	b := moduletest.Setup(t)
	id, completed := b.Send("image/jpeg", moduletest.Picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	for range 3 {
		_, err := processing.CountTry(b.Processing.Store, t.Context(), id)
		require.NoError(t, err)
	}
	b.Drain()
	require.Equal(t, string(upload.TooComplex), b.Find(id).Reason)
}

func TestABucketThatIsAwayIsNoFaultOfThePicture(t *testing.T) {
	b := moduletest.Setup(t)
	id, completed := b.Send("image/jpeg", moduletest.Picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	nowhere, err := blob.New(t.Context(), blob.Config{
		Endpoint: "http://127.0.0.1:1", Region: "eu-central-1", Bucket: "none", AccessKeyID: "a", SecretAccessKey: "b", PathStyle: true,
	})
	require.NoError(t, err)
	away := b.Processing
	away.Blobs = nowhere
	cut := processing.NewService(away)
	require.Error(t, cut.MakeVariants(t.Context(), id))
	require.Equal(t, string(upload.Processing), b.Find(id).Status)
	b.Drain()
	require.Equal(t, string(upload.Ready), b.Find(id).Status)
}

func TestMakeVariants_IsIdempotent(t *testing.T) {
	b := moduletest.Setup(t)
	service := processing.NewService(b.Processing)
	id, completed := b.Send("image/jpeg", moduletest.Picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	var group sync.WaitGroup
	for range 2 {
		group.Go(func() {
			// Who comes later may find the file gone from quarantine: then the photo is there.
			if err := service.MakeVariants(t.Context(), id); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.NoError(t, service.MakeVariants(t.Context(), id))
	require.Equal(t, string(upload.Ready), b.Find(id).Status)
	require.Len(t, taskstest.Events[uploads.Ready](t, b.DB), 1)
	status, _ := moduletest.Fetch(t, b.Photo(id), 100, "webp")
	require.Equal(t, http.StatusOK, status)
}

func TestAnUploadThatIsGivenUpWhileInWorkLeavesNothingBehind(t *testing.T) {
	b := moduletest.Setup(t)
	ctx := t.Context()
	id, completed := b.Send("image/jpeg", moduletest.Picture(t, 100, 80))
	completed.Want(http.StatusAccepted)
	u, err := b.Uploads.Find(ctx, id)
	require.NoError(t, err)
	require.NoError(t, b.Cleanup.Sweep(ctx, 0)) // row and file are gone; the worker has both in its hands
	require.NoError(t, b.Blobs.Put(ctx, u.QuarantineKey, u.ContentType, "", strings.NewReader(string(moduletest.Picture(t, 100, 80)))))
	require.NoError(t, processing.Process(processing.NewService(b.Processing), ctx, u))
	b.RequireErased(u)
}
