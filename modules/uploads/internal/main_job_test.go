package internal

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"atrium/modules/uploads"
	"atrium/platform/apptest"
	"atrium/platform/arrivals"
	"atrium/platform/blob"
	"atrium/platform/stacktest"
	"atrium/platform/tasks/taskstest"
)

func TestAPhotoComesIn(t *testing.T) {
	b := setup(t)
	content := withEXIF(t, picture(t, 1600, 1200), 1)
	created := b.create("image/jpeg", content)
	require.Equal(t, pending, created.Status)
	require.Equal(t, http.MethodPut, created.Upload.Method)

	early := b.complete(created.ID).Want(http.StatusConflict)
	require.Equal(t, "uploads.not_uploaded", early.Code())

	require.NotEqual(t, http.StatusOK, b.put(created, append(bytes.Clone(content), 'x')), "another length")
	require.NotEqual(t, http.StatusOK, b.put(created, append(bytes.Clone(content[:len(content)-1]), 'x')), "other bytes")
	require.Equal(t, http.StatusOK, b.put(created, content))
	require.Equal(t, http.StatusPreconditionFailed, b.put(created, content), "a second time")

	require.Equal(t, processing, apptest.Read[answer](b.complete(created.ID).Want(http.StatusAccepted)).Status)
	waiting := b.do(b.owner, http.MethodGet, "/v1/uploads/"+created.ID.String(), nil).Want(http.StatusOK)
	require.Equal(t, "1", waiting.Header.Get("Retry-After"))
	require.NotContains(t, string(waiting.Body), `"photo"`)

	b.drain()
	done := b.do(b.owner, http.MethodGet, "/v1/uploads/"+created.ID.String(), nil).Want(http.StatusOK)
	require.Empty(t, done.Header.Get("Retry-After"))
	got := apptest.Read[answer](done)
	require.Equal(t, ready, got.Status)
	p := got.Photo
	require.Equal(t, [2]int{1600, 1200}, [2]int{p.Width, p.Height})
	require.Equal(t, []int{200, 640, 1080, 1600}, p.Sizes)
	require.Equal(t, []string{"webp", "jpeg"}, p.Formats)
	require.NotEmpty(t, p.Blurhash)
	require.Equal(t, p.Palette[0].Color, p.DominantColor)
	require.NotNil(t, p.URLsExpireAt, "nobody has claimed it: not for everybody")
	for _, size := range p.Sizes {
		for _, format := range p.Formats {
			status, body := fetch(t, *p, size, format)
			require.Equal(t, http.StatusOK, status)
			leaks(t, body)
		}
	}
	require.Equal(t, []uploads.Ready{{UploadID: created.ID, OwnerID: b.owner}}, taskstest.Events[uploads.Ready](t, b.db))

	u, err := b.store.find(t.Context(), created.ID)
	require.NoError(t, err)
	_, err = b.blobs.Head(t.Context(), u.QuarantineKey)
	require.ErrorContains(t, err, "not_found", "quarantine is empty again")
	_, err = b.blobs.Head(t.Context(), u.originalKey())
	require.NoError(t, err, "the original is kept")

	require.Equal(t, ready, apptest.Read[answer](b.complete(created.ID).Want(http.StatusAccepted)).Status, "completing again changes nothing")
}

func TestOrientationsBecomeUpright(t *testing.T) {
	b := setup(t)
	// Where the red corner of the stored picture must be, upright: left or right, top or bottom.
	corners := map[uint16][2]int{1: {0, 0}, 2: {1, 0}, 3: {1, 1}, 4: {0, 1}, 5: {0, 0}, 6: {1, 0}, 7: {1, 1}, 8: {0, 1}}
	ids := map[uint16]uuid.UUID{}
	for orientation := range corners {
		id, completed := b.send("image/jpeg", withEXIF(t, picture(t, 300, 180), orientation))
		completed.Want(http.StatusAccepted)
		ids[orientation] = id
	}
	b.drain()
	for orientation, corner := range corners {
		t.Run(fmt.Sprint("orientation ", orientation), func(t *testing.T) {
			p := b.photo(ids[orientation])
			width, height := 300, 180
			if orientation >= 5 {
				width, height = height, width
			}
			require.Equal(t, [2]int{width, height}, [2]int{p.Width, p.Height})
			_, body := fetch(t, p, 300, "jpeg")
			img, _, err := image.Decode(bytes.NewReader(body))
			require.NoError(t, err)
			require.Equal(t, image.Pt(width, height), img.Bounds().Size())
			r, g, _, _ := img.At(10+corner[0]*(width-20), 10+corner[1]*(height-20)).RGBA()
			require.Greater(t, r, 2*g, "the corner is red")
		})
	}
}

func TestHEICFromAPhone(t *testing.T) {
	b := setup(t)
	folder := t.TempDir()
	source := filepath.Join(folder, "in.jpg")
	require.NoError(t, os.WriteFile(source, withEXIF(t, picture(t, 640, 480), 1), 0o600))
	text, err := exec.CommandContext(t.Context(), "heif-enc", source, "-o", filepath.Join(folder, "out.heic")).CombinedOutput()
	require.NoError(t, err, "%s", text)
	content, err := os.ReadFile(filepath.Join(folder, "out.heic"))
	require.NoError(t, err)
	require.Contains(t, string(content), secretPlace, "the fixture carries metadata")

	for _, contentType := range []string{"image/heic", "image/heif"} {
		id, completed := b.send(contentType, content)
		completed.Want(http.StatusAccepted)
		b.drain()
		p := b.photo(id)
		require.Equal(t, [2]int{640, 480}, [2]int{p.Width, p.Height})
		for _, format := range p.Formats {
			status, body := fetch(t, p, 640, format)
			require.Equal(t, http.StatusOK, status)
			leaks(t, body)
		}
	}
}

func TestCompletingConcurrentlyMakesOneTask(t *testing.T) {
	b := setup(t)
	content := picture(t, 100, 80)
	created := b.create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.put(created, content))
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			_, err := b.service.Complete(t.Context(), b.owner, created.ID)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.Len(t, taskstest.Tasks[MakeVariants](t, b.db), 1)
}

func TestS3SaysThatAFileArrived(t *testing.T) {
	b := setup(t)
	content := picture(t, 100, 80)
	created := b.create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.put(created, content))
	u, err := b.store.find(t.Context(), created.ID)
	require.NoError(t, err)
	for range 2 { // events may come twice
		require.NoError(t, b.service.Arrived(t.Context(), u.QuarantineKey))
	}
	require.NoError(t, b.service.Arrived(t.Context(), "quarantine/unknown"))
	require.Len(t, taskstest.Tasks[MakeVariants](t, b.db), 1)
	b.drain()
	require.Equal(t, ready, b.find(created.ID).Status)
}

// stackQueue is where the stack's bucket tells of its objects. No other test listens.
func stackQueue(t *testing.T) *arrivals.Queue {
	t.Helper()
	queue, err := arrivals.New(
		arrivals.Config{Endpoint: stacktest.Env(t, "ATRIUM_SQS_ENDPOINT"), QueueURL: stacktest.Env(t, "ATRIUM_SQS_QUEUE_URL")},
		blob.Config{Region: "eu-central-1", Bucket: stacktest.Env(t, "ATRIUM_S3_BUCKET"), AccessKeyID: "a", SecretAccessKey: "b"})
	require.NoError(t, err)
	return queue
}

// arrival hands the next event about a file of the owner to the service, and returns the file's key.
func (b *bundle) arrival(queue *arrivals.Queue) (key string) {
	b.t.Helper()
	for key == "" {
		require.NoError(b.t, queue.Poll(b.t.Context(), func(ctx context.Context, k string) error {
			if !strings.HasPrefix(k, "quarantine/"+b.owner.String()+"/") {
				return nil // another test's
			}
			key = k
			return b.service.Arrived(ctx, k)
		}))
	}
	return key
}

// A phone that dies after the PUT loses nothing: S3 tells SQS, SQS tells the worker. Duplicates and a late second PUT change nothing.
func TestS3sOwnEventCompletesAnUpload(t *testing.T) {
	t.Parallel()
	b := setupWith(t, uploads.DefaultConfig())
	queue := stackQueue(t)
	content := picture(t, 100, 80)
	created := b.create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.put(created, content))
	key := b.arrival(queue)
	require.Equal(t, processing, b.find(created.ID).Status)
	require.NoError(t, b.service.Arrived(t.Context(), key), "a duplicate while it is in work")
	b.complete(created.ID).Want(http.StatusAccepted)
	b.drain()
	require.Equal(t, ready, b.find(created.ID).Status)
	require.Len(t, taskstest.Tasks[MakeVariants](t, b.db), 1)

	require.Equal(t, http.StatusOK, b.put(created, content), "quarantine is empty again")
	require.Equal(t, key, b.arrival(queue))
	_, err := b.blobs.Head(t.Context(), key)
	require.ErrorIs(t, err, blob.ErrNotFound, "and stays empty")
	require.Equal(t, ready, b.find(created.ID).Status)
}

func TestTheClientHearsOfARefusalThatS3sEventBroughtAbout(t *testing.T) {
	b := setup(t)
	content := []byte("no picture at all")
	created := b.create("image/jpeg", content)
	require.Equal(t, http.StatusOK, b.put(created, content))
	u, err := b.store.find(t.Context(), created.ID)
	require.NoError(t, err)
	require.NoError(t, b.service.Arrived(t.Context(), u.QuarantineKey))
	require.Equal(t, "uploads.mismatch", b.complete(created.ID).Want(http.StatusUnprocessableEntity).Code())
}
